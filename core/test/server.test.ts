import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { createSledge, configFromObject, SledgeError, tokens } from '../src';
import type { Outcome, Sledge, TransportHost } from '../src';
import { factoryOf, FakeDataPlane, fakeSandbox, journalPlugin } from './support/fakes';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-server-'));
afterAll(() => rmSync(folder, { recursive: true }));
for (const name of ['one.wasm', 'two.wasm']) writeFileSync(path.join(folder, name), 'wasm');

interface Setup {
  plane?: FakeDataPlane;
  journal?: string[];
  more?: object;
  withTransports?: boolean;
  signal?: AbortSignal;
}

function setup({
  plane = new FakeDataPlane(),
  journal = [],
  more = {},
  ...options
}: Setup): Sledge {
  const config = {
    sandbox: fakeSandbox(),
    scheduler: journalPlugin('sched', 'scheduler', journal),
    dispatcher: journalPlugin('dispatch', 'dispatcher', journal),
    transports: [journalPlugin('transport', 'transport', journal)],
    tenants: [
      {
        name: 'a',
        functions: [
          { name: 'one', path: 'one.wasm', route: '/one', limits: { wallTimeUs: 9 } },
          { name: 'two', path: 'two.wasm' },
        ],
      },
      { name: 'b', functions: [{ name: 'one', path: 'one.wasm' }] },
    ],
    ...more,
  };
  const logger = pino({ level: 'silent' });
  const dataPlane = factoryOf(plane);
  return createSledge(configFromObject(config, folder), { logger, dataPlane, ...options });
}

async function failureOf(promise: Promise<unknown>): Promise<SledgeError> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SledgeError);
  return thrown as SledgeError;
}

const text = (outcome: Outcome) => Buffer.from(outcome.output).toString();

test('a server invokes functions by name, and by tenant where a name is not enough', async () => {
  const sledge = setup({});
  await sledge.start();
  const request = { args: ['10'], environ: [] };
  expect(text(await sledge.invoke('two', request))).toBe('two 10');
  expect(text(await sledge.invoke('b/one', request))).toBe('one 10');
  expect((await failureOf(sledge.invoke('one', request))).message).toContain('a/one or b/one');
  expect((await failureOf(sledge.invoke('twoo', request))).message).toContain('did you mean two?');
  expect(sledge.listeners()).toEqual([
    { transport: 'transport', tenant: 'a', url: 'test://transport' },
  ]);
  await sledge.stop();
});

test('limits and tenants reach the data plane as configured', async () => {
  const plane = new FakeDataPlane();
  const sledge = setup({ plane });
  await sledge.start();
  expect(plane.functions.map((fn) => [fn.name, fn.tenant, fn.wallTimeUs])).toEqual([
    ['one', 0, 9],
    ['two', 0, 1_000_000],
    ['one', 1, 1_000_000],
  ]);
  expect(plane.functions[0]?.artifactPath).toBe('/nowhere/a/one');
  await sledge.stop();
});

test('a file that two functions share is built once', async () => {
  const built: string[] = [];
  const sandbox = fakeSandbox((name) => {
    built.push(name);
    return Promise.resolve();
  });
  const sledge = setup({ more: { sandbox } });
  await sledge.start();
  expect(built.toSorted()).toEqual(['a/one', 'a/two']);
  await sledge.stop();
});

test('a function that does not build ends the start with its error; nothing stays', async () => {
  const journal: string[] = [];
  const sandbox = fakeSandbox((name) => {
    const details = { name, feature: 'threads', wayOut: '' };
    if (name !== 'a/two') return Promise.resolve();
    return Promise.reject(new SledgeError('SLEDGE_ERR_BUILD_UNSUPPORTED', details));
  });
  const error = await failureOf(setup({ journal, more: { sandbox } }).start());
  expect(error.message).toBe('a/two uses threads, which is not supported.');
  expect(journal.filter((line) => line.startsWith('stop'))).toEqual([
    'stop dispatch',
    'stop sched',
  ]);
});

