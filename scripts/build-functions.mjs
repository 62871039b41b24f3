// Builds functions/<name>/<name>.{c,wat} to functions/<name>.wasm. `--check` writes nothing and
// fails when a checked-in file differs; the bytes are those of Debian 12's clang-14 and lld.
// functions/<name>/build.json of a real application: { "stackBytes", "flags" }.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'functions');
const checkOnly = process.argv.includes('--check');

// The only folder in PATH: clang runs a wasm-opt that it finds, and the bytes would depend on it.
const LLVM_BIN = '/usr/lib/llvm-14/bin';

// The shadow stack comes first, so that its overflow traps; both are small, since a slot is reset
// by copying what a request may have changed.
const C_FLAGS = [
  '--target=wasm32-wasi',
  '--sysroot=/usr',
  '-O2',
  '-std=c11',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-mbulk-memory',
  `-fuse-ld=${LLVM_BIN}/wasm-ld`,
  '-Wl,--stack-first',
  '-Wl,--strip-all',
];
const SAMPLE = ['-Wl,-z,stack-size=8192', '-Wl,--initial-memory=65536'];
/** Debian's headers of libraries that are nothing but headers; wasi-libc's own come first. */
const HEADER_LIBRARIES = ['-idirafter', '/usr/include'];

/** What a folder asks for in its build.json, if it has one. */
function flagsOf(name) {
  const path = join(folder, name, 'build.json');
  if (!existsSync(path)) return SAMPLE;
  const { stackBytes, flags } = JSON.parse(readFileSync(path, 'utf8'));
  return [`-Wl,-z,stack-size=${stackBytes}`, ...HEADER_LIBRARIES, ...flags];
}

function build(name, output) {
  const source = join(folder, name, name);
  if (existsSync(`${source}.c`)) {
    execFileSync(`${LLVM_BIN}/clang`, [...C_FLAGS, ...flagsOf(name), `${source}.c`, '-o', output], {
      stdio: 'inherit',
      env: { PATH: LLVM_BIN },
    });
  } else {
    execFileSync('wat2wasm', [`${source}.wat`, '-o', output], { stdio: 'inherit' });
  }
}

function main() {
  const work = mkdtempSync(join(folder, '.build-'));
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name);
  let differing = 0;
  try {
    for (const name of names) {
      const built = join(work, `${name}.wasm`);
      const kept = join(folder, `${name}.wasm`);
      build(name, built);
      const bytes = readFileSync(built);
      if (existsSync(kept) && bytes.equals(readFileSync(kept))) continue;
      differing += 1;
      console.log(`${basename(kept)}: ${bytes.length} bytes${checkOnly ? ', differs' : ''}`);
      if (!checkOnly) writeFileSync(kept, bytes);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return checkOnly && differing > 0 ? 1 : 0;
}

process.exitCode = main();
