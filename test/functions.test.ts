import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './support/source-files';

const folder = join(ROOT, 'functions');
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  .map((entry) => entry.name);

const CLANG = '/usr/lib/llvm-14/bin/clang';
const PINNED_CLANG = 'clang version 14.0.6';
const hasPinnedClang =
  existsSync(CLANG) &&
  execFileSync(CLANG, ['--version'], { encoding: 'utf8' }).includes(PINNED_CLANG);
const MEMORY_PAGES_MAX = 2;
const BYTES_MAX = 16_384;

/** Exported memory's size on instantiation; no sample runs anything before _start. */
function initialPages(name: string): number {
  const module = new WebAssembly.Module(readFileSync(join(folder, `${name}.wasm`)));
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name: what } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[what] = () => 0;
  const { memory } = new WebAssembly.Instance(module, imports).exports;
  return (memory as WebAssembly.Memory).buffer.byteLength / 65_536;
}

describe('sample functions', () => {
  test.each(names)('%s has its module checked in, small', (name) => {
    expect(readFileSync(join(folder, `${name}.wasm`)).length).toBeLessThan(BYTES_MAX);
    expect(initialPages(name)).toBeLessThanOrEqual(MEMORY_PAGES_MAX);
  });

  test('no module is there without its source', () => {
    const modules = readdirSync(folder).filter((file) => file.endsWith('.wasm'));
    expect(modules.sort()).toEqual(names.map((name) => `${name}.wasm`).sort());
  });

  (hasPinnedClang ? test : test.skip)('building them again gives the same bytes', () => {
    const script = join(ROOT, 'scripts/build-functions.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: '' });
  });
});
