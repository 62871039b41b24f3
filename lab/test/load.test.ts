import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import path from 'node:path';
import { configFromObject, createSledge } from '@sledge/core';
import type { Sledge } from '@sledge/core';
import { runLoad } from '../src';
import type { LoadOptions, LoadReport, LoadSample, ScheduledRequest } from '../src';

const ROOT = path.join(__dirname, '../..');
const HANG_MS = 60_000;

/** `count` requests of the classes in turn, one each `stepUs`. */
function* evenly(count: number, stepUs: number, types = 1): Generator<ScheduledRequest> {
  for (let at = 0; at < count; at += 1) {
    yield { atNs: at * stepUs * 1000, type: at % types, argument: at };
  }
}

/** A server that does with each request what `answer` does; it speaks only as much HTTP as that. */
async function serverThat(
  answer: (socket: Socket, request: string, served: number) => void,
): Promise<{ server: Server; target: URL; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text) => {
      for (const request of String(text).split(/(?<=\r\n\r\n)(?=[A-Z])/)) {
        requests.push(request);
        answer(socket, request, requests.length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, target: new URL(`http://127.0.0.1:${port}`), requests };
}

const response = (status: number, body = 'ok'): string =>
  `HTTP/1.1 ${status} Status\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const servers: Server[] = [];

async function loadOn(
  answer: Parameters<typeof serverThat>[0],
  options: Partial<LoadOptions> = {},
): Promise<{ report: LoadReport; requests: string[]; samples: LoadSample[] }> {
  const { server, target, requests } = await serverThat(answer);
  servers.push(server);
  const samples: LoadSample[] = [];
  const report = await runLoad({
    target,
    classes: [{ name: 'all', request: { path: '/{n}' } }],
    schedule: evenly(40, 500),
    graceUs: 60_000_000, // it ends when all are answered
    onSample: (sample) => samples.push(sample),
    ...options,
  });
  return { report, requests, samples };
}

afterAll(() => servers.forEach((server) => server.close()));

test('every request of a schedule reaches the server once, and its answer is counted', async () => {
  const { report, requests } = await loadOn((socket) => socket.write(response(200)));
  const numbers = requests.map((text) => Number(/^GET \/(\d+) HTTP\/1.1\r\n/.exec(text)?.[1]));
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at));
  expect(report.mode).toBe('open-loop');
  expect(report.counts).toEqual({
    late: expect.any(Number),
    planned: 40,
    sent: 40,
    dropped: 0,
    neverSent: 0,
    answered: 40,
    statuses: { 200: 40 },
    failures: { closed: 0, refused: 0, timedOut: 0, malformed: 0, unanswered: 0 },
  });
  expect(report.classes[0]?.cdf.at(-1)?.[1]).toBe(1);
  const points = report.series.reduce((sum, { answered }) => sum + answered, 0);
  expect(points).toBe(40);
});

test('each request may tell the server a deadline of its own, by its argument', async () => {
  const one = { path: '/{n}', headers: { Last: 'yes' }, deadlineUsPerArgument: 2.5 };
  const { report, requests } = await loadOn((socket) => socket.write(response(200)), {
    classes: [{ name: 'all', request: one }],
  });
  expect(report.counts.answered).toBe(40);
  for (const request of requests) {
    const [, n] = /^GET \/(\d+) HTTP/.exec(request) ?? [];
    const told = Math.max(1, Math.ceil(Number(n) * 2.5));
    expect(request).toMatch(new RegExp(`\r\nX-Sledge-Deadline-Us: ${told}\r\nHost: `));
    expect(request.endsWith('\r\nLast: yes\r\n\r\n')).toBe(true);
  }
});

test('a request that waits for a slow server counts from its intended send time', async () => {
  const SLOW_MS = 20;
  const { report, samples } = await loadOn(
    (socket) => setTimeout(() => socket.write(response(200)), SLOW_MS),
    { connections: 1, schedule: evenly(5, 1), classes: [{ name: 'a', request: { path: '/' } }] },
  );
  expect(report.counts.answered).toBe(5);
  // One after the other: the fifth has waited for four answers before it was sent at all.
  const last = samples[4] as LoadSample;
  expect(last.sentNs - last.atNs).toBeGreaterThanOrEqual(4 * (SLOW_MS - 1) * 1e6);
  expect(last.endNs - last.atNs).toBeGreaterThanOrEqual(5 * (SLOW_MS - 1) * 1e6);
  expect(report.latencyUs.max).toBeGreaterThanOrEqual(5 * (SLOW_MS - 1) * 1000);
  expect(report.counts.late).toBeGreaterThanOrEqual(4);
});

test('more than may wait for a connection are dropped, and never reach the server', async () => {
  const { report, requests } = await loadOn(
    (socket) => setTimeout(() => socket.write(response(200)), 100),
    { connections: 2, waitingMax: 3, schedule: evenly(20, 1) },
  );
  expect(report.counts).toMatchObject({ planned: 20, answered: 5, dropped: 15, sent: 5 });
  expect(requests).toHaveLength(5);
});

test('what the end of the run leaves is never sent, or has no answer', async () => {
  const { report } = await loadOn(() => undefined, {
    connections: 1,
    endUs: 500_000,
    graceUs: 10_000,
    schedule: evenly(10, 10_000_000),
  });
  expect(report.counts).toMatchObject({ planned: 10, sent: 1, neverSent: 9 });
  expect(report.counts.failures.unanswered).toBe(1);
});

test('a server that closes each connection is connected to again', async () => {
  const closing = `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`;
  const { report, requests } = await loadOn((socket) => socket.end(closing), { connections: 4 });
  expect(report.counts).toMatchObject({ answered: 40, statuses: { 200: 40 } });
  expect(requests).toHaveLength(40);
  expect(report.connects).toBeGreaterThanOrEqual(40);
});

test('a connection closed without an answer is a failure, and nothing is sent twice', async () => {
  const { report, requests } = await loadOn(
    (socket, _text, served) => (served % 2 === 0 ? socket.destroy() : socket.write(response(200))),
    { connections: 1, schedule: evenly(10, 1000) },
  );
  expect(report.counts).toMatchObject({ planned: 10, answered: 5 });
  expect(report.counts.failures.closed).toBe(5);
  expect(requests).toHaveLength(10);
});

test('a server that refuses connections is counted by that name', async () => {
  const { server, target } = await serverThat(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  const classes = [{ name: 'all', request: { path: '/' } }];
  const report = await runLoad({ target, classes, schedule: evenly(10, 1000) });
  expect(report.counts).toMatchObject({ planned: 10, sent: 0, answered: 0 });
  expect(report.counts.failures.refused).toBe(10);
});

test('answers 429 and 504 are counted by status, and miss their deadlines', async () => {
  const { report } = await loadOn(
    (socket, text) => socket.write(response(text.startsWith('GET /busy') ? 429 : 504)),
    {
      classes: [
        { name: 'busy', request: { path: '/busy' }, deadlineUs: () => 1e9 },
        { name: 'late', request: { path: '/late' }, deadlineUs: () => 1e9 },
      ],
      schedule: evenly(20, 500, 2),
    },
  );
  expect(report.counts.statuses).toEqual({ 429: 10, 504: 10 });
  expect(report.classes.map(({ missRate, statuses }) => [missRate, statuses])).toEqual([
    [1, { 429: 10 }],
    [1, { 504: 10 }],
  ]);
  expect(report.goodputRps).toBe(0);
});

test('no answer within the limit is a timeout, and others go on', async () => {
  for (let timeoutUs = 1_000_000; ; timeoutUs *= 4) {
    const { report } = await loadOn(
      (socket, text) => text.startsWith('GET /3 ') || socket.write(response(200)),
      { timeoutUs, schedule: evenly(8, 1000) },
    );
    const { answered, failures } = report.counts;
    expect(answered + failures.timedOut).toBe(8);
    expect(failures.timedOut).toBeGreaterThan(0);
    if (answered === 7) break;
    // a machine may stand still for longer than that, but not for a minute
    expect(timeoutUs).toBeLessThan(60_000_000);
  }
});

test('what is not HTTP is malformed', async () => {
  const { report } = await loadOn((socket) => socket.write('SSH-2.0-something\r\n\r\n'), {
    schedule: evenly(4, 1000),
  });
  expect(report.counts.failures.malformed).toBe(4);
});

test('a body in chunks, and one behind 100 Continue, are read whole', async () => {
  const chunked =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
  const { samples } = await loadOn((socket) => {
    socket.write(chunked.slice(0, 30));
    setTimeout(() => socket.write(chunked.slice(30)), 5);
  });
  expect(samples.map(({ status, bodyBytes }) => [status, bodyBytes])).toEqual(
    samples.map(() => [200, 5]),
  );
});

test('a closed loop has one request on each connection, and is labelled so', async () => {
  let open = 0;
  let most = 0;
  const { report, requests } = await loadOn(
    (socket) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        socket.write(response(200));
      }, 2);
    },
    { mode: 'closed-loop', connections: 3, schedule: evenly(30, 0), endUs: HANG_MS * 1000 },
  );
  expect(report.mode).toBe('closed-loop');
  expect(report.counts).toMatchObject({ planned: 30, answered: 30, late: 0 });
  expect([requests.length, most]).toEqual([30, 3]);
});

test('a path with a line break is refused before anything is sent', async () => {
  const classes = [{ name: 'all', request: { path: '/a\r\nX: y' } }];
  const target = new URL('http://127.0.0.1:9');
  await expect(runLoad({ target, classes, schedule: evenly(1, 1) })).rejects.toThrow(RangeError);
});

test('a name that does not exist is a target that cannot be reached', async () => {
  const classes = [{ name: 'all', request: { path: '/' } }];
  const target = new URL('http://no-such-host.invalid');
  await expect(runLoad({ target, classes, schedule: evenly(1, 1) })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_LOAD_TARGET',
  });
});

describe('beside a real server', () => {
  let sledge: Sledge;
  beforeAll(async () => {
    const fn = (name: string) => ({
      name,
      path: path.join(ROOT, 'functions', `${name}.wasm`),
      route: `/${name}`,
      expectedExecutionUs: 100,
    });
    sledge = createSledge(
      configFromObject({
        workers: { count: 1 },
        log: { level: 'silent' },
        tenants: [{ name: 'lab', port: 0, functions: [fn('hash'), fn('exit')] }],
      }),
    );
    await sledge.start();
  }, 300_000);
  afterAll(() => sledge?.stop());

  test('a mix of classes arrives as planned, and each outcome is in its class', async () => {
    const report = await runLoad({
      target: new URL(sledge.listeners()[0]?.url ?? ''),
      classes: [
        { name: 'hash', request: { path: '/hash?{n}' }, serviceUs: (n) => 1 + n / 1000 },
        { name: 'exit', request: { path: '/exit?7', method: 'POST', body: 'x' } },
      ],
      schedule: evenly(200, 200, 2),
    });
    expect(report.classes.map(({ name, statuses }) => [name, statuses])).toEqual([
      ['hash', { 200: 100 }],
      ['exit', { 502: 100 }],
    ]);
    expect(report.classes[0]?.slowdown?.p50).toBeGreaterThan(1);
  });
});
