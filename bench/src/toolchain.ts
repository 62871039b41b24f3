import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchContext } from './area';
import type { CompileModule } from './compile-modules';

const run = promisify(execFile);
const LLVM_BIN = '/usr/lib/llvm-14/bin';
const CLANG = `${LLVM_BIN}/clang`;
const WASM2C_RUNTIME = '/usr/share/wabt/wasm2c';
const OUTPUT_LIMIT_BYTES = 64 << 20;

/** Both sides of a code comparison: the same compiler, level, target and float rules. */
export const CODE_FLAGS = ['-O3', '-fno-math-errno', '-ffp-contract=off'];
export const MARCH_FLAGS = ['-march=x86-64-v2'];

const WASM_TARGET = '--target=wasm32-wasi';
// The only folder in PATH: clang would run a wasm-opt that it finds.
const WASM_FLAGS = [
  WASM_TARGET,
  '--sysroot=/usr',
  '-nostartfiles',
  '-fvisibility=hidden',
  `-fuse-ld=${LLVM_BIN}/wasm-ld`,
  '-Wl,--no-entry',
  '-Wl,--export=kernel',
  '-Wl,--strip-all',
  '-Wl,-z,stack-size=16384',
  '-Wl,--stack-first',
];
const WASM_KERNEL_FLAGS = {
  simd: [...CODE_FLAGS, ...WASM_FLAGS, '-msimd128'],
  scalar: [...CODE_FLAGS, ...WASM_FLAGS],
};
/** Whether a module may use vectors; clang then vectorises loops, as it does native ones. */
export type WasmKind = keyof typeof WASM_KERNEL_FLAGS;
const SHARED_FLAGS = ['-shared', '-fPIC', '-fvisibility=hidden'];

type ToolchainContext = Pick<BenchContext, 'root' | 'cacheDirectory'>;

/** Builds things once: a product is kept under a key of its command and the bytes of its inputs. */
export class Toolchain {
  readonly #context: ToolchainContext;

  constructor(context: ToolchainContext) {
    this.#context = context;
  }

  #source(...parts: string[]): string {
    return join(this.#context.root, 'bench', ...parts);
  }

