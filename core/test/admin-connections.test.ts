/** Who proves nothing to the admin port keeps out nobody. */
import { connect, type Socket } from 'node:net';
import { Pool, request } from 'undici';
import { everybodyIs } from '../src/admin/access';
import { type AdminListener, listenOnPort } from '../src/admin/listen';
import { fakeTarget } from './support/admin-target';

const SILENT = 300;
const sockets: Socket[] = [];
let listener: AdminListener;

beforeEach(async () => {
  const access = {
    roleOf(given: string | undefined) {
      if (given === undefined) throw new Error('no token');
      return everybodyIs('operator').roleOf(given);
    },
  };
  listener = await listenOnPort(fakeTarget(), { host: '127.0.0.1', port: 0 }, { access });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener.close();
});

/** @returns how many of them have been cut so far */
async function openSilent(sends = ''): Promise<() => number> {
  const { hostname, port } = new URL(listener.url);
  let cut = 0;
  const opened = Array.from({ length: SILENT }, async () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    sockets.push(socket);
    socket.resume().on('close', () => (cut += 1));
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    socket.write(sends);
  });
  await Promise.all(opened);
  return () => cut;
}

test.each([
  ['that say nothing', ''],
  ['that begin a request', 'GET /livez HTTP/1.1\r\nHost:'],
  ['that asked for what anybody may', 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
])(`${SILENT} connections %s leave room for probes`, async (_what, sends) => {
  const cut = await openSilent(sends);
  for (let turn = 0; turn < 5; turn += 1) {
    const { statusCode, body } = await request(`${listener.url}/livez`);
    await body.dump();
    expect(statusCode).toBe(200);
  }
  expect(cut()).toBeGreaterThan(0);
});

test('a connection with a proof outlasts them', async () => {
  const pool = new Pool(listener.url, { connections: 1 });
  let connections = 0;
  pool.on('connect', () => (connections += 1));
  const ask = async () => {
    const headers = { authorization: 'Bearer x' };
    const { statusCode, body } = await pool.request({ path: '/policies', method: 'GET', headers });
    await body.dump();
    return statusCode;
  };
  expect(await ask()).toBe(200);
  await openSilent();
  expect([await ask(), connections]).toEqual([200, 1]);
  await pool.close();
});

test('a head that does not come is 408 after some seconds', async () => {
  const { hostname, port } = new URL(listener.url);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  sockets.push(socket);
  let said = '';
  socket.setEncoding('latin1').on('data', (text: string) => (said += text));
  socket.write('GET /livez HTTP/1.1\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  expect(said).toMatch(/^HTTP\/1\.1 408 /);
});
