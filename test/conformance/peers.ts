import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WASI } from 'node:wasi';
import sandboxAwsm, { type SandboxAwsmOptions } from '@sledge/sandbox-awsm';
import type { SandboxInstance } from '@sledge/core';

const SUPPORT = join(__dirname, 'support');
const INCLUDE = join(__dirname, '../../native/include');
const WASM2C_RUNTIME = '/usr/share/wabt/wasm2c';
const LLVM_BIN = '/usr/lib/llvm-14/bin';
const TRAP_EXIT_CODE = 134;
const RUN_TIMEOUT_MS = 60_000;

/** How a program ended; a trap has no exit code. */
export interface Ending {
  readonly output: string;
  readonly exitCode: number | 'trap';
}

export interface Program {
  readonly wasm: string;
  /** argv, or "kernel" and its argument. */
  readonly args: readonly string[];
  readonly input: string;
}

/** Compiles a kernel of the benchmarks to a module without imports. */
export function compileKernel(source: string, output: string, simd = false): void {
  const link = ['--no-entry', '--export=kernel', '--strip-all', '-z,stack-size=16384'];
  const flags = ['-O2', '--target=wasm32-wasi', '--sysroot=/usr', '-nostartfiles'];
  const linker = [`-fuse-ld=${LLVM_BIN}/wasm-ld`, ...link.map((flag) => `-Wl,${flag}`)];
  if (simd) flags.push('-msimd128');
  const args = [...flags, '-fvisibility=hidden', ...linker, source, '-o', output];
  // The only folder in PATH: clang would run a wasm-opt that it finds.
  execFileSync(`${LLVM_BIN}/clang`, args, { env: { PATH: LLVM_BIN }, stdio: 'pipe' });
}

export class Peers {
  private readonly runner: string;

  constructor(private readonly directory: string) {
    this.runner = join(directory, 'run-sledge');
    const source = join(SUPPORT, 'run-sledge.c');
    execFileSync('gcc', ['-O1', '-w', `-I${INCLUDE}`, source, '-o', this.runner, '-ldl']);
  }

  /** Built by sandbox-awsm. */
  async sledge(program: Program, options: SandboxAwsmOptions): Promise<Ending> {
    const plugin = sandboxAwsm.create(sandboxAwsm.options.parse(options), {} as never);
    const { artifactPath } = await (plugin as SandboxInstance).build({
      wasm: readFileSync(program.wasm),
      name: basename(program.wasm),
      cacheDirectory: join(this.directory, 'cache'),
      level: 'production',
    });
    return run(this.runner, [artifactPath, ...program.args], program.input);
  }

  /** Debian's wasm2c with its own runtime. */
  wasm2c(program: Program): Ending {
    const name = basename(program.wasm, '.wasm');
    const folder = join(this.directory, `wasm2c-${name}`);
    execFileSync('mkdir', ['-p', folder]);
    const generated = join(folder, 'peer.c');
    execFileSync('wasm2c', ['--no-debug-names', '-n', 'peer', program.wasm, '-o', generated]);
    const executable = join(folder, 'peer');
    const isKernel = program.args[0] === 'kernel' ? ['-DPEER_KERNEL'] : [];
    const sources = [join(SUPPORT, 'run-wasm2c.c'), generated, `${WASM2C_RUNTIME}/wasm-rt-impl.c`];
    const include = [`-I${folder}`, `-I${WASM2C_RUNTIME}`];
    const flags = ['-O1', '-w', ...isKernel, ...include];
    execFileSync('gcc', [...flags, ...sources, '-o', executable, '-lm', '-lpthread']);
    return run(executable, program.args, program.input);
  }

  /** V8, with Node's own WASI. */
  v8(program: Program): Ending {
    const module = new WebAssembly.Module(readFileSync(program.wasm));
    if (program.args[0] === 'kernel') {
      const { kernel } = new WebAssembly.Instance(module, {}).exports;
      const result = (kernel as (n: number) => number)(Number(program.args[1]));
      return { output: String(result >>> 0), exitCode: 0 };
    }
    const [inputPath, outputPath] = [join(this.directory, 'stdin'), join(this.directory, 'stdout')];
    writeFileSync(inputPath, program.input);
    const [stdin, stdout] = [openSync(inputPath, 'r'), openSync(outputPath, 'w')];
    try {
      const args = [...program.args];
      const wasi = new WASI({ version: 'preview1', args, stdin, stdout, returnOnExit: true });
      const imports = { wasi_snapshot_preview1: wasi.wasiImport } as WebAssembly.Imports;
      const instance = new WebAssembly.Instance(module, imports);
      return { exitCode: startOf(wasi, instance), output: readFileSync(outputPath, 'latin1') };
    } finally {
      closeSync(stdin);
      closeSync(stdout);
    }
  }
}

function startOf(wasi: WASI, instance: WebAssembly.Instance): number | 'trap' {
  try {
    return Number(wasi.start(instance));
  } catch {
    return 'trap';
  }
}

function run(executable: string, args: readonly string[], input: string): Ending {
  const { status, stdout } = spawnSync(executable, args, {
    input,
    encoding: 'latin1',
    timeout: RUN_TIMEOUT_MS,
    maxBuffer: 1 << 28,
  });
  return { output: stdout, exitCode: status === TRAP_EXIT_CODE ? 'trap' : (status ?? -1) };
}
