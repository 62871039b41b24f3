import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { snapshot } from '../src/snapshot';
import { takeSnapshot } from '../src/snapshot/capture';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-snapshot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const NOTHING = new Uint8Array(0);
let count = 0;

function assemble(body: string): Buffer {
  const source = path.join(folder, `${(count += 1)}.wat`);
  writeFileSync(source, `(module ${body})`);
  execFileSync('wat2wasm', [source, '-o', `${source}.wasm`], { stdio: 'pipe' });
  return readFileSync(`${source}.wasm`);
}

const exportsOf = (wasm: Uint8Array): Record<string, unknown> =>
  new WebAssembly.Instance(new WebAssembly.Module(wasm), {}).exports;

test('memory, its size and globals are as the initialisation left them', () => {
  const { wasm } = takeSnapshot(
    assemble(`
      (memory (export "memory") 1 5)
      (global $small (mut i32) (i32.const 1))
      (global $large (mut i64) (i64.const 1))
      (global $single (mut f32) (f32.const 0))
      (global $double (mut f64) (f64.const 0))
      (global $fixed i32 (i32.const 9))
      (data (i32.const 8) "before")
      (func (export "_initialize") (i32.store8 (i32.const 0) (i32.const 0x41)))
      (func (export "sledge_init")
        (drop (memory.grow (i32.const 2)))
        (i32.store (i32.const 180000) (i32.const 0x01020304))
        (global.set $small (i32.const -2147483648))
        (global.set $large (i64.const -3000000000000))
        (global.set $single (f32.const -0.5))
        (global.set $double (f64.const 1e300)))
      (func (export "small") (result i32) (global.get $small))
      (func (export "large") (result i64) (global.get $large))
      (func (export "floats") (result f64)
        (f64.mul (f64.promote_f32 (global.get $single)) (global.get $double)))
      (func (export "sledge_handle"))`),
    NOTHING,
  );
  const found = exportsOf(wasm) as Record<string, () => unknown> & {
    memory: { buffer: ArrayBuffer };
  };
  const bytes = Buffer.from(found.memory.buffer);
  expect(bytes.length).toBe(3 * 65_536);
  expect(bytes.toString('latin1', 8, 14)).toBe('before');
  expect([bytes[0], bytes.readUInt32LE(180_000)]).toEqual([0x41, 0x01020304]);
  expect(found.small?.()).toBe(-2_147_483_648);
  expect(found.large?.()).toBe(-3_000_000_000_000n);
  expect(found.floats?.()).toBe(-5e299);
  expect(Object.keys(found).sort()).toEqual([
    'floats',
    'large',
    'memory',
    'sledge_handle',
    'small',
  ]);
});

test("the start function has run, and wizer's names are understood", () => {
  const { wasm } = takeSnapshot(
    assemble(`
      (memory (export "memory") 1)
      (global $count (mut i32) (i32.const 0))
      (func $begin (global.set $count (i32.const 40)))
      (start $begin)
      (func (export "wizer.initialize")
        (global.set $count (i32.add (global.get $count) (i32.const 2))))
      (func (export "wizer.resume") (i32.store (i32.const 0) (global.get $count)))
      (func (export "_start") unreachable)`),
    NOTHING,
  );
  const found = exportsOf(wasm) as { _start(): void; memory: { buffer: ArrayBuffer } };
  found._start();
  expect(Buffer.from(found.memory.buffer).readUInt32LE(0)).toBe(42);
});

const WASI = '"wasi_snapshot_preview1"';
test.each([
  ['without an initialiser', '(func (export "_start"))', 'it exports none of _initialize'],
  [
    'that asks for random numbers',
    `(import ${WASI} "random_get" (func $random (param i32 i32) (result i32)))
     (memory (export "memory") 1)
     (func (export "sledge_init") (drop (call $random (i32.const 0) (i32.const 8))))`,
    'it calls wasi_snapshot_preview1.random_get while it starts',
  ],
  [
    'that changes its table',
    `(table $t 2 funcref) (elem declare func $f) (func $f)
     (func (export "sledge_init") (table.set $t (i32.const 1) (ref.func $f)))`,
    'it changes table 0',
  ],
  [
    'that grows its table',
    `(table $t 2 funcref)
     (func (export "sledge_init") (drop (table.grow $t (ref.null func) (i32.const 1))))`,
    'it grows table 0',
  ],
  ['that traps', '(func (export "sledge_init") unreachable)', 'sledge_init traps: unreachable'],
  [
    'that exits',
    `(import ${WASI} "proc_exit" (func $exit (param i32)))
     (memory (export "memory") 1)
     (func (export "sledge_init") (call $exit (i32.const 3)))`,
    'it exits with code 3',
  ],
  [
    'with passive data',
    '(memory 1) (data "x") (func (export "sledge_init"))',
    'it has passive data',
  ],
  ['that imports a memory', '(import "a" "b" (memory 1)) (func (export "sledge_init"))', 'a.b'],
])('a module %s is refused with that reason', (_title, body, words) => {
  expect(() => takeSnapshot(assemble(body), NOTHING)).toThrow(words);
});

test('a refusal, and what is no module, have a code; the build goes on', async () => {
  const refused = { code: 'SLEDGE_ERR_BUILD_SNAPSHOT' };
  await expect(snapshot('x', Buffer.from('no module'))).rejects.toMatchObject(refused);
  const damaged = assemble('(func (export "sledge_init"))').subarray(0, -3);
  await expect(snapshot('x', damaged)).rejects.toMatchObject(refused);
});
