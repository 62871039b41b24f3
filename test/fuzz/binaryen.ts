import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = join(__dirname, '../../node_modules/binaryen/bin/wasm-opt');
/** What the compiler takes, and nothing else. */
const FEATURES = [
  '--mvp-features',
  ...['sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'simd', 'bulk-memory'],
  ...['bulk-memory-opt', 'multivalue', 'reference-types'],
].map((each, i) => (i === 0 ? each : `--enable-${each}`));

type Program = (
  module: object,
  require: NodeJS.Require,
  process: object,
  commonModule: object,
  fileName: string,
  folder: string,
  webAssembly: object,
) => void;

/**
 * Binaryen's generator of random valid modules, in this process: its program is read and its code
 * compiled once, where starting it anew takes a second and a half each time.
 */
export class BinaryenGenerator {
  private readonly directory = mkdtempSync(join(tmpdir(), 'sledge-binaryen-'));
  private readonly program: Program;
  private compiled: WebAssembly.Module | undefined;

  constructor() {
    const text = readFileSync(PROGRAM, 'utf8')
      .replace(/^#!.*/, '')
      .replace(
        'function binaryDecode(bin){',
        '$&if(WebAssembly.isCompiled)return new Uint8Array(1);',
      );
    const names = ['Module', 'require', 'process', 'module', '__filename', '__dirname'];
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    this.program = new Function(...names, 'WebAssembly', text) as Program;
  }

  /** A module made from these bytes, by binaryen's rules; `--translate-to-fuzz`. */
  async generate(seed: Uint8Array): Promise<Uint8Array> {
    const [input, output] = ['input', 'output.wasm'].map((name) => join(this.directory, name));
    writeFileSync(input ?? '', seed);
    rmSync(output ?? '', { force: true });
    await this.run(['-ttf', ...FEATURES, input ?? '', '-o', output ?? '']);
    return new Uint8Array(readFileSync(output ?? ''));
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private run(args: readonly string[]): Promise<void> {
    const messages: string[] = [];
    return new Promise((resolve, reject) => {
      const done = (): void => {
        if (shadow.exitCode === 0) resolve();
        else reject(new Error(`wasm-opt: ${messages.join(' ').slice(0, 500)}`));
      };
      const shadow = Object.create(process, {
        argv: { value: ['node', PROGRAM, ...args] },
        on: { value: () => undefined },
        exitCode: { value: 0, writable: true },
        exit: { value: done },
      }) as { exitCode: number };
      const module = {
        print: (line: string) => messages.push(line),
        printErr: (line: string) => messages.push(line),
        postRun: () => setImmediate(done),
        onExit: () => setImmediate(done),
        onAbort: (what: string) => reject(new Error(`wasm-opt: ${what}`)),
      };

      this.program(
        module,
        require,
        shadow,
        { exports: {} },
        PROGRAM,
        this.directory,
        this.shared(),
      );
    });
  }

  /** WebAssembly, but that the program's code is compiled only once. */
  private shared(): object {
    const instantiate = async (bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports) => {
      this.compiled ??= new WebAssembly.Module(bytes);
      return { module: this.compiled, instance: new WebAssembly.Instance(this.compiled, imports) };
    };
    const isCompiled = this.compiled !== undefined;
    return Object.assign(Object.create(WebAssembly) as object, { instantiate, isCompiled });
  }
}
