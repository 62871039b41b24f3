import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { KERNELS } from '../src/kernels';
import { Toolchain, type WasmKind } from '../src/toolchain';

const ROOT = resolve(__dirname, '../..');
const hasTools = existsSync('/usr/lib/llvm-14/bin/wasm-ld') && existsSync('/usr/bin/wasm2c');

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const FEW = ['gemm', 'sha256', 'vm', 'dot_product'];
if (!isLong) console.log(`${FEW.length} kernels; all of them with SLEDGE_TEST_LONG=1`);

/** An argument that takes no time. */
const small = (argument: number): number => Math.max(1, Math.min(9, argument));

(hasTools ? describe : describe.skip)('kernels', () => {
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'sledge-kernels-'));
  const toolchain = new Toolchain({ root: ROOT, cacheDirectory });
  afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

  test('every source has an argument and every argument a source', () => {
    const sources = readdirSync(join(ROOT, 'bench/kernels')).filter((name) => name.endsWith('.c'));
    expect(sources.map((name) => name.slice(0, -2)).sort()).toEqual(Object.keys(KERNELS).sort());
  });

  test.each(Object.entries(KERNELS).filter(([kernel]) => isLong || FEW.includes(kernel)))(
    '%s computes the same in native code, in V8 with and without vectors, and by wasm2c',
    async (kernel, argument) => {
      const n = small(argument);
      const runner = await toolchain.runner();
      const native = (library: string): number => {
        const output = execFileSync(runner, { input: `${library} 1 ${n}\n`, encoding: 'utf8' });
        return Number(output.split(' ')[0]);
      };
      const inV8 = async (kind: WasmKind): Promise<number> => {
        const wasm = readFileSync(await toolchain.wasmKernel(kernel, kind));
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), {});
        return (exports['kernel'] as (n: number) => number)(n) >>> 0;
      };
      const checksum = await inV8('scalar');
      expect(await inV8('simd')).toBe(checksum);
      expect(native(await toolchain.nativeKernel(kernel, 'vectorised'))).toBe(checksum);
      expect(native(await toolchain.wasm2cKernel(kernel))).toBe(checksum);
    },
  );
});
