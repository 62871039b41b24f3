import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import type { TlsFiles } from '@sledge/core';
import { Agent, request } from 'undici';
import { makeCertificate } from '../../../test/support/certificates';
import type { Certificate } from '../../../test/support/certificates';
import { makeFunction, startTransport, until } from './harness';
import type { Running } from './harness';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-tls-'));
let running: Running;
let own: Certificate;
let other: Certificate;

beforeAll(() => {
  own = makeCertificate(folder, 'own');
  other = makeCertificate(folder, 'other');
});
afterEach(() => running?.stop());
afterAll(() => rmSync(folder, { recursive: true }));

async function start(tls: TlsFiles = own, options = {}): Promise<void> {
  const { certFile, keyFile, clientCaFile } = tls;
  const files = { certFile, keyFile, clientCaFile };
  const tenant = { name: 'gwu', port: 0, functions: [makeFunction()], tls: files };
  running = await startTransport([tenant], options);
}

/** Copies that a test may write over. */
function copyOf({ cert, key }: Certificate): TlsFiles {
  const files = { certFile: path.join(folder, 'now.pem'), keyFile: path.join(folder, 'now.key') };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  return files;
}

/** The name in the certificate that a client is shown, and what became of its connection. */
function shake(options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const port = running.port;
    const socket: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...options,
    });
    // with TLS 1.3 a server that refuses the client says so when the client believes to be through
    socket.on('secureConnect', () => socket.write('GET /fib HTTP/1.1\r\nHost: x\r\n\r\n'));
    const end = (said: string) => (resolve(said), socket.destroy());
    socket.on('data', () => end(String(socket.getPeerCertificate().subject.CN)));
    socket.on('error', () => end('refused')).on('close', () => end('refused'));
  });
}

test('curl and undici keep one connection over TLS for several requests', async () => {
  await start();
  const { url, invoker } = running;
  expect(url).toMatch(/^https:/);
  const run = promisify(execFile);
  const one = [`${url}/fib`, '-o', '/dev/null'];
  const format = ['-w', '%{http_code} %{num_connects};'];
  const { stdout } = await run('curl', ['-s', '--cacert', own.certFile, ...format, ...one, ...one]);
  expect(stdout).toBe('200 1;200 0;');
  const dispatcher = new Agent({ connect: { ca: own.cert }, connections: 1 });
  for (let at = 0; at < 3; at += 1) {
    const answer = await request(`${url}/fib`, { dispatcher, method: 'POST', body: 'in' });
    expect([answer.statusCode, await answer.body.text()]).toEqual([200, 'hello']);
  }
  await dispatcher.close();
  const ports = invoker.calls.slice(2).map(({ environ }) => environ.get('REMOTE_PORT'));
  expect(new Set(ports).size).toBe(1);
  const { environ } = invoker.calls[2] as (typeof invoker.calls)[0];
  expect([environ.get('REQUEST_SCHEME'), environ.size]).toEqual([
    'https',
    invoker.calls[2]?.environCount,
  ]);
});

test('TLS below 1.2 is refused, and who speaks no TLS gets nothing', async () => {
  await start();
  const old = {
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  } as const;
  expect(await shake(old)).toBe('refused');
  expect(await shake({ maxVersion: 'TLSv1.2' })).toBe('own');
  const plain = connectPlain(running.port, '127.0.0.1');
  let said = '';
  plain.on('data', (bytes) => (said += bytes.toString('latin1'))).on('error', () => undefined);
  plain.write('GET /fib HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => plain.on('close', resolve));
  expect(said).not.toContain('HTTP/');
  expect(running.invoker.calls).toHaveLength(1);
  expect(running.transport.stats?.().tls_handshake_failures).toBe(2);
});

test('a new certificate is shown from then on; a wrong one leaves the one in force', async () => {
  const files = copyOf(own);
  await start(files);
  const { transport } = running;
  const look = async (): Promise<void> => {
    for (let at = 0; at < 3; at += 1) await running.files.look();
  };
  await look();
  const agent = new Agent({ connect: { rejectUnauthorized: false }, connections: 1 });
  const ask = async () => (await request(`${running.url}/fib`, { dispatcher: agent })).body.text();
  await ask();
  expect(await shake()).toBe('own');
  writeFileSync(files.certFile, other.cert); // without its key
  await look();
  expect([await shake(), transport.stats?.()]).toMatchObject(['own', { tls_reload_failures: 1 }]);
  writeFileSync(files.keyFile, other.key);
  await look();
  expect([await shake(), transport.stats?.().tls_reloads]).toEqual(['other', 1]);
  writeFileSync(files.keyFile, 'no key');
  running.files.refresh(); // as on SIGHUP
  expect([await shake(), transport.stats?.().tls_reload_failures]).toEqual(['other', 2]);
  expect(await ask()).toBe('hello'); // on the connection of the first certificate
  await agent.close();
});

test('with clientCaFile a client without a certificate of it reaches no function', async () => {
  await start({ ...own, clientCaFile: other.certFile });
  expect(await shake()).toBe('refused');
  expect(await shake({ cert: own.cert, key: own.key })).toBe('refused');
  expect(running.invoker.calls).toHaveLength(0);
  expect(await shake({ cert: other.cert, key: other.key })).toBe('own');
});

test.each([
  ['a key that others may read', () => chmodSync(copyOf(own).keyFile, 0o644), 'its mode is 0644'],
  ['the key of another', () => copyOf({ ...own, key: other.key }), 'key values mismatch'],
  ['no certificate', () => copyOf({ ...own, cert: 'x' }), 'now.pem'],
])('%s ends the start with the reason', async (_, prepare, reason) => {
  prepare();
  const files = { certFile: path.join(folder, 'now.pem'), keyFile: path.join(folder, 'now.key') };
  await expect(start(files)).rejects.toMatchObject({
    code: 'SLEDGE_ERR_TLS_FILES',
    message: expect.stringContaining(reason) as string,
  });
  chmodSync(files.keyFile, 0o600);
});

test('who does not finish the handshake is cut in time, and holds no drain', async () => {
  await start(own, { headersTimeoutMs: 100, drainGraceMs: 0 });
  const slow = connectPlain(running.port, '127.0.0.1').on('error', () => undefined);
  await new Promise((resolve) => slow.on('close', resolve));
  await running.stop();
  await start(own, { headersTimeoutMs: 60_000, drainGraceMs: 0 });
  const idle = connectPlain(running.port, '127.0.0.1').on('error', () => undefined);
  let closed = false;
  idle.on('close', () => (closed = true));
  await new Promise((resolve) => idle.on('connect', resolve));
  expect(await shake()).toBe('own'); // so that the server has accepted both
  await running.transport.drain();
  await until(() => closed);
});

test('pipelined requests and half-closed clients are answered as without TLS', async () => {
  await start();
  const answers = await new Promise<string>((resolve) => {
    const socket = connect({ port: running.port, host: '127.0.0.1', ca: own.cert });
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString('latin1')));
    socket.on('close', () => resolve(text));
    const get = 'GET /fib HTTP/1.1\r\nHost: x\r\n';
    socket.write(`${get}\r\n${get}Connection: close\r\n\r\n`);
  });
  expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  const body = await new Promise<string>((resolve, reject) => {
    const options = { method: 'POST', ca: own.cert, agent: false } as const;
    const asked = httpsRequest(`${running.url}/fib`, options, (answer) => {
      answer.setEncoding('utf8').once('data', resolve);
    });
    asked.on('error', reject).end('x'.repeat(50_000));
  });
  expect(body).toBe('hello');
  expect(running.invoker.calls[2]?.input).toHaveLength(50_000);
});
