import { connect } from 'node:net';
import path from 'node:path';
import { request } from 'undici';
import { configOf, root, Server } from './server';
import { until } from './versions';

afterAll(() => Server.stopAll());

const file = (name: string) => path.join(root, 'functions', `${name}.wasm`);
const GIB = 1 << 30;
const limits = { wallTimeUs: 60_000, memoryBytes: 2 * GIB };

/** One worker: what is not ended would hold all that follow. */
const config = configOf(
  [
    { name: 'endless_loop', limits },
    { name: 'fibonacci', limits },
    { name: 'hold', limits },
    { name: 'echo' },
    { name: 'next', path: file('fibonacci') },
  ],
  { workers: { count: 1 } },
);

interface Problem {
  code: string;
  detail: string;
}

async function get(url: string, headers: Record<string, string> = {}) {
  const answer = await request(url, { headers });
  const text = await answer.body.text();
  const isProblem = answer.headers['content-type'] === 'application/problem+json';
  const problem = isProblem ? (JSON.parse(text) as Problem) : undefined;
  return { status: answer.statusCode, headers: answer.headers, text, problem };
}

const MECHANISMS: [string, string[]][] = [
  ['safepoint', ['preemption.mechanism=safepoint', 'sandbox.safepoints=flag']],
  ['signal', ['preemption.mechanism=signal', 'sandbox.safepoints=off']],
];
const IN_THE_LONG_RUN: [string, string[]][] = [
  ['tsc', ['preemption.mechanism=tsc', 'sandbox.safepoints=tsc']],
  ['timer', ['preemption.mechanism=timer', 'sandbox.safepoints=off']],
];
const isLong = process.env['SLEDGE_TEST_LONG'] === '1';

describe.each([...MECHANISMS, ...(isLong ? IN_THE_LONG_RUN : [])])('with %s', (_, set) => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ config, set });
  }, 320_000);
  afterAll(() => server.stop());

  test.each([
    ['an endless loop', '/endless_loop'],
    ['a recursion that runs for hours', '/fibonacci?60'],
    ['memory.fill of 1 GiB', '/hold?fill'],
    ['memory.copy of 512 MiB', '/hold?copy'],
    ['random_get of 1 GiB', '/hold?random'],
    ['a sleep', '/hold?sleep'],
    ['host calls without end', '/hold?calls'],
  ])('%s ends at its limit, and its worker serves the next request', async (_name, call) => {
    const [held, neighbour] = await Promise.all([
      get(server.url + call),
      request(`${server.url}/echo`, { method: 'POST', body: 'neighbour' }),
    ]);
    expect([held.status, held.problem?.code]).toEqual([504, 'SLEDGE_ERR_INVOKE_TIME_LIMIT']);
    expect([neighbour.statusCode, await neighbour.body.text()]).toEqual([200, 'neighbour']);
    expect(await get(`${server.url}/next?10`)).toMatchObject({ status: 200, text: '55' });
  });

  test('memory beyond the limit is refused to the function, which goes on', async () => {
    const other = await Server.start({ config: configOf([{ name: 'hold' }]), set: [...set] });
    expect(await get(`${other.url}/hold?fill`)).toMatchObject({
      status: 502,
      problem: { exitCode: 3 },
    });
    await other.stop();
  });
});

test('a deadline ends what runs with 504, and admission refuses with Retry-After', async () => {
  const late = { onLate: 'abort', limits: { wallTimeUs: 60_000_000 } };
  const long = { name: 'endless_loop', expectedExecutionUs: 3_000_000, ...late };
  const short = { ...long, path: file('endless_loop'), name: 'short', expectedExecutionUs: 1_000 };
  const server = await Server.start({
    config: configOf([long, short], {
      workers: { count: 1 },
      estimator: ['percentile', { minSamples: 256 }],
      admission: 'deadline',
      scheduler: 'edf',
      dispatcher: 'edf-interrupt',
    }),
  });
  const url = `${server.url}/endless_loop`;
  const refused = await get(url, { 'x-sledge-deadline-us': '100000' });
  expect([refused.status, refused.problem?.code]).toEqual([429, 'SLEDGE_ERR_INVOKE_NOT_ADMITTED']);
  expect(refused.headers['retry-after']).toBe('3');
  expect(refused.problem?.detail).toMatch(/retry after (29\d{5}|3000000) us/);
  const aborted = await get(`${server.url}/short`, { 'grpc-timeout': '1000m' });
  expect([aborted.status, aborted.problem?.code]).toEqual([504, 'SLEDGE_ERR_INVOKE_DEADLINE']);
  await server.stop();
});

test('a tenant at its limits gets 429, its neighbour 200', async () => {
  const endless = { name: 'endless_loop', limits: { wallTimeUs: 600_000_000 } };
  const greedy = configOf([endless, 'fibonacci']);
  const quiet = configOf(['echo']);
  const [tenant] = greedy.tenants as object[];
  const [neighbour] = quiet.tenants as object[];
  const server = await Server.start({
    config: {
      workers: { count: 2 },
      transports: [['http', {}]],
      tenants: [
        { ...tenant, limits: { concurrency: 1 } },
        { ...neighbour, name: 'quiet' },
      ],
    },
  });
  const [first = '', second = ''] = server.urls;
  const holder = connect(Number(new URL(first).port), '127.0.0.1');
  holder.write('GET /endless_loop HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(async () => (await server.inFlight()) === 1);
  const answers = await Promise.all([
    ...Array.from({ length: 3 }, () => get(`${first}/endless_loop`)),
    ...Array.from({ length: 20 }, () => get(`${second}/echo`)),
  ]);
  const statuses = answers.map((answer) => answer.status);
  expect(statuses.slice(0, 3)).toEqual([429, 429, 429]);
  expect(statuses.slice(3)).toEqual(Array.from({ length: 20 }, () => 200));
  expect(answers[0]?.problem?.code).toBe('SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY');
  holder.resetAndDestroy();
  await until(async () => (await server.inFlight()) === 0);
  expect(await get(`${first}/fibonacci?10`)).toMatchObject({ status: 200, text: '55' });
  await server.stop();
});
