// Goal: whatever a client makes of the framing of its request, no byte of it is served as another
// request: a proxy before the server may have taken it for a body.
// Method: raw bytes to a real server. Each attack hides a request to `empty`, which nobody else
// calls; in the end its metrics say that it was never called.
import { connect } from 'node:net';
import { askAdmin } from '@sledge/core/host';
import type { MetricReport } from '@sledge/core/host';
import { configOf, Server } from './server';

const HIDDEN = 'GET /empty HTTP/1.1\r\nHost: x\r\n\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const POST = 'POST /echo HTTP/1.1\r\nHost: x\r\n';
const CHUNKS = `0\r\n\r\n${HIDDEN}`;
const LENGTH = `Content-Length: ${CHUNKS.length}\r\n`;

const ATTACKS: [name: string, bytes: string][] = [
  ['a length, then chunks', `${POST}${LENGTH}${CHUNKED}\r\n${CHUNKS}`],
  ['chunks, then a length', `${POST}${CHUNKED}${LENGTH}\r\n${CHUNKS}`],
  ['a length of zero, and chunks', `${POST}Content-Length: 0\r\n${CHUNKED}\r\n${CHUNKS}`],
  ['two lengths', `${POST}Content-Length: 0\r\n${LENGTH}\r\n${CHUNKS}`],
  ['the same length twice', `${POST}${LENGTH}${LENGTH}\r\n${CHUNKS}`],
  ['lengths in a list', `${POST}Content-Length: 5, 5\r\n\r\n${CHUNKS}`],
  ['a length with a sign', `${POST}Content-Length: +5\r\n\r\n${CHUNKS}`],
  ['a length below zero', `${POST}Content-Length: -5\r\n\r\n${CHUNKS}`],
  ['a length in hexadecimal', `${POST}Content-Length: 0x5\r\n\r\n${CHUNKS}`],
  ['a length with a space in it', `${POST}Content-Length: 5 0\r\n\r\n${CHUNKS}`],
  ['a length beyond 64 bits', `${POST}Content-Length: 18446744073709551621\r\n\r\n${CHUNKS}`],
  ['an empty length', `${POST}Content-Length:\r\n\r\n${CHUNKS}`],
  ['chunked twice', `${POST}${CHUNKED}${CHUNKED}\r\n${CHUNKS}`],
  ['chunked, then identity', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${CHUNKS}`],
  ['identity', `${POST}Transfer-Encoding: identity\r\n${LENGTH}\r\n${CHUNKS}`],
  ['another coding', `${POST}Transfer-Encoding: xchunked\r\n${LENGTH}\r\n${CHUNKS}`],
  ['chunked in quotes', `${POST}Transfer-Encoding: "chunked"\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a tab in the name', `${POST}Transfer-Encoding\t: chunked\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a folded coding', `${POST}Transfer-Encoding:\r\n chunked\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a folded length', `${POST}X: y\r\n Content-Length: 5\r\n${CHUNKED}${LENGTH}\r\n${CHUNKS}`],
  ['a folded first line', `POST /echo HTTP/1.1\r\n Host: x\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a length behind a bare LF', `${POST}X: y\nContent-Length: 5\r\n\r\n${CHUNKS}`],
  ['a coding behind a bare LF', `${POST}${LENGTH}X: y\n${CHUNKED}\r\n${CHUNKS}`],
  ['a coding behind a bare CR', `${POST}${LENGTH}X: y\r${CHUNKED}\r\n${CHUNKS}`],
  ['a head that ends in LF', `POST /echo HTTP/1.1\nHost: x\n\n${HIDDEN}`],
  ['a NUL in a value', `${POST}X: a\0b\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a NUL in a name', `${POST}X\0: a\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a NUL in the target', `POST /echo?a\0b HTTP/1.1\r\nHost: x\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a line without a colon', `${POST}Transfer-Encoding chunked\r\n${LENGTH}\r\n${CHUNKS}`],
  ['chunks in HTTP/1.0', `POST /echo HTTP/1.0\r\n${CHUNKED}\r\n${CHUNKS}`],
  ['a chunk size in another base', `${POST}${CHUNKED}\r\n0x5\r\nhello\r\n${CHUNKS}`],
  ['a chunk size with a sign', `${POST}${CHUNKED}\r\n+5\r\nhello\r\n${CHUNKS}`],
  ['a chunk size beyond 64 bits', `${POST}${CHUNKED}\r\nfffffffffffffffff\r\nhello\r\n${CHUNKS}`],
  ['no chunk size', `${POST}${CHUNKED}\r\n\r\nhello\r\n${CHUNKS}`],
  ['a chunk longer than it says', `${POST}${CHUNKED}\r\n4\r\nhello\r\n${CHUNKS}`],
  ['a chunk that ends in LF', `${POST}${CHUNKED}\r\n5\r\nhello\n${CHUNKS}`],
  ['an LF in a chunk extension', `${POST}${CHUNKED}\r\n5;a\nb\r\nhello\r\n${CHUNKS}`],
  ['a CR in a chunk extension', `${POST}${CHUNKED}\r\n5;a\rb\r\nhello\r\n${CHUNKS}`],
  [
    'a length as a trailer',
    `${POST}${CHUNKED}\r\n2\r\nok\r\n0\r\nContent-Length: 40\r\n\r\n${HIDDEN}`,
  ],
  ['two Hosts', `${POST}Host: y\r\n${LENGTH}\r\n${CHUNKS}`],
  ['a head too large', `${POST}X: ${'x'.repeat(5_000)}\r\n${LENGTH}\r\n${CHUNKS}`],
  ['extensions too large', `${POST}${CHUNKED}\r\n5;${'x'.repeat(20_000)}\r\nhello\r\n${CHUNKS}`],
];

let server: Server;
beforeAll(async () => {
  server = await Server.start({
    config: configOf(['echo', 'empty'], { transports: [['http', { maxHeaderBytes: 4096 }]] }),
  });
});
afterAll(async () => {
  expect(await calls('empty')).toBe(0);
  await Server.stopAll();
});

async function calls(name: string): Promise<number> {
  const report = (await askAdmin(server.control, { path: '/metrics.json' })) as MetricReport[];
  const accepted = report.find((one) => one.name === 'sledge_requests_accepted_total');
  const sample = accepted?.samples.find(({ labels }) => labels.function === name);
  return Number(sample?.value ?? 0);
}

/** What the server answers until it ends the connection. */
function send(...parts: string[]): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.setEncoding('latin1').on('data', (more: string) => (text += more));
    socket.on('error', () => undefined).on('close', () => resolve(text));
    for (const part of parts) socket.write(part, 'latin1');
  });
}