test('a start that is cancelled ends with what it builds, and nothing else starts', async () => {
  const stop = new AbortController();
  const journal: string[] = [];
  const names: string[] = [];
  const sandbox = fakeSandbox((name) => {
    names.push(name);
    stop.abort();
    return Promise.resolve();
  });
  const more = { sandbox, build: { parallel: 1 } };
  const error = await failureOf(setup({ journal, more, signal: stop.signal }).start());
  expect(error.code).toBe('SLEDGE_ERR_BUILD_CANCELLED');
  expect(names).toEqual(['a/one']);
  expect(journal).not.toContain('start transport');
});

test('a transport that cannot start stops what had started, the data plane too', async () => {
  const plane = new FakeDataPlane();
  const start = () => Promise.reject(new Error('port taken'));
  const transports = [journalPlugin('transport', 'transport', [], { start })];
  const error = await failureOf(setup({ plane, more: { transports } }).start());
  expect(error.code).toBe('SLEDGE_ERR_PLUGIN_START');
  expect(plane.isStopped).toBe(true);
});

test('of two transports one that cannot start is told, and the other serves', async () => {
  const journal: string[] = [];
  const start = () => Promise.reject(new Error('port taken'));
  const transports = [
    journalPlugin('broken', 'transport', journal, { start }),
    journalPlugin('sound', 'transport', journal),
  ];
  const sledge = setup({ more: { transports } });
  await sledge.start();
  expect(sledge.startFailures()).toMatchObject([{ code: 'SLEDGE_ERR_PLUGIN_START' }]);
  expect([sledge.phase, sledge.listeners().map((one) => one.transport)]).toEqual([
    'serving',
    ['sound'],
  ]);
  await sledge.stop();
  expect(journal.filter((line) => line.startsWith('stop'))).toEqual(['stop broken', 'stop sound']);
});

test('drain refuses new invocations and waits for those in flight', async () => {
  const plane = new FakeDataPlane(true);
  const sledge = setup({ plane });
  await sledge.start();
  const accepted = sledge.invoke('two', { args: [], environ: [] });
  const drained = sledge.drain();
  const refused = await failureOf(sledge.invoke('two', { args: [], environ: [] }));
  expect(refused.code).toBe('SLEDGE_ERR_INVOKE_DRAINING');
  plane.held.shift()?.();
  expect((await accepted).status).toBe('completed');
  expect(await drained).toEqual([]);
  await sledge.stop();
});

test('what does not end within the limit of draining is ended with its outcome', async () => {
  const plane = new FakeDataPlane(true);
  const sledge = setup({ plane, more: { lifecycle: { drainTimeoutMs: 20 } } });
  await sledge.start();
  const accepted = sledge.invoke('two', { args: [], environ: [] });
  expect(await sledge.drain()).toEqual([]);
  expect((await accepted).status).toBe('completed');
  await sledge.stop();
});

test('transports see the tenants from their container; without any none is created', async () => {
  let host: TransportHost | undefined;
  const transport = {
    ...journalPlugin('transport', 'transport', []),
    create(_options: unknown, context: { container: { resolve(token: unknown): unknown } }) {
      host = context.container.resolve(tokens.TransportHost) as TransportHost;
      const done = () => Promise.resolve();
      return { start: done, drain: done, stop: done, listeners: () => [] };
    },
  };
  const sledge = setup({ more: { transports: [transport] } });
  await sledge.start();
  expect(host?.tenants().map((tenant) => tenant.functions.map((fn) => fn.route))).toEqual([
    ['/one', undefined],
    [undefined],
  ]);
  expect(host?.tenants()[0]?.functions[0]).toMatchObject({ tenant: 'a', maxBodyBytes: 4_194_304 });
  await sledge.stop();
  const journal: string[] = [];
  const quiet = setup({ journal, withTransports: false });
  await quiet.start();
  await quiet.stop();
  expect(journal.join()).not.toContain('transport');
});
