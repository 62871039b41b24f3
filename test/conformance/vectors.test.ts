import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { createSledge } from '@sledge/core';
import type { Sledge, SledgeConfigInput } from '@sledge/core';

/** So many requests share one worker, each with vectors of its own in the registers. */
const REQUESTS = 6;
const directory = mkdtempSync(join(tmpdir(), 'sledge-vectors-'));
const wasmPath = join(directory, 'vectors.wasm');

beforeAll(() => {
  execFileSync('wat2wasm', [join(__dirname, 'support/vectors.wat'), '-o', wasmPath]);
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function inputOf(request: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => (request * 37 + i * 11 + 1) & 0xff);
}

/** V8's answer. */
function reference(input: Uint8Array): string {
  let memory = new Uint8Array();
  let output = '';
  const wasi = {
    fd_read: () => (memory.set(input, 64), 0),
    fd_write: () => ((output = Buffer.from(memory.subarray(80, 128)).toString('hex')), 0),
  };
  const module = new WebAssembly.Module(readFileSync(wasmPath));
  const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi });
  memory = new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer);
  (exports['_start'] as () => void)();
  return output;
}

function sledgeWith(path: string, more: Partial<SledgeConfigInput> = {}): Sledge {
  return createSledge(
    {
      workers: { count: 1, cores: 'unpinned' },
      arena: { slots: 16 },
      transports: [],
      build: { cacheDirectory: join(directory, 'cache') },
      tenants: [
        {
          name: 'test',
          functions: [{ name: 'vectors', path, limits: { wallTimeUs: 60_000_000 } }],
        },
      ],
      ...more,
    },
    { logger: pino({ level: 'silent' }), withTransports: false },
  );
}

test.each([
  ['signal', 'off'],
  ['safepoint', 'flag'],
  ['tsc', 'tsc'],
] as const)('vectors survive preemption by %s', async (mechanism, safepoints) => {
  const sledge = sledgeWith(wasmPath, {
    sandbox: ['awsm', { safepoints }],
    preemption: { mechanism, minIntervalUs: 200 },
    scheduler: ['fifo', { quantumUs: 500 }],
  });
  await sledge.start();
  try {
    const inputs = Array.from({ length: REQUESTS }, (_, i) => inputOf(i));
    const outcomes = await Promise.all(
      inputs.map((input) => sledge.invoke('vectors', { args: [], environ: [], input })),
    );
    const outputs = outcomes.map(({ output }) => Buffer.from(output).toString('hex'));
    expect(outputs).toEqual(inputs.map(reference));
    expect(sledge.stats().preemptions).toBeGreaterThan(REQUESTS);
  } finally {
    await sledge.drain();
    await sledge.stop();
  }
});

test.each([
  ['imported from the host', '(import "wasi_snapshot_preview1" "fd_close" (func (param v128)))'],
  ['a parameter of _start', '(func (export "_start") (param v128))'],
])('a vector that is %s is refused', async (what, text) => {
  const imported = what.startsWith('imported');
  const wat = join(directory, imported ? 'import.wat' : 'start.wat');
  const start = imported ? '(func (export "_start"))' : '';
  writeFileSync(wat, `(module ${text} (memory (export "memory") 1) ${start})`);
  const path = wat.replace(/wat$/, 'wasm');
  execFileSync('wat2wasm', [wat, '-o', path]);
  const sledge = sledgeWith(path);
  await expect(sledge.start()).rejects.toMatchObject({
    code: imported ? 'SLEDGE_ERR_MODULE_IMPORT' : 'SLEDGE_ERR_MODULE_ENTRY',
  });
  await sledge.stop();
});
