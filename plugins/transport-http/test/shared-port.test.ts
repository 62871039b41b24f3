import { request } from 'undici';
import { freePort } from '../../../test/support/free-port';
import { makeFunction, RawClient, startTransport, type Running } from './harness';

const of = (tenant: string) => [
  makeFunction({ tenant, name: 'fib', route: '/fib' }),
  makeFunction({ tenant, name: 'all', route: '/', methods: ['GET'] }),
];

let running: Running;
beforeAll(async () => {
  const port = await freePort();
  running = await startTransport([
    { name: 'a', port, hostNames: ['a.test', 'also-a.test'], functions: of('a') },
    { name: 'wild', port, hostNames: ['*.w.test'], functions: of('wild') },
    { name: 'prefix', port, pathPrefix: '/p/q', functions: of('prefix').slice(0, 1) },
    { name: 'rest', port, functions: of('rest') },
    { name: 'strict', port: 0, hostNames: ['s.test'], functions: of('strict') },
  ]);
});
afterAll(() => running.stop());

async function ask(host: string, path: string, url = running.url) {
  const { statusCode, body } = await request(url + path, { headers: { host } });
  return { statusCode, text: await body.text() };
}

const lastCall = () => {
  const call = running.invoker.calls.at(-1);
  if (call === undefined) throw new Error('no call');
  return call;
};

describe('tenants on one port', () => {
  test.each([
    ['a.test', '/fib', 'a'],
    ['A.TEST:8080', '/fib', 'a'],
    ['also-a.test', '/x', 'a'],
    ['one.w.test', '/fib', 'wild'],
    ['w.test', '/fib', 'rest'],
    ['two.one.w.test', '/fib', 'rest'],
    ['elsewhere.test', '/p/q/fib', 'prefix'],
    ['elsewhere.test', '/p/qq/fib', 'rest'],
    ['a.test', '/p/q/fib', 'a'],
  ])('for %s, %s is answered by %s', async (host, path, tenant) => {
    expect((await ask(host, path)).statusCode).toBe(200);
    expect(lastCall().fn.tenant).toBe(tenant);
  });

  test("what is below a prefix is its tenant's alone, answered or not", async () => {
    expect((await ask('elsewhere.test', '/p/q/other')).statusCode).toBe(404);
    expect((await ask('elsewhere.test', '/p/other')).statusCode).toBe(200);
  });

  test('the prefix is part of SCRIPT_NAME, and PATH_INFO is what follows the route', async () => {
    await ask('elsewhere.test', '/p/q/fib/more');
    const { environ } = lastCall();
    expect([environ.get('SCRIPT_NAME'), environ.get('PATH_INFO')]).toEqual(['/p/q/fib', '/more']);
  });

  test('a Host name that nobody there has gets 421', async () => {
    const strict = running.transport.listeners().find(({ tenant }) => tenant === 'strict');
    const { statusCode, text } = await ask('a.test', '/fib', strict?.url);
    expect(statusCode).toBe(421);
    expect(JSON.parse(text)).toMatchObject({ code: 'SLEDGE_ERR_HTTP_MISDIRECTED' });
  });

  test('the host of an absolute target stands above the Host header', async () => {
    const lines = 'GET http://one.w.test/fib HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
    expect(await new RawClient(running.port).send(lines).toEnd()).toMatch(/^HTTP\/1.1 200/);
    expect(lastCall().fn.tenant).toBe('wild');
  });

  test('each tenant has its own URL, with its prefix', () => {
    const urls = running.transport.listeners().map(({ tenant, url }) => [tenant, url]);
    expect(urls).toContainEqual(['a', running.url]);
    expect(urls).toContainEqual(['prefix', `${running.url}/p/q`]);
  });
});

test('a tenant with another certificate is refused, and later changes are served', async () => {
  const tls = { certFile: '/a.pem', keyFile: '/a.key' };
  const { port } = running;
  const newcomer = { name: 'tls', port, hostNames: ['t.test'], functions: [], tls };
  await expect(running.prepare(newcomer)).rejects.toMatchObject({ code: 'SLEDGE_ERR_TLS_FILES' });
  // a transport that is told of it all the same serves what was there, and what comes
  const before = { name: 'rest', port, functions: of('rest') };
  await running.change([before]);
  void running.change([before, newcomer]);
  await running.change([before, { name: 'next', port: 0, functions: of('next') }]);
  expect((await ask('elsewhere.test', '/fib')).statusCode).toBe(200);
});

test('an address that is given back is closed, and what was served is as before', async () => {
  const before = running.transport.listeners();
  const port = await freePort();
  const newly = () => request(`http://127.0.0.1:${port}/fib`, { reset: true });
  const giveBack = await running.prepare({ name: 'rest', port, functions: of('rest') });
  const { statusCode, body } = await newly();
  expect([statusCode, await body.text()]).toEqual([200, 'hello']);
  await giveBack();
  await expect(newly()).rejects.toThrow('ECONNREFUSED');
  expect(running.transport.listeners()).toEqual(before);
  expect((await ask('elsewhere.test', '/fib')).statusCode).toBe(200);
});
