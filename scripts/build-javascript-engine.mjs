// Builds cli/languages/javascript/engine.wasm: QuickJS, from the sources in npm's qjsc, and
// engine.c beside it.
// `--check` writes nothing and fails when the checked-in file differs; the bytes are those of
// Debian 12's clang-14 and wasi-libc.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../cli/languages/javascript/', import.meta.url));
const PACKAGE = 'qjsc@0.3.0';
const PACKAGE_SHA512 =
  'a7+cU6/IVcZbIejffdt/wZVMX6LL2MDL3HQ9Zb5Gm23G9DvBMS/z9GHFxz39bAvp2PvMOM+ypSOAyokt2DdZ2w==';
const SOURCES = ['quickjs.c', 'libregexp.c', 'libunicode.c', 'cutils.c'];
const LLVM_BIN = '/usr/lib/llvm-14/bin';
const SHADOW_STACK_BYTES = 131_072;

// EMSCRIPTEN: no atomics, no computed goto, no malloc_usable_size. The stack is checked all the
// same, by the shadow stack; WASI has no rounding modes.
const FLAGS = [
  '--target=wasm32-wasi',
  '--sysroot=/usr',
  '-mexec-model=reactor',
  '-mbulk-memory',
  '-O2',
  '-w',
  '-DEMSCRIPTEN',
  '-DCONFIG_STACK_CHECK',
  '-DFE_UPWARD=0',
  '-DFE_DOWNWARD=0',
  '-DCONFIG_VERSION="2021-03-27"',
  '-D_GNU_SOURCE',
  `-fuse-ld=${LLVM_BIN}/wasm-ld`,
  `-Wl,-z,stack-size=${SHADOW_STACK_BYTES}`,
  '-Wl,--stack-first',
  '-Wl,--strip-all',
];

function sources(work) {
  const out = execFileSync('npm', ['pack', PACKAGE, '--silent'], { cwd: work, encoding: 'utf8' });
  const archive = join(work, out.trim());
  const digest = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (digest !== PACKAGE_SHA512) throw new Error(`${PACKAGE} is not what it was: ${digest}`);
  execFileSync('tar', ['xzf', archive, '-C', work]);
  return join(work, 'package/deps/quickjs_2021_03_27');
}

function main() {
  const work = mkdtempSync(join(tmpdir(), 'sledge-engine-'));
  try {
    const quickjs = sources(work);
    const output = join(work, 'engine.wasm');
    const inputs = [...SOURCES.map((file) => join(quickjs, file)), join(folder, 'engine.c')];
    // assertions name their files: the bytes must not depend on where they lay
    const names = [`-fmacro-prefix-map=${quickjs}/=`, `-fmacro-prefix-map=${folder}=`];
    const flags = [...FLAGS, ...names, `-I${quickjs}`];
    execFileSync(`${LLVM_BIN}/clang`, [...flags, ...inputs, '-o', output], {
      stdio: 'inherit',
      env: { PATH: LLVM_BIN },
    });
    const built = readFileSync(output);
    const kept = join(folder, 'engine.wasm');
    if (process.argv.includes('--check')) {
      if (built.equals(readFileSync(kept))) return 0;
      console.error(`${kept} is not what its sources make`);
      return 1;
    }
    writeFileSync(kept, built);
    writeFileSync(join(folder, 'LICENSE.quickjs'), readFileSync(join(quickjs, 'LICENSE')));
    console.log(`engine.wasm: ${built.length} bytes`);
    return 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

process.exitCode = main();
