import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lowerModule } from '../src/compiler/lower';
import { UNSUPPORTED_FEATURES, type UnsupportedFeature } from '../src/compiler/problem';
import { makeSandbox, request, temporaryDirectory } from './support/builder';

const ROOT = join(__dirname, '../../..');
const BINARYEN = join(ROOT, 'node_modules/.bin');
const OPTIONS = { linkable: false, polled: true, readsTime: false, strictFloat: false };
const directory = temporaryDirectory();
const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const modules: Partial<Record<UnsupportedFeature, Uint8Array>> = {};

/** Each proposal as a module that a toolchain could make. */
const MODULES: Record<UnsupportedFeature, string> = {
  threads: `(module (memory 1 1 shared) (func (export "f") (param i32) (result i32)
    (i32.atomic.rmw.add (i32.const 0) (local.get 0))))`,
  'tail calls': `(module (func $f (export "f") (param i32) (result i32)
    (return_call $f (local.get 0))))`,
  'exception handling': `(module (tag $t (param i32))
    (func (export "f") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 1)))) (i32.const 42)))`,
  'garbage collection': `(module (type $pair (struct (field i32)))
    (func (export "f") (param i32) (result i32)
      (struct.get $pair 0 (struct.new $pair (local.get 0)))))`,
  'typed function references': `(module (type $t (func (param i32) (result i32)))
    (func (export "f") (param i32) (param (ref null $t)) (result i32)
      (call_ref $t (local.get 0) (local.get 1))))`,
  'multiple memories': `(module (memory $a 1) (memory $b 1) (data (memory $b) (i32.const 1) "*")
    (func (export "f") (param i32) (result i32) (i32.load8_u $b (local.get 0))))`,
  memory64: `(module (memory i64 1) (data (i64.const 1) "*")
    (func (export "f") (param i32) (result i32)
      (i32.load8_u (i64.extend_i32_u (local.get 0)))))`,
  'relaxed SIMD': `(module (func (export "f") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (drop (i8x16.relaxed_swizzle
      (i8x16.splat (local.get 0)) (i8x16.splat (local.get 0))))))
    (i32.const 42)))`,
  'extended constant expressions': `(module (import "host" "base" (global $base i32))
    (global $at i32 (i32.add (global.get $base) (i32.const 16)))
    (func (export "f") (param i32) (result i32) (global.get $at)))`,
};
const FEATURES = Object.keys(MODULES) as UnsupportedFeature[];

/** Reads a list of texts and writes the binaries, in hexadecimal: one start of binaryen for all. */
const ASSEMBLER = `
  import binaryen from 'binaryen';
  import { readFileSync } from 'node:fs';
  const binaries = JSON.parse(readFileSync(0, 'utf8')).map((text) => {
    const module = binaryen.parseText(text);
    module.setFeatures(binaryen.Features.All);
    return Buffer.from(module.emitBinary()).toString('hex');
  });
  console.log(JSON.stringify(binaries));
`;

beforeAll(() => {
  const input = JSON.stringify(FEATURES.map((feature) => MODULES[feature]));
  const args = ['--input-type=module', '-e', ASSEMBLER];
  const output = execFileSync(process.execPath, args, { cwd: ROOT, input, encoding: 'utf8' });
  const binaries = JSON.parse(output) as string[];
  FEATURES.forEach((feature, i) => {
    modules[feature] = new Uint8Array(Buffer.from(binaries[i] ?? '', 'hex'));
  });
});

function moduleWith(feature: UnsupportedFeature): Uint8Array {
  return modules[feature] ?? new Uint8Array();
}

/** Runs the command that a way out names, in the test's folder. */
function follow(wayOut: string, wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const command = /wasm-opt (.*) in\.wasm -o out\.wasm/.exec(wayOut)?.[1] ?? '';
  writeFileSync(join(directory, 'in.wasm'), wasm);
  const args = [...command.split(' '), 'in.wasm', '-o', 'out.wasm'];
  execFileSync(join(BINARYEN, 'wasm-opt'), args, { cwd: directory, stdio: 'pipe' });
  return new Uint8Array(readFileSync(join(directory, 'out.wasm')));
}

test.each(FEATURES)('a module with %s is refused by that name, with a way out', async (feature) => {
  const building = makeSandbox().build(request(moduleWith(feature), directory));
  await expect(building).rejects.toMatchObject({
    code: 'SLEDGE_ERR_BUILD_UNSUPPORTED',
    message: expect.stringContaining(`sample uses ${feature}, which is not supported`),
    solve: UNSUPPORTED_FEATURES[feature],
  });
});

const lowerable = FEATURES.filter((name) => UNSUPPORTED_FEATURES[name].includes('wasm-opt'));
/** Each takes wasm-opt a second and a half to start. */
test.each(isLong ? lowerable : lowerable.slice(-2))(
  'the lowering named for %s makes a module that is accepted and does the same',
  (feature) => {
    const lowered = follow(UNSUPPORTED_FEATURES[feature], moduleWith(feature));
    expect(() => lowerModule(lowered, OPTIONS)).not.toThrow();
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(lowered), {}).exports;
    expect((f as (n: number) => number)(1)).toBe(42);
  },
);

test('the reference of what is supported names each feature with its way out', () => {
  const page = readFileSync(join(ROOT, 'docs/reference/webassembly.md'), 'utf8');
  for (const feature of FEATURES) {
    const row = page.split('\n').find((line) => line.startsWith(`| ${feature} `)) ?? '';
    const wayOut = UNSUPPORTED_FEATURES[feature].replace(/: (npx .*)$/, ': `$1`');
    expect(row).toContain(`| ${wayOut}`);
  }
});
