import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { SledgeError } from '@sledge/core';

const run = promisify(execFile);
const TIME_LIMIT_MS = 60_000;
const SHADOW_STACK_BYTES = 16_384;
const COMPILERS = ['clang', 'clang-19', 'clang-18', 'clang-17', 'clang-16', 'clang-15', 'clang-14'];

/**
 * Compiles one C file to a WASI command. The shadow stack is small, since a slot is reset by
 * copying, and comes first in memory, so that its overflow traps.
 * @throws SledgeError SLEDGE_ERR_BUILD_COMPILER_MISSING or SLEDGE_ERR_BUILD_SOURCE.
 */
export async function compileC(source: string, output: string): Promise<void> {
  const compiler = findCompiler();
  const linker = path.join(path.dirname(compiler), 'wasm-ld');
  const linking = existsSync(linker) ? [`-fuse-ld=${linker}`] : [];
  const sysroot = existsSync('/usr/lib/wasm32-wasi') ? ['--sysroot=/usr'] : [];
  const flags = [
    '--target=wasm32-wasi',
    '-O2',
    '-mbulk-memory',
    '-ftls-model=local-exec', // errno is thread-local, and there are no other models
    `-Wl,-z,stack-size=${SHADOW_STACK_BYTES}`,
    '-Wl,--stack-first',
    '-Wl,--strip-all',
  ];
  // clang runs a wasm-opt that it finds in PATH: what is built would depend on it
  const env = { ...process.env, PATH: path.dirname(compiler) };
  try {
    await run(compiler, [...flags, ...linking, ...sysroot, source, '-o', output], {
      env,
      timeout: TIME_LIMIT_MS,
    });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    const reason = said === undefined || said === '' ? 'clang did not end in time.' : `\n${said}`;
    throw new SledgeError('SLEDGE_ERR_BUILD_SOURCE', { path: source, reason }, { cause: error });
  }
}

/** Real path of the first clang, of a WASI SDK before the machine's own. */
function findCompiler(): string {
  const sdk = process.env.WASI_SDK_PATH;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const candidates = [
    ...(sdk === undefined ? [] : [path.join(sdk, 'bin', 'clang')]),
    ...COMPILERS.flatMap((name) => folders.map((folder) => path.join(folder, name))),
  ];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found !== undefined) return realpathSync(found);
  const details = { tried: COMPILERS.join(', ') };
  throw new SledgeError('SLEDGE_ERR_BUILD_COMPILER_MISSING', details);
}
