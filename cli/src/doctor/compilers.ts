import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Fact } from './fact';

const run = promisify(execFile);
const TIME_LIMIT_MS = 5000;

/** The compilers that `sledge build` needs, for .wasm and for .c. */
export async function compilerFacts(): Promise<Fact[]> {
  const clang = (await versionOf('clang')) ?? (await versionOf('clang-14'));
  const gcc = await versionOf('gcc');
  const hasWasiLibc = existsSync('/usr/lib/wasm32-wasi/libc.a') || 'WASI_SDK_PATH' in process.env;
  return [
    clangFact(clang, gcc),
    {
      name: 'gcc',
      value: gcc ?? 'none',
      verdict: 'good',
      meaning: gcc === undefined ? 'not needed beside clang' : 'the fallback without clang',
    },
    {
      name: 'wasi-libc',
      value: hasWasiLibc ? 'present' : 'none',
      verdict: hasWasiLibc ? 'good' : 'note',
      meaning: hasWasiLibc
        ? 'sledge build takes .c files'
        : 'sledge build takes .wasm only; apt install wasi-libc lld libclang-rt-14-dev-wasm32',
    },
  ];
}

function clangFact(clang: string | undefined, gcc: string | undefined): Fact {
  if (clang !== undefined) {
    const meaning = 'sandbox awsm compiles functions with it';
    return { name: 'clang', value: clang, verdict: 'good', meaning };
  }
  const verdict = gcc === undefined ? 'bad' : 'note';
  const meaning =
    gcc === undefined
      ? "no C compiler: apt install clang, or set sandbox: 'v8'"
      : 'sandbox awsm falls back to gcc; apt install clang for faster functions';
  return { name: 'clang', value: 'none', verdict, meaning };
}

async function versionOf(compiler: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(compiler, ['-dumpversion'], { timeout: TIME_LIMIT_MS });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
