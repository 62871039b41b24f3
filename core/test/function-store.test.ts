import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStore } from '../src/control/function-store';
import type { FunctionStore, StoredFunction } from '../src/control/function-store';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-store-'));
const opened: FunctionStore[] = [];
let count = 0;

afterEach(() => opened.splice(0).forEach((store) => store.close()));
afterAll(() => rmSync(folder, { recursive: true }));

const newFile = () => path.join(folder, `${(count += 1)}.db`);
function open(file = newFile()): FunctionStore {
  const store = openStore(file);
  opened.push(store);
  return store;
}

const hashOf = (wasm: Uint8Array) => createHash('sha256').update(wasm).digest('hex');

function stateWith(name: string, ...modules: Uint8Array[]): StoredFunction {
  return {
    ...{ tenant: 't', name, current: modules.length, previous: [], nextVersion: 9 },
    ...{ split: null, events: [] },
    versions: modules.map((wasm, at) => ({
      version: at + 1,
      hash: hashOf(wasm),
      settings: { route: `/${name}` },
      at: 'now',
    })),
  };
}

const code = (name: string) =>
  expect.objectContaining({ code: `SLEDGE_ERR_STORE_${name}` }) as unknown as Error;

test('what is saved is there when the file is opened again', () => {
  const file = newFile();
  const [one, two] = [randomBytes(5000), randomBytes(70_000)];
  const store = open(file);
  store.saveTenant({ name: 't', settings: { port: 0 } });
  store.saveFunction(stateWith('f', one), one);
  store.saveFunction(stateWith('f', one, two), two);
  opened.splice(0).forEach((each) => each.close());
  const again = open(file);
  expect(again.tenants()).toEqual([{ name: 't', settings: { port: 0 } }]);
  expect(again.functions()).toEqual([stateWith('f', one, two)]);
  expect(again.module(hashOf(two))).toEqual(two);
});

test('a module is kept as long as a function has it', () => {
  const store = open();
  const wasm = randomBytes(100);
  store.saveFunction(stateWith('f', wasm), wasm);
  store.saveFunction(stateWith('g', wasm), wasm);
  store.removeFunction('t', 'f');
  expect(store.module(hashOf(wasm))).toEqual(wasm);
  store.removeTenant('t');
  expect([store.module(hashOf(wasm)), store.functions()]).toEqual([undefined, []]);
});

test('a file that is damaged, of another kind, of another version or in use is refused', () => {
  const garbage = newFile();
  writeFileSync(garbage, randomBytes(8192));
  expect(() => openStore(garbage)).toThrow(code('UNUSABLE'));
  const damaged = newFile();
  const store = openStore(damaged);
  for (let at = 0; at < 40; at += 1) {
    const wasm = randomBytes(3000);
    store.saveFunction(stateWith(`f${at}`, wasm), wasm);
  }
  store.close();
  const bytes = readFileSync(damaged);
  writeFileSync(damaged, bytes.fill(0xff, 4096 * 3, bytes.length - 4096));
  expect(() => openStore(damaged)).toThrow(code('UNUSABLE'));
  const folderOnly = newFile();
  mkdirSync(folderOnly);
  expect(() => openStore(folderOnly)).toThrow(code('UNUSABLE'));
  const used = newFile();
  open(used);
  expect(() => openStore(used)).toThrow(/another process has it/);
});

test('a module that is not what it was is not given out, until it is saved again', () => {
  const file = newFile();
  const wasm = Buffer.alloc(3000, 'w');
  const store = openStore(file);
  store.saveFunction(stateWith('f', wasm), wasm);
  store.close();
  const bytes = readFileSync(file);
  bytes.write('X', bytes.indexOf('wwwwwwww') + 100, 'latin1');
  writeFileSync(file, bytes);
  const again = open(file);
  expect(again.module(hashOf(wasm))).toBeUndefined();
  again.saveFunction(stateWith('f', wasm), wasm);
  expect(again.module(hashOf(wasm))).toEqual(wasm);
});

const mayMount = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;

test('a full disk is told, nothing is half done, and the store goes on when there is room', () => {
  const small = path.join(folder, 'small');
  mkdirSync(small);
  const mounted =
    mayMount && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', small]).status === 0;
  if (!mounted) {
    console.log('skipped: no right to mount a small file system');
    return;
  }
  try {
    const store = openStore(path.join(small, 's.db'));
    const first = randomBytes(10_000);
    store.saveFunction(stateWith('f', first), first);
    const large = randomBytes(300_000);
    expect(() => store.saveFunction(stateWith('f', first, large), large)).toThrow(code('WRITE'));
    expect(store.functions()).toEqual([stateWith('f', first)]);
    const second = randomBytes(10_000);
    store.saveFunction(stateWith('f', first, second), second);
    expect(store.module(hashOf(second))).toEqual(second);
    store.close();
  } finally {
    execFileSync('umount', ['-l', small]);
  }
});
