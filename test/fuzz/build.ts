import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  INCLUDE_DIRECTORY,
  RUNTIME_DIRECTORY,
} from '../../plugins/sandbox-awsm/src/compiler/cache';
import { lowerModule } from '../../plugins/sandbox-awsm/src/compiler/lower';
import {
  codeFlags,
  type Compiler,
  findCompiler,
  LINK_FLAGS,
} from '../../plugins/sandbox-awsm/src/compiler/toolchain';

const run = promisify(execFile);
const COMPILER_MS_MAX = 120_000;

export interface BuildChoice {
  readonly level: 'O0' | 'O1' | 'O2' | 'O3';
  readonly polled: boolean;
  /** Changes the generated C: a mistake planted in the compiler. */
  readonly plant?: ((text: string) => string) | undefined;
}

/** Builds as ModuleBuilder does, but for a precompiled prelude: half of a small module's time. */
export class QuickBuilder {
  private readonly preludes = new Map<string, Promise<string>>();
  private compiler: Promise<Compiler> | undefined;
  private count = 0;

  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  /** @returns the path of the shared object. Throws a WasmProblem or what the compiler says. */
  async build(wasm: Uint8Array, choice: BuildChoice): Promise<string> {
    this.compiler ??= findCompiler('clang', this.directory);
    const options = { linkable: false, polled: choice.polled, readsTime: false };
    const lowered = lowerModule(wasm, { ...options, strictFloat: false });
    const folder = join(this.directory, `module-${String(++this.count)}`);
    mkdirSync(folder, { recursive: true });
    const { plant = (text: string) => text } = choice;
    writeFileSync(join(folder, 'module.h'), lowered.header);
    writeFileSync(join(folder, 'data.bin'), lowered.data);
    for (const { name, text } of lowered.sources) writeFileSync(join(folder, name), plant(text));
    const sources = lowered.sources.map(({ name }) => name);
    const prelude = await this.prelude(lowered.header, choice);
    const flags = [...(await this.flags(choice)), '-include-pch', prelude];
    const link = [...LINK_FLAGS, '-fuse-ld=lld', '-o', 'module.so'];
    await this.compile(folder, [...flags, ...link, ...sources]);
    return join(folder, 'module.so');
  }

  /** Of a module that is no longer needed. */
  remove(path: string): void {
    rmSync(join(path, '..'), { recursive: true, force: true });
  }

  clear(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async flags({ level }: BuildChoice): Promise<string[]> {
    const compiler = await (this.compiler as Promise<Compiler>);
    const include = [`-I${INCLUDE_DIRECTORY}`, `-I${RUNTIME_DIRECTORY}`];
    const optimisation = level === 'O0' ? 'O1' : level;
    const kind = level === 'O0' ? 'development' : 'production';
    const options = { level: kind, optimisation, strictFloat: false } as const;
    return [...codeFlags(compiler, options), ...include];
  }

  /** What every module's C begins with, read once. */
  private prelude(header: string, choice: BuildChoice): Promise<string> {
    const head = header.slice(0, header.indexOf('#include "prelude.h"'));
    const text = `#define SLEDGE_POLL_STUB\n${head}#include "prelude.h"\n#include "vector.h"\n`;
    const name = `prelude-${choice.level}-${String(choice.polled)}`;
    let made = this.preludes.get(name);
    if (made === undefined) {
      made = this.makePrelude(name, text, choice);
      this.preludes.set(name, made);
    }
    return made;
  }

  private async makePrelude(name: string, text: string, choice: BuildChoice): Promise<string> {
    const output = join(this.directory, `${name}.pch`);
    if (existsSync(output)) return output;
    writeFileSync(join(this.directory, `${name}.h`), text);
    const args = ['-x', 'c-header', `${name}.h`, '-o', output];
    await this.compile(this.directory, [...(await this.flags(choice)), ...args]);
    return output;
  }

  private async compile(cwd: string, args: readonly string[]): Promise<void> {
    const { path } = await (this.compiler as Promise<Compiler>);
    await run(path, args, { cwd, timeout: COMPILER_MS_MAX });
  }
}