  async #once(
    name: string,
    inputs: readonly string[],
    words: readonly string[],
    build: (output: string) => Promise<void>,
  ): Promise<string> {
    const hash = createHash('sha256').update(words.join('\0'));
    for (const input of inputs) hash.update(readFileSync(input));
    const output = join(this.#context.cacheDirectory, hash.digest('hex').slice(0, 16), name);
    if (existsSync(output)) return output;
    mkdirSync(join(output, '..'), { recursive: true });
    const partial = `${output}.${process.pid}`;
    await build(partial);
    renameSync(partial, output);
    return output;
  }

  async #clang(name: string, inputs: string[], headers: string[], flags: readonly string[]) {
    return this.#once(name, [...inputs, ...headers], flags, async (output) => {
      const env = flags.includes(WASM_TARGET) ? { PATH: LLVM_BIN } : process.env;
      await run(CLANG, [...flags, ...inputs, '-o', output], { env });
    });
  }

  /** The program that times shared objects. */
  async runner(): Promise<string> {
    return this.#once('runner', [this.#source('native/runner.c')], [], async (output) => {
      await run(CLANG, ['-O2', this.#source('native/runner.c'), '-o', output, '-ldl']);
    });
  }

  /** An addon whose worker thread does nothing. */
  async addon(name: 'noop' | 'records' | 'ring'): Promise<string> {
    const source = this.#source(name === 'ring' ? 'native/ring.c' : 'native/noop.c');
    const inputs = [source, this.#source('native/passing.h')];
    const defines = ['-DNAPI_VERSION=8', ...(name === 'records' ? ['-DRECORDS'] : [])];
    return this.#once(`${name}.node`, inputs, [process.version], async (output) => {
      const load = createRequire(__filename);
      const headers = `-I${(load('node-api-headers') as { include_dir: string }).include_dir}`;
      await run(CLANG, ['-O2', ...defines, ...SHARED_FLAGS, headers, source, '-o', output]);
    });
  }

  /** 'scalar': without automatic vectorisation, as a module without SIMD has to be. */
  async nativeKernel(kernel: string, kind: 'vectorised' | 'scalar'): Promise<string> {
    const scalar = kind === 'scalar' ? ['-fno-vectorize', '-fno-slp-vectorize'] : [];
    const flags = [...CODE_FLAGS, ...scalar, ...MARCH_FLAGS, ...SHARED_FLAGS];
    return this.#clang(
      `${kernel}.so`,
      [this.#source(`kernels/${kernel}.c`)],
      this.#headers(kernel),
      flags,
    );
  }

  async wasmKernel(kernel: string, kind: WasmKind): Promise<string> {
    const source = this.#source(`kernels/${kernel}.c`);
    const flags = WASM_KERNEL_FLAGS[kind];
    return this.#clang(`${kernel}.wasm`, [source], this.#headers(kernel), flags);
  }

  /** A kernel `app_NAME` is made of functions/NAME. */
  #headers(kernel: string): string[] {
    const common = [this.#source('kernels/kernel.h')];
    if (!kernel.startsWith('app_')) return common;
    const folder = join(this.#context.root, 'functions', kernel.slice('app_'.length));
    const sources = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
    const own = sources.map((name) => join(folder, name));
    return [...common, this.#source('kernels/application.h'), ...own];
  }

  /** wasm2c's C of the scalar module, with wasm2c's own runtime, guards, and the same compiler. */
  async wasm2cKernel(kernel: string): Promise<string> {
    const wasm = await this.wasmKernel(kernel, 'scalar');
    const shim = this.#source('native/wasm2c_kernel.c');
    return this.#once(`${kernel}.wasm2c.so`, [wasm, shim], ['1'], async (output) => {
      const folder = `${output}.c`;
      mkdirSync(folder, { recursive: true });
      try {
        const generated = join(folder, 'wasm2c_output.c');
        const options = ['--no-debug-names', '-n', 'peer', wasm, '-o', generated];
        await run('wasm2c', options, { maxBuffer: OUTPUT_LIMIT_BYTES });
        copyFileSync(shim, join(folder, 'shim.c'));
        const sources = [generated, join(folder, 'shim.c'), `${WASM2C_RUNTIME}/wasm-rt-impl.c`];
        const flags = [...CODE_FLAGS, ...MARCH_FLAGS, ...SHARED_FLAGS, `-I${folder}`];
        const include = `-I${WASM2C_RUNTIME}`;
        await run(CLANG, [...flags, include, ...sources, '-o', output, '-lm', '-lpthread']);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  /** A WASI program of library code and copies of kernels. */
  async libraryModule(module: CompileModule, copies: string): Promise<string> {
    const library = this.#source('modules/library_mix.c');
    const words = [copies, String(module.level)];
    return this.#once(`${module.name}.wasm`, [library], words, async (output) => {
      const text = `${output}.cpp`;
      const objects = [`${output}.library.o`, `${output}.copies.o`];
      const target = ['--target=wasm32-wasi', '--sysroot=/usr', '-O2', '-fno-math-errno'];
      const env = { PATH: LLVM_BIN };
      writeFileSync(text, copies);
      try {
        const [libraryObject = '', copiesObject = ''] = objects;
        const level = `-DLEVEL=${module.level}`;
        const quiet = ['-w', `-I${this.#source('kernels')}`];
        await Promise.all([
          run(CLANG, [...target, level, '-c', library, '-o', libraryObject], { env }),
          run(CLANG, [...target, ...quiet, '-c', text, '-o', copiesObject], { env }),
        ]);
        const link = [`-fuse-ld=${LLVM_BIN}/wasm-ld`, '-Wl,--strip-all'];
        await run(CLANG, [...target, ...link, ...objects, '-o', output], { env });
      } finally {
        for (const file of [text, ...objects]) rmSync(file, { force: true });
      }
    });
  }
}
