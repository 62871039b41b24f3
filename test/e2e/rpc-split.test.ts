import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ErpcClient } from '@sledge/client-erpc';
import { createSledge } from '@sledge/core';
import type { Sledge } from '@sledge/core';
import pino from 'pino';
import { root } from './server';

const LOOPBACK = '127.0.0.1';
const file = path.join(root, 'functions/echo.wasm');
const wasm = (name: string) => readFileSync(path.join(root, `functions/${name}.wasm`));
const at = { tenant: 'test', name: 'fn' };

let sledge: Sledge;
const client = ErpcClient.open();
let target: Awaited<ReturnType<typeof client.connect>>;

beforeAll(async () => {
  const free = createSocket('udp4').bind(0, LOOPBACK);
  await once(free, 'listening');
  const dataPort = free.address().port;
  free.close();
  sledge = createSledge(
    {
      build: { level: 'development' },
      workers: { count: 1, cores: 'unpinned' },
      arena: { slots: 16 },
      transports: [['erpc', { port: 0, dataPort }]],
      tenants: [{ name: 'test', functions: [{ name: 'fn', path: file, requestType: 1 }] }],
    },
    { logger: pino({ level: 'silent' }) },
  );
  await sledge.start();
  const url = new URL(sledge.listeners()[0]?.url ?? '');
  target = await client.connect({ host: LOOPBACK, port: Number(url.port) });
});
afterAll(async () => {
  await client.close();
  await sledge.drain();
  await sledge.stop();
});

/** Of so many calls, one after another, how many answered what. */
async function answers(count: number, input = '10'): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let call = 0; call < count; call += 1) {
    const answer = await target.call(1, Buffer.from(input)).catch(() => undefined);
    const text = answer?.output.toString().trim() ?? 'failed';
    seen[text] = (seen[text] ?? 0) + 1;
  }
  return seen;
}

test('a split holds for RPCs, request by request, until it is ended', async () => {
  expect(await answers(8)).toEqual({ 10: 8 });
  await sledge.control.deploy({ ...at, wasm: wasm('fibonacci'), split: 25 });
  expect(await answers(40)).toEqual({ 10: 30, 55: 10 });
  await sledge.control.rollback(at);
  expect(await answers(8)).toEqual({ 10: 8 });
});

test('what is too large for the version under trial is not for it', async () => {
  const settings = { requestType: 1, limits: { bodyBytes: 2 } };
  await sledge.control.deploy({ ...at, wasm: wasm('fibonacci'), settings, split: 50 });
  expect(await answers(20, ' 10')).toEqual({ 10: 20 });
  expect(await answers(20)).toEqual({ 10: 10, 55: 10 });
  await sledge.control.rollback(at);
});

test('what fails too often as an RPC is given up', async () => {
  const rollback = { requests: 20, errorRate: 0.1 };
  await sledge.control.deploy({ ...at, wasm: wasm('trap_unreachable'), split: 50, rollback });
  const isSplit = () => sledge.control.report(at).split !== null;
  for (let turn = 0; turn < 500 && isSplit(); turn += 1) {
    await answers(4);
    await delay(10);
  }
  expect(isSplit()).toBe(false);
  const { events } = sledge.control.report(at);
  expect(events.at(-1)).toMatchObject({
    action: 'given-up',
    reason: expect.stringMatching(/errors/),
  });
  await delay(10);
  expect(await answers(10)).toEqual({ 10: 10 });
});
