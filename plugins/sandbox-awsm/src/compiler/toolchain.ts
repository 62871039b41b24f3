import { execFile } from 'node:child_process';
import { access, constants, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { SledgeError } from '@sledge/core';

/** A C compiler of this machine. */
export interface Compiler {
  readonly path: string;
  readonly kind: 'clang' | 'gcc';
  /** First line of --version. */
  readonly version: string;
}

export interface CodeOptions {
  readonly level: 'production' | 'development';
  /** 'O2' or 'O3'; the development level has its own. */
  readonly optimisation: 'O1' | 'O2' | 'O3';
  readonly strictFloat: boolean;
}

const NUMBERED = ['19', '18', '17', '16', '15', '14'].map((version) => `clang-${version}`);
/** Debian's clang-14 brings no plain `clang`. */
const CLANGS = ['clang', ...NUMBERED];
const CANDIDATES = [...CLANGS, 'gcc', 'cc'];
/** A busy machine takes seconds to start one. */
const VERSION_TIMEOUT_MS = 60_000;
const MEMO_FILE = 'compilers.json';
const known = new Map<string, Promise<Compiler | undefined>>();
/** Where a name was found last: a search looks into every folder of PATH for every name. */
const places = new Map<string, string>();

/**
 * The compiler to use: the one named (`clang` may be a clang-N), or the first of clang, clang-N and
 * gcc that is there.
 * What was not found is looked for again.
 * Its version is asked once for each file and kept in the cache directory.
 * Throws SLEDGE_ERR_BUILD_COMPILER_MISSING.
 */
export async function findCompiler(
  wanted: string | undefined,
  cacheDirectory: string,
): Promise<Compiler> {
  const names = wanted === undefined ? CANDIDATES : wanted === 'clang' ? CLANGS : [wanted];
  const search = `${process.env['PATH'] ?? ''}\0${wanted ?? ''}`;
  const before = places.get(search);
  for (const name of before === undefined ? names : [before, ...names]) {
    const path = await onPath(name);
    if (path === undefined) continue;
    places.set(search, path);
    const compiler = await identify(path, cacheDirectory);
    if (compiler !== undefined) return compiler;
  }
  throw new SledgeError('SLEDGE_ERR_BUILD_COMPILER_MISSING', { tried: names.join(', ') });
}

async function onPath(name: string): Promise<string | undefined> {
  const folders = isAbsolute(name) || name.includes('/') ? [''] : searchPath();
  for (const folder of folders) {
    const path = folder === '' ? name : join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
}

async function identify(path: string, cacheDirectory: string): Promise<Compiler | undefined> {
  const file = await stat(path);
  const target = await realpath(path);
  const key = `${path}|${target}|${String(file.size)}|${String(file.mtimeMs)}`;
  let found = known.get(key);
  if (found === undefined) {
    found = remembered(key, path, cacheDirectory);
    known.set(key, found);
  }
  const compiler = await found;
  if (compiler === undefined) known.delete(key);
  return compiler;
}

async function remembered(
  key: string,
  path: string,
  cacheDirectory: string,
): Promise<Compiler | undefined> {
  const memoPath = join(cacheDirectory, MEMO_FILE);
  const memo = await readMemo(memoPath);
  let version = memo[key];
  if (version === undefined) {
    version = await askVersion(path);
    if (version === '') return undefined;
    await writeMemo(memoPath, { ...memo, [key]: version });
  }
  const kind = version.includes('clang') ? 'clang' : 'gcc';
  return { path, kind, version };
}

async function readMemo(path: string): Promise<Record<string, string>> {
  try {
    const memo: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof memo !== 'object' || memo === null) return {};
    const entries = Object.entries(memo).filter(([, value]) => typeof value === 'string');
    return Object.fromEntries(entries.slice(-32));
  } catch {
    return {};
  }
}

/** A memo that cannot be written only costs time: the cache itself reports a full disk. */
async function writeMemo(path: string, memo: Record<string, string>): Promise<void> {
  const temporary = `${path}.${String(process.pid)}`;
  try {
    await writeFile(temporary, JSON.stringify(memo));
    await rename(temporary, path);
  } catch {
    return;
  }
}

function askVersion(path: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: VERSION_TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null ? (stdout.split('\n')[0] ?? '').trim() : '');
    });
  });
}

const COMMON_FLAGS = [
  '-std=gnu11',
  '-w',
  '-fPIC',
  '-march=x86-64-v2',
  '-ffreestanding',
  '-fvisibility=hidden',
  '-fomit-frame-pointer',
  '-fno-asynchronous-unwind-tables',
  '-fno-stack-protector',
  '-fstack-clash-protection',
  '-fno-math-errno',
  '-ffp-contract=off',
  '-fno-finite-loops',
  // A function that calls itself forever must end on the guard page, not spin.
  '-fno-optimize-sibling-calls',
];
const ALIGN_FLAGS = ['-falign-functions=64', '-falign-loops=32'];
const STRICT_FLOAT_FLAGS = {
  clang: ['-frounding-math', '-ffp-exception-behavior=strict'],
  gcc: ['-frounding-math', '-fsignaling-nans'],
};

/** Flags that decide the code; they are part of the cache key. */
export function codeFlags(compiler: Compiler, options: CodeOptions): string[] {
  const flags = [...COMMON_FLAGS];
  if (compiler.kind === 'gcc') {
    flags.push('-fcf-protection=none', '-fno-tree-loop-distribute-patterns');
  }
  if (options.strictFloat) flags.push(...STRICT_FLOAT_FLAGS[compiler.kind]);
  if (options.level === 'development') return [...flags, '-O0'];
  return [...flags, ...ALIGN_FLAGS, `-${options.optimisation}`];
}

/** Two mappings when loaded, no undefined symbol, no relocation of text. */
export const LINK_FLAGS: readonly string[] = [
  '-shared',
  '-nostdlib',
  ...['noseparate-code', 'norelro', 'defs', 'text', 'noexecstack'].map((z) => `-Wl,-z,${z}`),
  '-Wl,--build-id=none',
  '-Wl,--hash-style=gnu',
];
