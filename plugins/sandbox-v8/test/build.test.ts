import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildModule } from '../src/build';
import { assemble, sample } from './modules';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sledge-v8-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const build = (wasm: Uint8Array, cacheDirectory = folder, signal?: AbortSignal) =>
  buildModule({ wasm, name: 'fn', cacheDirectory, level: 'production', signal });

test('a module is kept by its content hash, and found the second time', async () => {
  const wasm = sample('fibonacci');
  const first = await build(wasm);
  expect([first.cached, path.basename(first.artifactPath)]).toEqual([
    false,
    `${first.contentHash}.wasm`,
  ]);
  expect(readFileSync(first.artifactPath)).toEqual(wasm);
  const second = await build(wasm);
  expect(second).toMatchObject({ cached: true, artifactPath: first.artifactPath });
  expect(readdirSync(path.dirname(first.artifactPath))).toHaveLength(1);
});

test('every sample function builds', async () => {
  const folderOfSamples = path.join(__dirname, '../../../functions');
  // notes imports from a host plugin, which is for native workers
  const names = readdirSync(folderOfSamples).filter(
    (file) => file.endsWith('.wasm') && file !== 'notes.wasm',
  );
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) await build(sample(name.replace('.wasm', '')));
});

test.each([
  ['text', Buffer.from('not wasm at all'), 'SLEDGE_ERR_BUILD_MALFORMED'],
  ['nothing', Buffer.alloc(0), 'SLEDGE_ERR_BUILD_MALFORMED'],
  ['half a module', sample('fibonacci').subarray(0, 200), 'SLEDGE_ERR_BUILD_INVALID'],
  ['wrong code', assemble({ code: [0x6a] }), 'SLEDGE_ERR_BUILD_INVALID'],
  ['a foreign import', assemble({ imports: [['env', 'f', 0]] }), 'SLEDGE_ERR_MODULE_IMPORT'],
  [
    'an unknown WASI import',
    assemble({ imports: [['wasi_snapshot_preview1', 'fd_fly', 1]] }),
    'SLEDGE_ERR_MODULE_IMPORT',
  ],
  [
    'a WASI import of another type',
    assemble({ imports: [['wasi_snapshot_preview1', 'fd_write', 1]] }),
    'SLEDGE_ERR_MODULE_IMPORT',
  ],
  ['no _start', assemble({ startName: 'main' }), 'SLEDGE_ERR_MODULE_ENTRY'],
  ['a shared memory', assemble({ memory: [3, 1, 1] }), 'SLEDGE_ERR_BUILD_UNSUPPORTED'],
])('%s is refused', async (_, wasm, code) => {
  await expect(build(wasm)).rejects.toMatchObject({ code });
  expect(readdirSync(folder)).toEqual([]);
});

test('the place of an error is told', async () => {
  await expect(build(assemble({ code: [0x6a] }))).rejects.toThrow(/^fn is not valid.* byte \d+/s);
});

test('a cache that cannot be written and a cancelled build are errors of their own', async () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  await expect(build(sample('empty'), file)).rejects.toMatchObject({
    code: 'SLEDGE_ERR_BUILD_CACHE',
  });
  await expect(build(sample('empty'), folder, AbortSignal.abort())).rejects.toMatchObject({
    code: 'SLEDGE_ERR_BUILD_CANCELLED',
  });
});
