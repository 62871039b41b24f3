import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { runLoad } from '@sledge/lab';
import type { LoadOptions, LoadReport, LoadSample, RpcRequest } from '@sledge/lab';
import { configOf, root, Server } from './server';
import { until } from './versions';

const isLong = process.env.SLEDGE_TEST_LONG === '1';
const HANG_US = 60_000_000;
const TYPES = { empty: 1, hash: 2, exit: 3, echo: 4, loop: 5 } as const;
let server: Server;
let target: URL;

const slowLoop = {
  name: 'endless_loop',
  requestType: TYPES.loop,
  limits: { wallTimeUs: 200_000 },
};
const functions = [
  ...(['empty', 'hash', 'exit', 'echo'] as const).map((name) => ({
    name,
    requestType: TYPES[name],
  })),
  slowLoop,
];

function start(options: Record<string, unknown> = {}): Promise<Server> {
  const transports = [['erpc', { port: 0, ...options }]];
  return Server.start({ config: configOf(functions, { transports }) });
}

const targetOf = ({ url }: Server): URL => new URL(url);

beforeAll(async () => {
  server = await start({ pollers: 2 });
  target = targetOf(server);
}, 300_000);
afterAll(() => Server.stopAll());

/** One request of the types in turn, each `stepUs`. */
const evenly = (count: number, stepUs: number, types = 1) =>
  Array.from({ length: count }, (_, at) => ({
    atNs: at * stepUs * 1000,
    type: at % types,
    argument: at,
  }));

const classOf = (requestType: number, request: Partial<RpcRequest> = {}) => ({
  name: String(requestType),
  request: { requestType, ...request },
});

async function load(
  options: Partial<LoadOptions> & Pick<LoadOptions, 'classes' | 'schedule'>,
): Promise<{ report: LoadReport; samples: LoadSample[] }> {
  const samples: LoadSample[] = [];
  const onSample = (sample: LoadSample): void => void samples.push(sample);
  const report = await runLoad({
    ...{ target, connections: 4, onSample, graceUs: 60_000_000 },
    ...options,
  });
  const { planned, sent, dropped, neverSent, answered, failures } = report.counts;
  const { refused, ...afterSending } = failures;
  const ended = Object.values(afterSending).reduce((sum, count) => sum + count, answered);
  expect([planned, sent]).toEqual([sent + dropped + neverSent + refused, ended]);
  return { report, samples };
}

test('each RPC of a mix is answered once, and counted by what became of it', async () => {
  const input = Buffer.alloc(5_000, 'x');
  const { report, samples } = await load({
    classes: [
      classOf(TYPES.empty),
      classOf(TYPES.hash, { text: '{n}' }),
      classOf(TYPES.exit, { text: '7' }),
      classOf(TYPES.echo, { input }),
      classOf(200),
    ],
    schedule: evenly(200, 500, 5),
    rpc: { remoteRpcs: 2 },
  });
  expect(report.classes.map(({ statuses }) => statuses)).toEqual([
    { completed: 40 },
    { completed: 40 },
    { SLEDGE_ERR_INVOKE_EXITED: 40 },
    { completed: 40 },
    { SLEDGE_ERR_RPC_NO_FUNCTION: 40 },
  ]);
  const outputs = samples.filter(({ type }) => type === 3).map(({ bodyBytes }) => bodyBytes);
  expect(new Set(outputs)).toEqual(new Set([input.length]));
  expect(report.connects).toBe(4);
  expect(report.classes[1]?.slowdown?.p50).toBeGreaterThan(1); // by the service time in the answer
  expect(report.classes[4]?.slowdown).toBeUndefined();
});

test('what finds no slot waits, counted from its intended time; more are dropped', async () => {
  const { report, samples } = await load({
    classes: [classOf(TYPES.loop)],
    schedule: evenly(20, 1),
    connections: 1,
    rpc: { outstanding: 2 },
    waitingMax: 1,
  });
  expect(report.counts).toMatchObject({ planned: 20, sent: 3, dropped: 17 });
  expect(report.counts.statuses).toEqual({ SLEDGE_ERR_INVOKE_TIME_LIMIT: 3 });
  const waited = samples[2] as LoadSample;
  expect(waited.sentNs - waited.atNs).toBeGreaterThanOrEqual(190e6);
});

test('a closed loop has so many requests on each session, and is labelled so', async () => {
  const { report, samples } = await load({
    mode: 'closed-loop',
    classes: [classOf(TYPES.empty)],
    schedule: evenly(300, 0),
    connections: 2,
    rpc: { outstanding: 3 },
    endUs: HANG_US,
  });
  expect(report.mode).toBe('closed-loop');
  expect(report.counts).toMatchObject({ planned: 300, answered: 300, late: 0 });
  const at = (sample: LoadSample): number =>
    samples.filter((one) => one.sentNs < sample.endNs && one.endNs > sample.sentNs).length;
  const seventh = samples[6] as LoadSample;
  const first = Math.min(...samples.slice(0, 6).map(({ endNs }) => endNs));
  expect(seventh.sentNs).toBeGreaterThanOrEqual(first);
  expect(at(samples[0] as LoadSample)).toBeGreaterThan(1);
});

test('no answer in time is a timeout, and its slot is free when the answer came', async () => {
  // on a busy machine the other one may be late, too
  await until(async () => {
    const { report } = await load({
      classes: [classOf(TYPES.loop), classOf(TYPES.empty)],
      schedule: [
        { atNs: 0, type: 0, argument: 0 },
        { atNs: 1e6, type: 1, argument: 0 },
      ],
      connections: 1,
      rpc: { outstanding: 1 },
      timeoutUs: 50_000,
      endUs: HANG_US,
    });
    const { timedOut } = report.counts.failures;
    expect(timedOut).toBeGreaterThan(0);
    return timedOut === 1 && report.classes[1]?.statuses['completed'] === 1;
  });
});

