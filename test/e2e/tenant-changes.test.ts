/** Tenants change their address while clients ask: what is refused changes nothing. */
import { createServer } from 'node:net';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';
import { Client } from 'undici';
import { freePort } from '../support/free-port';
import { Server } from './server';
import { deploy, hammer, moduleMaker, textOf, until } from './versions';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-tenants-'));
let server: Server;

beforeAll(async () => {
  const config = {
    // a pause of the machine does not make a connection idle
    transports: [['http', { keepAliveTimeoutMs: 600_000 }]],
    arena: { slots: 64 },
    build: { level: 'development', parallel: 1 },
    tenants: [{ name: 'fixed', port: 0 }],
  };
  server = await Server.start({ config, folder });
  const wasm = moduleMaker('answers.wat')('here');
  for (const name of ['any', 'own']) {
    const port = name === 'any' ? 0 : await freePort();
    await put(name, { port });
    await deploy(server, wasm, { at: `/tenants/${name}/functions/f` });
  }
}, 300_000);
afterAll(() => Server.stopAll());

const put = (name: string, body: object) =>
  askAdmin(server.control, { method: 'PUT', path: `/tenants/${name}`, body });
const all = () => askAdmin(server.control, { path: '/tenants' });

async function urlOf(tenant: string): Promise<string> {
  const tenants = (await all()) as { name: string; listeners: { url: string }[] }[];
  return tenants.find(({ name }) => name === tenant)?.listeners[0]?.url ?? 'nowhere';
}

test.each(['any', 'own'])(
  'a refused address of the tenant %s changes nothing, and nobody is cut',
  async (tenant) => {
    const url = await urlOf(tenant);
    const port = tenant === 'any' ? 0 : Number(new URL(url).port);
    const before = await all();
    const asking = hammer(`${url}/f`);
    for (let time = 0; time < 3; time += 1) {
      // an address of no interface here
      const refused = put(tenant, { port, host: '192.0.2.1' });
      await expect(refused).rejects.toMatchObject({ code: 'SLEDGE_ERR_HTTP_LISTEN' });
      // over a connection of its own
      expect(await textOf(`${url}/f`)).toBe('200 here');
      const count = asking.seen.count + 8;
      await until(() => asking.seen.count >= count);
    }
    expect((await asking.stop()).wrong).toEqual([]);
    expect(await all()).toEqual(before);
  },
  60_000,
);

test('an address that overlaps the one before keeps the connections of both', async () => {
  const url = await urlOf('own');
  const port = Number(new URL(url).port);
  const hosts = ['0.0.0.0', 'localhost', '127.0.0.1', undefined];
  for (const host of hosts) {
    const kept = new Client(url);
    const ask = async () => {
      const { statusCode, headers, body } = await kept.request({ path: '/f', method: 'GET' });
      return [statusCode, (await body.text()).trim(), headers.connection];
    };
    expect(await ask()).toEqual([200, 'here', 'keep-alive']);
    await put('own', { port, host });
    // the default host is 127.0.0.1: nothing changes then
    expect(await ask()).toEqual([200, 'here', host === undefined ? 'keep-alive' : 'close']);
    expect(await ask()).toEqual([200, 'here', 'keep-alive']);
    await kept.close();
  }
  expect(await urlOf('own')).toBe(url);
}, 60_000);

test('an address that holds another process as well leaves the one before open', async () => {
  const url = await urlOf('own');
  const port = Number(new URL(url).port);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.9', resolve));
  const kept = new Client(url);
  const ask = async () => (await kept.request({ path: '/f', method: 'GET' })).body.text();
  expect((await ask()).trim()).toBe('here');
  const refused = put('own', { port, host: '0.0.0.0' });
  await expect(refused).rejects.toMatchObject({ code: 'SLEDGE_ERR_HTTP_LISTEN' });
  for (let time = 0; time < 2; time += 1) expect((await ask()).trim()).toBe('here');
  expect(await urlOf('own')).toBe(url);
  await kept.close();
  await new Promise((resolve) => other.close(resolve));
}, 60_000);

test('a port that was picked stays when it is named', async () => {
  const url = await urlOf('any');
  const asking = hammer(`${url}/f`);
  await put('any', { port: Number(new URL(url).port) });
  expect(await textOf(`${url}/f`)).toBe('200 here');
  expect((await asking.stop()).wrong).toEqual([]);
  expect(await urlOf('any')).toBe(url);
}, 60_000);

/** As a client sees it. */
async function answerTo(method: 'PUT', at: string, body: object): Promise<[number, string]> {
  const client = new Client('http://localhost', { socketPath: server.control });
  const headers = { 'content-type': 'application/json' };
  const answer = await client.request({ method, path: at, headers, body: JSON.stringify(body) });
  const { error } = (await answer.body.json()) as { error?: { message: string } };
  await client.close();
  return [answer.statusCode, error?.message ?? 'accepted'];
}

const serves = { versions: [{ version: 1, weight: 1 }] };

test.each<[string, number, string, object | (() => object), RegExp]>([
  ['a policy misspelt', 400, 'policies', { choice: 'jqs' }, /jqs was not found; did you mean/],
  ['a file that is missing', 400, 'policies', { choice: './none.ts' }, /none\.ts was not found/],
  [
    'a policy of another kind',
    400,
    'policies',
    { choice: 'fifo' },
    /fifo was not found \(dispatcher/,
  ],
  ['a capability that is missing', 409, 'policies', { choice: 'edf-interrupt' }, /which nothing/],
  ['a module of node', 400, 'policies', { choice: 'http' }, /http was not found \(dispatcher/],
  [
    'functions among settings',
    400,
    'tenants/x',
    { functions: [] },
    /functions: unknown key; known/,
  ],
  ['another name', 400, 'tenants/x', { name: 'y' }, /name: the path names the tenant/],
  ['far too much', 400, 'tenants/x', { limits: { wallTimeUs: 1e99 } }, /^(?!.*9007199254740991)/s],
  ['a name with a slash', 400, 'tenants/a%2Fb', {}, /without "\/"/],
  ['a tenant misspelt', 404, 'tenants/owm/functions/f/split', serves, /did you mean own\?$/],
  ['a host of none here', 409, 'tenants/x', { port: 0, host: '192.0.2.1' }, /EADDRNOTAVAIL/],
  ['a port that is taken', 409, 'tenants/x', taken, /EADDRINUSE/],
])('%s is the mistake of who asks: %d, with the reason', async (_title, status, at, given, why) => {
  const wanted = typeof given === 'function' ? given() : given;
  const body = at === 'policies' ? { kind: 'dispatcher', ...wanted } : wanted;
  expect(await answerTo('PUT', `/${at}`, body)).toEqual([status, expect.stringMatching(why)]);
});

/** By a tenant whose port was picked: no setting says so. */
function taken(): object {
  return { port: Number(new URL(server.url).port) };
}
