// Goal: clients that are slow on purpose hold their own connections for a bounded time and memory,
// and nobody else.
// Method: many of them at once against a real server, and an honest client meanwhile. Its limits
// are longer than a busy machine stands still, and all wait for them at the same time.
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { askAdmin } from '@sledge/core/host';
import type { MetricReport } from '@sledge/core/host';
import { Agent, request } from 'undici';
import { configOf, Server } from './server';
import { until } from './versions';

const SLOW = 60;
const LIMITS = {
  headersTimeoutMs: 3_500,
  requestTimeoutMs: 3_600,
  idleTimeoutMs: 5_000, // a request that is late is told so before
  keepAliveTimeoutMs: 4_000,
  maxConnections: 200,
  maxPipelined: 4,
};
const BLOCK_BYTES = 1 << 20;

/** Requests of each of those who do not read. */
const ASKED = 2_000;
const NON_READERS = 4;

let server: Server;
let slow: Client[];
let silent: Client[];
let nonReaders: Client[];
/** Sockets of the server without clients. */
let atRest: number;
beforeAll(async () => {
  const functions = ['fibonacci', 'echo', 'huge_output'];
  server = await Server.start({ config: configOf(functions, { transports: [['http', LIMITS]] }) });
  atRest = server.sockets();
  slow = Array.from({ length: SLOW }, (_, at) => slowOf(at));
  silent = [open(), open()];
  for (const { socket } of silent) socket.resume();
  silent[0]?.socket.write('GET /fibonacci?10 HTTP/1.1\r\nHost: x\r\n\r\n');
  const get = `GET /huge_output?${BLOCK_BYTES} HTTP/1.1\r\nHost: x\r\n\r\n`;
  nonReaders = Array.from({ length: NON_READERS }, open);
  for (const { socket } of nonReaders) socket.pause().write(get.repeat(ASKED));
});
afterAll(() => Server.stopAll());

interface Client {
  socket: Socket;
  received: string;
  closed: Promise<void>;
}

function open(): Client {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  return { socket, received: '', closed };
}

/** Sends the text a byte at a time until the server has had enough. */
function drip(first: string, text: string): Client {
  const client = open();
  client.socket.setEncoding('latin1').on('data', (more: string) => (client.received += more));
  client.socket.write(first);
  let at = -1;
  const timer = setInterval(() => client.socket.write(text[(at += 1) % text.length] ?? ''), 100);
  void client.closed.then(() => clearInterval(timer));
  return client;
}

async function serveOthers(): Promise<number[]> {
  const dispatcher = new Agent({ connections: 4 });
  const ask = async (): Promise<number> => {
    const answer = await request(`${server.url}/fibonacci?10`, { dispatcher });
    expect(await answer.body.text()).toContain('55');
    return answer.statusCode;
  };
  const statuses: number[] = [];
  for (let at = 0; at < 20; at += 1) {
    statuses.push(...(await Promise.all([ask(), ask(), ask(), ask()])));
  }
  await dispatcher.close();
  return statuses;
}

async function accepted(name: string): Promise<number> {
  const report = (await askAdmin(server.control, { path: '/metrics.json' })) as MetricReport[];
  const metric = report.find((one) => one.name === 'sledge_requests_accepted_total');
  return Number(metric?.samples.find(({ labels }) => labels.function === name)?.value ?? 0);
}

/** One of three ways. */
function slowOf(at: number): Client {
  const head = 'GET /fibonacci?10 HTTP/1.1\r\nHost: x\r\n';
  const body = 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n';
  const chunks = 'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  if (at % 3 === 0) return drip(head, 'X: y\r\n');
  return at % 3 === 1 ? drip(body, 'z') : drip(chunks, '1\r\nz\r\n');
}

test('heads and bodies that never end get 408, and others are served meanwhile', async () => {
  expect(new Set(await serveOthers())).toEqual(new Set([200]));
  await Promise.all(slow.map(({ closed }) => closed));
  for (const { received } of slow) expect(received).toMatch(/^HTTP\/1\.1 408 /);
  expect(await accepted('echo')).toBe(0);
});

test('a client that says nothing is let go, also within a keep-alive', async () => {
  await Promise.all(silent.map(({ closed }) => closed));
});

test('who asks on and on and does not read is not run for, and is let go', async () => {
  expect(new Set(await serveOthers())).toEqual(new Set([200]));
  await until(() => server.sockets() <= atRest);
  // nothing more is asked of them than fits between both ends
  await Promise.all(nonReaders.map(({ socket, closed }) => (socket.resume(), closed)));
  const ran = await accepted('huge_output');
  console.log(`${ran} of ${ASKED * NON_READERS} requests of clients that do not read were run`);
  expect(ran).toBeGreaterThan(0);
  expect(ran).toBeLessThan(ASKED);
  expect((await server.heap()).nativeBytes).toBeLessThan(1 << 30);
});

/** GETs on one connection, one after another. */
function talk(): { ask: () => Promise<void>; client: Client } {
  const client = open();
  let answers = 0;
  client.socket.on('data', (bytes) => (answers += String(bytes).split('HTTP/1.1 200').length - 1));
  const ask = async (): Promise<void> => {
    const wanted = answers + 1;
    client.socket.write('GET /fibonacci?10 HTTP/1.1\r\nHost: x\r\n\r\n');
    while (answers < wanted && !client.socket.destroyed) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(answers).toBe(wanted);
  };
  return { ask, client };
}

test('connections beyond the limit are closed at once, and the others stay', async () => {
  const { ask, client } = talk();
  await ask();
  const clients = Array.from({ length: 2 * LIMITS.maxConnections }, open);
  for (const { socket } of clients) socket.resume();
  await ask();
  await Promise.all(clients.slice(LIMITS.maxConnections).map(({ closed }) => closed));
  await ask();
  for (const { socket } of [client, ...clients]) socket.destroy();
  // until the server knows that they have gone, a new one would be beyond the limit, too
  await until(() => server.sockets() <= atRest);
});

test('out of descriptors, who is connected is served, and everybody is afterwards', async () => {
  const { ask, client } = talk();
  await ask();
  const limit = server.descriptors() + 6;
  const [pid, nofile] = [String(server.process.pid), `--nofile=${limit}:4096`];
  execFileSync('prlimit', ['--pid', pid, nofile]);
  const crowd = Array.from({ length: 40 }, open);
  for (const { socket } of crowd) socket.resume();
  // those that find no descriptor are told so: their connection ends
  await Promise.race(crowd.map(({ closed }) => closed));
  expect(server.descriptors()).toBeGreaterThanOrEqual(limit - 2);
  for (let at = 0; at < 20; at += 1) await ask();
  client.socket.destroy();
  for (const { socket } of crowd) socket.destroy();
  await Promise.all(crowd.map(({ closed }) => closed));
  let status = 0;
  for (let at = 0; status !== 200 && at < 100; at += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const answer = await request(`${server.url}/echo`).catch(() => undefined);
    await answer?.body.dump();
    status = answer?.statusCode ?? 0;
  }
  expect(status).toBe(200);
  execFileSync('prlimit', ['--pid', pid, '--nofile=4096:4096']);
});
