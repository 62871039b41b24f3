import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { compileWith, findProgram, toolMissing } from './tools';
import type { Tool } from './tools';

const run = promisify(execFile);
const SHADOW_STACK_BYTES = 65_536;
const RUST: Tool = {
  name: 'a rustc with the standard library of WebAssembly',
  install: 'apt install rustc libstd-rust-dev-wasm32 lld',
};
const LINKER: Tool = { name: 'the linker of Rust for WebAssembly', install: 'apt install lld' };
const FLAGS = [
  ...['--edition', '2021'],
  ...['-C', 'opt-level=3', '-C', 'panic=abort', '-C', 'strip=symbols', '-C', 'lto=fat'],
  ...['-C', 'codegen-units=1'],
  ...['-C', `link-arg=-zstack-size=${SHADOW_STACK_BYTES}`, '-C', 'link-arg=--stack-first'],
];
/** Of old compilers and of new ones. */
const WASI_TARGETS = ['wasm32-wasi', 'wasm32-wasip1'];

/**
 * Compiles one Rust file: with std to a WASI command; with `#![no_std]` to a module without any
 * library, which exports its `_start` or `sledge_handle` itself.
 * @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING or _SOURCE.
 */
export async function compileRust(source: string, output: string): Promise<void> {
  const isBare = /^\s*#!\[no_std\]/m.test(readFileSync(source, 'utf8'));
  const targets = isBare ? ['wasm32-unknown-unknown'] : WASI_TARGETS;
  const { compiler, target } = await findCompiler(targets);
  const kind = isBare ? ['--crate-type', 'cdylib'] : [];
  const args = ['--target', target, ...kind, ...FLAGS, source, '-o', output];
  try {
    await compileWith(compiler, args, source);
  } catch (error) {
    // it is a program beside rustc, which Debian has in a package of its own
    const isUnlinked = /linker `[^`]+` not found/.test((error as Error).message);
    throw isUnlinked ? toolMissing(LINKER) : error;
  }
}

/** One that has the target's library: a rustc of rustup is often there without. */
async function findCompiler(targets: readonly string[]) {
  const candidates = [process.env.RUSTC, findProgram(['rustc']), '/usr/bin/rustc'];
  for (const compiler of new Set(candidates)) {
    if (compiler === undefined || !existsSync(compiler)) continue;
    for (const target of targets) {
      if (await hasLibrary(compiler, target)) return { compiler, target };
    }
  }
  throw toolMissing(RUST);
}

async function hasLibrary(compiler: string, target: string): Promise<boolean> {
  try {
    const args = ['--print', 'target-libdir', '--target', target];
    const { stdout } = await run(compiler, args, { timeout: 20_000 });
    return existsSync(stdout.trim());
  } catch {
    return false;
  }
}