test('an answer in another format is malformed', async () => {
  const { report } = await load({
    classes: [classOf(TYPES.empty)],
    schedule: evenly(5, 100),
    rpc: { format: 'sledgescale' },
  });
  expect(report.counts.failures.malformed).toBe(5);
});

test('a server without room for all sessions is loaded over those that it gave', async () => {
  const small = await start({ ringEntries: 64 });
  const { report } = await load({
    target: targetOf(small),
    classes: [classOf(TYPES.empty)],
    schedule: evenly(50, 1000),
  });
  expect(report.counts).toMatchObject({ answered: 50 });
  expect(report.connects).toBeGreaterThan(2);
  await small.stop();
});

test('a server that vanishes ends in counts, and so does one that is not there', async () => {
  const other = await start();
  const run = load({
    target: targetOf(other),
    classes: [classOf(TYPES.empty)],
    schedule: evenly(1_000, 1_000),
    timeoutUs: 100_000,
    waitingMax: 10,
    graceUs: 200_000,
  });
  // early in the second that it lasts: this thread may be late
  setTimeout(() => other.process.kill('SIGKILL'), 100);
  const { report } = await run;
  await other.stop();
  expect(report.counts.answered).toBeLessThan(1_000);
  const after = await load({
    target: targetOf(other),
    classes: [classOf(TYPES.empty)],
    schedule: evenly(20, 1_000),
  });
  expect(after.report.counts.failures.refused).toBe(20);
});

test('a class of HTTP is refused for an RPC target', async () => {
  const classes = [{ name: 'all', request: { path: '/' } }];
  await expect(runLoad({ target, classes, schedule: evenly(1, 1) })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_LOAD_TARGET',
  });
});

describe('sledge load with a conf of a SLEdgeScale client', () => {
  let folder: string;
  const sledge = (args: string[]) =>
    promisify(execFile)(process.execPath, [path.join(root, 'cli/bin/sledge.js'), 'load', ...args]);

  beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'sledge-rpc-load-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("it sends what the conf says, and writes the client's log", async () => {
    const scale = await start({ responseFormat: 'sledgescale' });
    const conf = path.join(folder, 'client.conf');
    const log = path.join(folder, 'client.log');
    writeFileSync(
      conf,
      [
        ...['--test_ms 500', '--num_server_threads 1', '--window_size 10', '--req_size 5'],
        ...['--resp_size 1000', '--req_type 1,3,2', '--rps 100,60,80', '--req_parameter 1,1000,7'],
      ].join('\n'),
    );
    const flags = ['--rpc', targetOf(scale).host, '--conf', conf, '--log', log];
    const { stdout } = await sledge([...flags, '--json', '--warmup', '0', '--waiting', '1000']);
    const { runs } = JSON.parse(stdout) as { runs: LoadReport[] };
    expect(runs[0]?.classes.map(({ name, statuses }) => [name, statuses])).toEqual([
      ['thread 0, type 1', { completed: 50 }],
      ['thread 1, type 3', { completed: 30 }],
      ['thread 2, type 2', { completed: 40 }],
    ]);
    const [header, ...rows] = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(header).toBe('thread id, type id, latency, cpu time');
    expect(rows.slice(0, 120).every((row) => /^[012] [123] \d+\.\d+ \d+\.\d+$/.test(row))).toBe(
      true,
    );
    expect(
      rows
        .slice(0, 120)
        .map((row) => row.slice(0, 3))
        .sort()[50],
    ).toBe('1 3');
    expect(rows.slice(120)).toEqual([
      expect.stringMatching(/^total sending rate [\d.]+ service rate [\d.]+ dropped 0$/),
      expect.stringMatching(/^type 1 sending rate [\d.]+ service rate [\d.]+ dropped 0$/),
      expect.stringMatching(/^type 2 sending rate/),
      expect.stringMatching(/^type 3 sending rate/),
    ]);
    await scale.stop();
  });

  const refused: [string[], string][] = [
    [['--rpc', '127.0.0.1:9', '--conf', '/no/such/file'], '/no/such/file, line 1: ENOENT'],
    [['--rpc', '127.0.0.1:9/300'], '300 is no request type'],
    [['--rpc', '127.0.0.1:9/1', '--window', '7'], 'no power of two'],
    [['--rpc', '127.0.0.1:9/1', '--window', '4', '--outstanding', '5'], 'more than the window'],
    [['--rpc', '127.0.0.1:9/1', '--connections', '5'], '--sessions'],
    [['--rpc', '127.0.0.1:9/1', '--format', 'xml'], '--format is one of'],
    [['--target', 'http://127.0.0.1:9', '--credits', '5'], '--credits is of RPC'],
    [['--rpc', '127.0.0.1:9/1', '--rate', '1,2', '--log', 'x'], '--log is of one rate'],
    [[], 'give --target or --rpc'],
  ];
  if (!isLong) console.log(`3 of ${refused.length} wrong flags; SLEDGE_TEST_LONG=1 for all`);
  test.each(refused.slice(0, isLong ? undefined : 3))(
    'flags %j are refused with their reason',
    async (flags, reason) => {
      await expect(sledge(flags)).rejects.toMatchObject({
        stderr: expect.stringContaining(reason),
      });
    },
  );
});
