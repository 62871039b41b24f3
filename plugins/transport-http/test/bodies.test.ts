/** What is held of bodies that do not come whole, of all connections and of each tenant. */
import { makeFunction, problemOf, RawClient, startTransport, until } from './harness';
import type { Running } from './harness';

let running: Running;
const post = (length: number) =>
  `POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

async function start(options: Record<string, unknown> = {}): Promise<void> {
  running = await startTransport(undefined, options);
}
afterEach(() => running.stop());

test('bodies that do not come whole have a bound together, and leave their room', async () => {
  await start({ maxBodiesBytes: 100_000 });
  const ask = async (): Promise<string> => {
    const client = new RawClient(running.port).send(post(50_000) + 'b'.repeat(50_000));
    await client.toMatch(/HTTP\/1\.1 \d{3} [^]*\}|hello/);
    client.socket.destroy();
    return client.received;
  };
  const slow = new RawClient(running.port).send(post(100_000) + 'a'.repeat(60_000));
  await until(async () => (await ask()).startsWith('HTTP/1.1 503 '));
  expect(problemOf(await ask())).toMatchObject({ code: 'SLEDGE_ERR_HTTP_BODIES' });
  slow.send('a'.repeat(40_000));
  await slow.toMatch(/hello/);
  expect(await ask()).toMatch(/hello/);
  const gone = new RawClient(running.port).send(post(100_000) + 'a'.repeat(60_000));
  await until(async () => (await ask()).startsWith('HTTP/1.1 503 '));
  gone.socket.destroy();
  await until(async () => (await ask()).includes('hello'));
  const second = post(100_000) + 'a'.repeat(60_000);
  const pipelined = new RawClient(running.port).send(post(2) + 'aa' + second);
  await until(async () => (await ask()).startsWith('HTTP/1.1 503 '));
  pipelined.socket.destroy();
  await until(async () => (await ask()).includes('hello'));
});

test('no tenant holds more than it leaves free, and alone it may have all', async () => {
  const tenantOf = (name: string) => ({
    name,
    port: 0,
    functions: [makeFunction({ tenant: name })],
  });
  running = await startTransport([tenantOf('slow'), tenantOf('other')], {
    maxBodiesBytes: 100_000,
  });
  const portOf = (name: string) =>
    Number(new URL(running.transport.listeners().find((l) => l.tenant === name)?.url ?? '').port);
  const ask = async (name: string, bytes: number): Promise<string> => {
    const client = new RawClient(portOf(name)).send(post(bytes) + 'b'.repeat(bytes));
    await client.toMatch(/HTTP\/1\.1 \d{3} [^]*\}|hello/);
    client.socket.destroy();
    return client.received;
  };
  const slow = new RawClient(portOf('slow')).send(post(100_000) + 'a'.repeat(40_000));
  await until(async () => (await ask('slow', 20_000)).startsWith('HTTP/1.1 503 '));
  expect(await ask('other', 25_000)).toMatch(/hello/);
  expect(problemOf(await ask('other', 35_000))).toMatchObject({ code: 'SLEDGE_ERR_HTTP_BODIES' });
  slow.socket.destroy();
  await until(async () => (await ask('other', 45_000)).includes('hello'));
  await running.change([tenantOf('other')]);
  expect(await ask('other', 90_000)).toMatch(/hello/);
});
