import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createSledge } from '@sledge/core';
import type { Outcome, Sledge } from '@sledge/core';
import { root } from './server';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-warm-'));
const wasm = path.join(folder, 'counter.wasm');
const IDLE_MS = 400;
const PAGE_BYTES = 65_536;

beforeAll(() => {
  execFileSync('wat2wasm', [path.join(__dirname, 'counter.wat'), '-o', wasm], { stdio: 'pipe' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digit = (outcome: Outcome): string => Buffer.from(outcome.output).toString('latin1');

describe.each(['awsm', 'v8'])('in sandbox-%s', (sandbox) => {
  let sledge: Sledge;
  const call = (name: string, args: string[] = []): Promise<Outcome> =>
    sledge.invoke(name, { args, environ: [] });

  beforeAll(async () => {
    const warm = { path: wasm, instance: 'warm' as const };
    const functions = [
      { ...warm, name: 'kept' },
      { ...warm, name: 'brief', warm: { idleMs: IDLE_MS } },
      { name: 'fresh', path: wasm },
    ];
    const tenants = [
      { name: 'one', functions },
      { name: 'two', functions: [{ ...warm, name: 'kept' }] },
    ];
    const options = { withTransports: false };
    sledge = createSledge(
      { sandbox, workers: { count: 1 }, tenants, log: { level: 'error' } },
      options,
    );
    await sledge.start();
  });
  afterAll(() => sledge.stop());

  test('a warm function goes on where it was, and only by itself', async () => {
    expect(digit(await call('one/kept'))).toBe('1');
    expect(digit(await call('one/kept'))).toBe('2');
    expect(digit(await call('two/kept'))).toBe('1');
    expect(digit(await call('fresh'))).toBe('1');
    expect(digit(await call('fresh'))).toBe('1');
    expect(digit(await call('one/kept'))).toBe('3');
  });

  test('an instance ends with a trap', async () => {
    expect(digit(await call('two/kept'))).toBe('2');
    expect(await call('two/kept', ['trap'])).toMatchObject({ status: 'trapped' });
    expect(digit(await call('two/kept'))).toBe('1');
  });

  test('an instance that nobody calls ends by itself', async () => {
    expect(digit(await call('brief'))).toBe('1');
    do await delay(IDLE_MS * 1.5);
    while (digit(await call('brief')) !== '1');
  });
});

test('idle instances count for their tenant, and give way before one is refused', async () => {
  const warm = { path: wasm, instance: 'warm' as const };
  const hold = path.join(root, 'functions', 'hold.wasm');
  const functions = [
    { ...warm, name: 'kept' },
    { ...warm, name: 'other' },
    { name: 'hold', path: hold, limits: { wallTimeUs: 600_000_000 } },
  ];
  const tenants = [{ name: 'one', limits: { memoryBytes: 2 * PAGE_BYTES }, functions }];
  const build = { level: 'development' as const };
  const sledge = createSledge(
    { workers: { count: 1 }, build, tenants, log: { level: 'error' } },
    { withTransports: false },
  );
  const call = (name: string, args: string[] = []): Promise<Outcome> =>
    sledge.invoke(name, { args, environ: [] });
  /** An answer comes before its instance is kept. */
  const settled = async (used: number, idle: number): Promise<void> => {
    for (;;) {
      const [tenant] = sledge.metricSources().tenants();
      const bytes = [tenant?.memoryBytes, tenant?.idleMemoryBytes];
      if (bytes[0] === used * PAGE_BYTES && bytes[1] === idle * PAGE_BYTES) return;
      await delay(1);
    }
  };
  await sledge.start();
  const held: Promise<Outcome>[] = [];
  try {
    expect(digit(await call('kept'))).toBe('1');
    await settled(1, 1);
    held.push(call('hold', ['sleep']));
    await settled(2, 1);
    expect(digit(await call('kept'))).toBe('2');
    await settled(2, 1);
    expect(digit(await call('other'))).toBe('1');
    await settled(2, 1);
    expect(digit(await call('kept'))).toBe('1');
    await settled(2, 1);
    held.push(call('hold', ['sleep']));
    await settled(2, 0);
    expect((await call('kept')).error?.code).toBe('SLEDGE_ERR_INVOKE_TENANT_MEMORY');
  } finally {
    await sledge.stop();
    await Promise.allSettled(held);
  }
});

test('a module that cannot be called again is refused', async () => {
  const file = path.join(root, 'functions', 'empty.wasm');
  const functions = [{ name: 'empty', path: file, instance: 'warm' as const }];
  const sledge = createSledge(
    { tenants: [{ name: 'one', functions }], log: { level: 'silent' } },
    { withTransports: false },
  );
  await expect(sledge.start()).rejects.toMatchObject({ code: 'SLEDGE_ERR_MODULE_WARM' });
});
