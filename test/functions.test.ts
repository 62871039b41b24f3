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
const STB = '/usr/include/stb/stb_image.h';
const hasPinnedClang =
  existsSync(CLANG) &&
  existsSync(STB) &&
  execFileSync(CLANG, ['--version'], { encoding: 'utf8' }).includes(PINNED_CLANG);
/** A real application may be larger than a sample. */
const SAMPLE = { pages: 2, bytes: 16_384 };
const APPLICATION = { pages: 24, bytes: 131_072 };
const isApplication = (name: string): boolean => existsSync(join(folder, name, 'build.json'));

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
    const { pages, bytes } = isApplication(name) ? APPLICATION : SAMPLE;
    expect(readFileSync(join(folder, `${name}.wasm`)).length).toBeLessThan(bytes);
    expect(initialPages(name)).toBeLessThanOrEqual(pages);
  });

  test.each(names.filter(isApplication))('%s has an input, its answer and a page', (name) => {
    const files = readdirSync(join(folder, name)).join(' ');
    for (const file of [/\binput\.\w+/, /\bexpected\.\w+/, /\bREADME\.md/])
      expect(files).toMatch(file);
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
