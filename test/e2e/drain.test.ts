import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { request } from 'undici';
import { configOf, Server } from './server';
import { until } from './versions';

afterAll(() => Server.stopAll());

/** It must not end before the server is seen to drain, on a busy machine, too. */
const slow = { name: 'endless_loop', limits: { wallTimeUs: 4_500_000 } };

test.concurrent.each(['SIGINT', 'SIGTERM'] as const)(
  '%s answers what is in flight, refuses the rest, and ends with code 0',
  async (signal) => {
    const server = await Server.start({ config: configOf([slow, 'fibonacci']) });
    const { port } = new URL(server.url);
    const idle = connect(Number(port), '127.0.0.1');
    const idleEnded = new Promise((resolve) => idle.on('close', resolve));
    idle.on('error', () => undefined).resume();
    const inFlight = request(`${server.url}/endless_loop`);
    await until(async () => (await server.inFlight()) === 1);
    server.process.kill(signal);
    await until(() => server.log.includes('draining'));
    const late = request(`${server.url}/fibonacci?10`).then(
      (answer) => answer.statusCode,
      () => 'refused',
    );
    expect([503, 'refused']).toContain(await late);
    await idleEnded;
    const answer = await inFlight;
    expect([answer.statusCode, answer.headers.connection]).toEqual([504, 'close']);
    await answer.body.text();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(server.readyFile)).toBe(false);
    await server.stop();
  },
);

test('what does not end in time is ended, and the process exits all the same', async () => {
  const endless = { name: 'endless_loop', limits: { wallTimeUs: 60_000_000 } };
  const config = configOf([endless], { lifecycle: { drainTimeoutMs: 300 } });
  const server = await Server.start({ config });
  const inFlight = request(`${server.url}/endless_loop`).then(
    async (answer) => {
      await answer.body.text();
      return answer.statusCode;
    },
    () => 'cut',
  );
  await until(async () => (await server.inFlight()) === 1);
  server.process.kill('SIGINT');
  expect(await server.exited).toMatchObject({ code: 0 });
  expect([503, 'cut']).toContain(await inFlight);
  await server.stop();
});

/** A client that begins to read its answer only when it is told so. @returns what it got. */
function slowReader(port: number, path: string): { read(): Promise<number> } {
  const socket = connect(port, '127.0.0.1').pause();
  let bytes = 0;
  socket.on('error', () => undefined).on('data', (part) => (bytes += part.length));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  return {
    read: async () => {
      socket.resume();
      await closed;
      return bytes;
    },
  };
}

test('SIGTERM under load cuts no answer, however long it runs or is on its way', async () => {
  const bytes = 4_194_304;
  const config = configOf([
    { name: 'endless_loop', limits: { wallTimeUs: 300_000 } },
    { name: 'fibonacci' },
    { name: 'huge_output' },
  ]);
  const server = await Server.start({ config });
  const readers = [1, 2, 3].map(() =>
    slowReader(Number(new URL(server.url).port), `/huge_output?${bytes}`),
  );
  const call = async (path: string): Promise<number> => {
    const answer = await request(`${server.url}/${path}`);
    await answer.body.text();
    return answer.statusCode;
  };
  await call('fibonacci?10'); // behind the long answers
  const calls = Array.from({ length: 24 }, (_, at) =>
    call(at % 4 === 0 ? 'endless_loop' : 'fibonacci?22'),
  );
  await Promise.race(calls);
  server.process.kill('SIGTERM');
  await until(() => server.log.includes('draining'));
  await new Promise((resolve) => setTimeout(resolve, 300)); // behind drainGraceMs
  const read = await Promise.all(readers.map((reader) => reader.read()));
  expect(read.filter((got) => got < bytes)).toEqual([]);
  const statuses = await Promise.all(calls);
  expect(statuses.filter((status) => ![200, 503, 504].includes(status))).toEqual([]);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
  expect(await server.exited).toEqual({ code: 0, signal: null });
  await server.stop();
});
