import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { compileWith, findProgram, LANGUAGES_FOLDER, toolMissing } from './tools';
import type { Tool } from './tools';

const SHADOW_STACK_BYTES = 16_384;
const VERSIONS = ['', '-19', '-18', '-17', '-16', '-15', '-14'];
const WASI_LIBC: Tool = {
  name: 'the C library of WASI',
  install: 'apt install wasi-libc libclang-rt-14-dev-wasm32 lld-14',
};
const CLANG = 'apt install clang lld wasi-libc libclang-rt-14-dev-wasm32';
const LIBCXX: Tool = {
  name: 'the C++ library of WASI',
  install: 'apt install libc++-14-dev-wasm32 libc++abi-14-dev-wasm32',
};
/** Where Debian's wasi-libc and libc++ lie. */
const DEBIAN = {
  root: '/usr',
  library: '/usr/lib/wasm32-wasi',
  headers: '/usr/include/wasm32-wasi',
};
/** Headers that C programs include elsewhere, and what there is not with them. */
const LACKING: readonly (readonly [RegExp, string])[] = [
  [/^(pthread|threads)\.h$/, 'threads: a request is one thread'],
  [/^setjmp\.h$/, 'setjmp and longjmp: return what went wrong'],
  [/^(netdb|resolv|net\/if)\.h$/, "sockets of one's own: the body is standard input"],
  [/^(spawn|sys\/wait|sys\/ipc|sys\/shm|sys\/sem)\.h$/, 'other processes'],
];

export type CLanguage = 'c' | 'cpp';

/**
 * Compiles one C or C++ file to a WASI command, or to a reactor when it uses SLEDGE_HANDLE. The
 * shadow stack is small, since a slot is reset by copying, and comes first in memory, so that its
 * overflow traps. C++ is without exceptions, which the sandbox does not take.
 * @throws SledgeError SLEDGE_ERR_BUILD_TOOL_MISSING or _SOURCE.
 */
export async function compileC(
  source: string,
  output: string,
  language: CLanguage = 'c',
): Promise<void> {
  const compiler = findCompiler(language);
  const linker = path.join(path.dirname(compiler), 'wasm-ld');
  const flags = [
    '--target=wasm32-wasi',
    '-O2',
    '-mbulk-memory',
    '-ftls-model=local-exec', // errno is thread-local, and there are no other models
    ...(language === 'cpp' ? ['-std=c++17', '-fno-exceptions', '-Wl,-lc++', '-Wl,-lc++abi'] : []),
    ...(isReactor(source) ? ['-mexec-model=reactor'] : []),
    ...(existsSync(linker) ? [`-fuse-ld=${linker}`] : []),
    ...sysroot(language),
    `-I${path.join(LANGUAGES_FOLDER, 'include')}`,
    `-Wl,-z,stack-size=${SHADOW_STACK_BYTES}`,
    '-Wl,--stack-first',
    '-Wl,--strip-all',
  ];
  // clang runs a wasm-opt that it finds in PATH: what is built would depend on it
  const env = { ...process.env, PATH: path.dirname(compiler) };
  try {
    await compileWith(compiler, [...flags, source, '-o', output], source, { env });
  } catch (error) {
    throw lacking(error, source) ?? error;
  }
}

/** A header that WASI has not, by what it stands for. */
function lacking(error: unknown, source: string): SledgeError | undefined {
  if (!(error instanceof SledgeError)) return undefined;
  const said = String(error.details['reason']);
  const header = /'([\w/]+\.h)' file not found/.exec(said)?.[1] ?? '';
  const what = LACKING.find(([headers]) => headers.test(header))?.[1];
  if (what === undefined) return undefined;
  const details = { path: source, reason: `${said}\nWASI preview 1 has no ${what}.` };
  return new SledgeError('SLEDGE_ERR_BUILD_SOURCE', details, { cause: error });
}

/** Whether it answers through sledge.h, and so has no main. */
function isReactor(source: string): boolean {
  return /\bSLEDGE_HANDLE\b/.test(readFileSync(source, 'utf8'));
}

/** A WASI SDK has its own; Debian's lies in /usr. */
function sysroot(language: CLanguage): string[] {
  if (process.env.WASI_SDK_PATH !== undefined) return [];
  if (!existsSync(path.join(DEBIAN.library, 'libc.a'))) throw toolMissing(WASI_LIBC);
  if (language === 'cpp' && !existsSync(path.join(DEBIAN.library, 'libc++.a'))) {
    throw toolMissing(LIBCXX);
  }
  return [`--sysroot=${DEBIAN.root}`, ...ownHeaders(language)];
}

/** Those of the machine lie beside them, and would be taken for what WASI has not. */
function ownHeaders(language: CLanguage): string[] {
  const { headers } = DEBIAN;
  const cpp = language === 'cpp' ? ['-isystem', path.join(headers, 'c++', 'v1')] : [];
  return ['-nostdlibinc', ...cpp, '-idirafter', headers];
}

/** Real path of the first clang, of a WASI SDK before the machine's own. */
function findCompiler(language: CLanguage): string {
  const sdk = process.env.WASI_SDK_PATH;
  const names = VERSIONS.map((version) => `${language === 'c' ? 'clang' : 'clang++'}${version}`);
  const found = findProgram(names, sdk === undefined ? [] : [path.join(sdk, 'bin')]);
  if (found === undefined) {
    throw toolMissing({ name: `a C compiler (${names.join(', ')})`, install: CLANG });
  }
  // a name that ends in ++ is what makes it a compiler of C++
  return path.join(path.dirname(realpathSync(found)), language === 'c' ? 'clang' : 'clang++');
}