const statusesOf = (answers: string): string[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status);

describe('one answer that refuses, and the connection ends', () => {
  // all of them at once: each waits a second for what its client may still send
  let answers: Promise<string>[] = [];
  beforeAll(() => {
    answers = ATTACKS.map(([, bytes]) => send(bytes));
  });

  test.each(ATTACKS.map(([name], at) => [name, at] as const))('%s', async (_, at) => {
    const answer = (await answers[at]) as string;
    expect(statusesOf(answer)).toEqual([expect.stringMatching(/^4/)]);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  });
});

describe('what is allowed is framed as it says', () => {
  const close = 'Connection: close\r\n';
  test.each([
    ['a body of the length', `${POST}${close}${LENGTH}\r\n${CHUNKS}`, CHUNKS],
    [
      'chunks with extensions',
      `${POST}${close}${CHUNKED}\r\n${HIDDEN.length.toString(16)};a=b;c\r\n${HIDDEN}\r\n0\r\n\r\n`,
      HIDDEN,
    ],
    ['leading zeros in a size', `${POST}${close}${CHUNKED}\r\n00002\r\nok\r\n0\r\n\r\n`, 'ok'],
  ])('%s', async (_, bytes, body) => {
    const answers = await send(bytes);
    expect(statusesOf(answers)).toEqual(['200']);
    expect(answers.endsWith(`\r\n\r\n${body}`)).toBe(true);
  });

  test('a refused body is not the next request, however long the client goes on', async () => {
    const long = 8 << 20;
    const head = `${POST}Content-Length: ${long}\r\n\r\n`;
    const answers = await send(head, HIDDEN.repeat(5_000));
    expect(statusesOf(answers)).toEqual(['413']);
  });

  test('a GET with a body does not run what is in it', async () => {
    const get = `GET /echo HTTP/1.1\r\nHost: x\r\n${LENGTH}Connection: close\r\n\r\n${CHUNKS}`;
    expect(statusesOf(await send(get))).toEqual(['200']);
  });

  test('a body that comes byte by byte is one', async () => {
    const bytes = `${POST}${LENGTH}Connection: close\r\n\r\n${CHUNKS}`;
    expect(statusesOf(await send(...bytes))).toEqual(['200']);
  });
});
