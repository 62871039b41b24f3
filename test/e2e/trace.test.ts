import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ErpcClient } from '@sledge/client-erpc';
import { scrape } from './scrape';
import { configOf, root, Server } from './server';
import { until } from './versions';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-e2e-trace-'));
afterAll(async () => {
  await Server.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const run = promisify(execFile);
/** In CI colours are on. */
const PLAIN = { ...process.env, NO_COLOR: '1' };

function sledge(...args: string[]) {
  const command = [path.join(root, 'cli/bin/sledge.js'), ...args];
  const running = run(process.execPath, command, { cwd: folder, env: PLAIN });
  running.child.stdin?.end();
  return running;
}

interface TraceEvent {
  ph: string;
  name: string;
  args: { request: number; end: string };
}

const REQUESTS = 400;
const PATHS = ['/fibonacci?12', '/empty', '/fibonacci?20'];

/** Request ids of the answers, as their headers say. */
async function ask(url: string, count: number): Promise<number[]> {
  const ids: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) {
      const answer = await fetch(`${url}${PATHS[next++ % PATHS.length] ?? ''}`);
      await answer.arrayBuffer();
      ids.push(Number(answer.headers.get('x-sledge-request')));
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  return ids;
}

const numbersOf = (of: number[]): number[] => [...of].sort((a, b) => a - b);
const ALL = Array.from({ length: REQUESTS }, (_, at) => at + 1);

/** Every trace event of a file, which must be valid JSON. */
function eventsOf(file: string): TraceEvent[] {
  const trace = JSON.parse(readFileSync(file, 'utf8')) as {
    lostEvents: number;
    traceEvents: TraceEvent[];
  };
  expect(trace.lostEvents).toBe(0);
  return trace.traceEvents;
}

function requestsOf(events: TraceEvent[], wanted: (event: TraceEvent) => boolean): number[] {
  return numbersOf(events.filter(wanted).map(({ args }) => args.request));
}

describe.each(['awsm', 'v8'])('a server on %s that records', (sandbox) => {
  const trace = path.join(folder, `${sandbox}.json`);
  const perfLog = { path: path.join(folder, `${sandbox}.csv`) };
  let ids: number[];
  beforeAll(async () => {
    const policies = { dispatcher: 'edf-interrupt', scheduler: 'edf' };
    const more = { sandbox, perfLog, workers: { count: 2 }, ...(sandbox === 'v8' ? {} : policies) };
    const functions = ['empty', { name: 'fibonacci', relativeDeadlineUs: 2_000 }];
    const config = configOf(functions, more);
    const server = await Server.start({ config, flags: ['--trace', trace] });
    ids = await ask(server.url, REQUESTS);
    expect(await server.stop()).toMatchObject({ code: 0 });
  }, 320_000);

  test('tells each client the number of its request', () => {
    expect(numbersOf(ids)).toEqual(ALL);
  });

  test('writes a trace with each request once', () => {
    const events = eventsOf(trace);
    expect(requestsOf(events, ({ name }) => name === 'arrival')).toEqual(ALL);
    expect(requestsOf(events, ({ args }) => args.end === 'finished')).toEqual(ALL);
    expect(events.some(({ args }) => args?.end === 'unknown')).toBe(false);
  });

  test('writes a line of the perf log for each request, which analyze reads', async () => {
    const [header = '', ...rows] = readFileSync(perfLog.path, 'utf8').trimEnd().split('\n');
    const rid = header.split(',').indexOf('rid');
    expect(numbersOf(rows.map((row) => Number(row.split(',')[rid])))).toEqual(ALL);
    const { stdout } = await sledge('analyze', perfLog.path, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      requests: REQUESTS,
      unread: 0,
      classes: [{ type: 'test/empty' }, { type: 'test/fibonacci' }],
    });
  });
});

test('RPCs, which never touch JavaScript, are recorded like all others', async () => {
  const trace = path.join(folder, 'rpc.json');
  const perfLog = { path: path.join(folder, 'rpc.ndjson'), format: 'ndjson' };
  const config = configOf([{ name: 'fibonacci', requestType: 3 }], {
    perfLog,
    transports: [
      ['http', {}],
      ['erpc', { port: 0 }],
    ],
  });
  const server = await Server.start({ config, flags: ['--trace', trace] });
  const url = server.urls.find((one) => one.startsWith('erpc:')) ?? '';
  const client = ErpcClient.open();
  const target = await client.connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
  await Promise.all(Array.from({ length: 50 }, () => target.call(3, undefined, { args: ['10'] })));
  await client.close();
  expect(await server.stop()).toMatchObject({ code: 0 });
  const requests = Array.from({ length: 50 }, (_, at) => at + 1);
  expect(requestsOf(eventsOf(trace), ({ args }) => args.end === 'finished')).toEqual(requests);
  const rows = readFileSync(perfLog.path, 'utf8').trimEnd().split('\n');
  const read = rows.map((row) => JSON.parse(row) as { rid: number; rtype: number });
  expect(numbersOf(read.map(({ rid }) => rid))).toEqual(requests);
  expect(new Set(read.map(({ rtype }) => rtype))).toEqual(new Set([3]));
}, 320_000);

test('explain tells in words who took the worker of a live request', async () => {
  const trace = path.join(folder, 'preempted.json');
  const config = configOf(
    [
      {
        name: 'endless_loop',
        relativeDeadlineUs: 60_000_000,
        limits: { wallTimeUs: 1_000_000 },
      },
      { name: 'empty', relativeDeadlineUs: 100_000 },
    ],
    { dispatcher: 'edf-interrupt', scheduler: 'edf', workers: { count: 1 } },
  );
  const server = await Server.start({ config, flags: ['--trace', trace] });
  const idOf = (answer: Response): string => answer.headers.get('x-sledge-request') ?? '';
  let [long, short] = ['', ''];
  // on a busy machine it may have ended before the other comes
  await until(async () => {
    const endless = fetch(`${server.url}/endless_loop`);
    let hasEnded = false;
    void endless.then(() => (hasEnded = true));
    await until(async () => hasEnded || (await server.inFlight()) === 1);
    short = idOf(await fetch(`${server.url}/empty`));
    const answer = await endless;
    expect(answer.status).toBe(504);
    long = idOf(answer);
    return (await scrape(server.control)).value('sledge_preemptions_total', {}) > 0;
  });
  expect(await server.stop()).toMatchObject({ code: 0 });
  const explain = async (request: string): Promise<string> =>
    (await sledge('explain', request, '--trace', trace)).stdout;
  expect(await explain(short)).toContain(`worker 0 was asked to leave request ${long}.`);
  const words = await explain(long);
  expect(words).toContain(`preempted by request ${short} (test/empty), because that deadline, at`);
  expect(words).toContain('It ended as timed-out');
}, 320_000);

test('a full disk ends the perf log, not the server', async () => {
  const config = configOf(['empty'], { perfLog: { path: '/dev/full', format: 'ndjson' } });
  const server = await Server.start({ config });
  await fetch(`${server.url}/empty`);
  const limit = Date.now() + 120_000;
  while (!server.log.includes('SLEDGE_ERR_PERF_LOG_WRITE') && Date.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(server.log).toContain('ENOSPC');
  expect((await fetch(`${server.url}/empty`)).status).toBe(200);
  expect(await server.stop()).toMatchObject({ code: 0 });
}, 320_000);

test('a function that is tried by hand leaves the perf log of the server alone', async () => {
  const file = path.join(folder, 'kept.csv');
  writeFileSync(file, 'rows of a server\n');
  const config = path.join(root, 'sledge.config.ts');
  await sledge('invoke', '-c', config, '--set', `perfLog.path=${file}`, 'fib', '10');
  expect(readFileSync(file, 'utf8')).toBe('rows of a server\n');
}, 320_000);

test('a perf log that cannot be written is an error at the start', async () => {
  const config = path.join(root, 'sledge.config.ts');
  const set = ['--set', `perfLog.path=${path.join(folder, 'none', 'perf.csv')}`];
  const failed = await sledge('start', '-c', config, '--no-control', ...set).catch(
    (error: unknown) => error as { code: number; stderr: string },
  );
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.stderr).toMatch(/SLEDGE_ERR_PERF_LOG_WRITE .*none\/perf\.csv.*ENOENT/);
}, 320_000);

test('a simulated run gives the same trace on every Node', async () => {
  const file = path.join(folder, 'simulated.json');
  await sledge(
    ...['simulate', '--workload', 'deterministic', '--workers', '2', '--requests', '500'],
    ...['--seed', '7', '--ideal', '--trace', file],
  );
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  expect(digest).toBe('d3975c0c2205207ac505dc74ee78d2e183b14423b9321c72231efce00cda8d57');
});
