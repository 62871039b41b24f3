import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { makeFunction, output, problemOf, RawClient, startTransport, until } from './harness';
import type { Running } from './harness';

const GET = 'GET /fib HTTP/1.1\r\nHost: x\r\n\r\n';
let running: Running;

async function start(options: Record<string, unknown> = {}): Promise<void> {
  running = await startTransport(undefined, options);
}
afterEach(() => running.stop());

/** Whose GET has come; on a busy machine some are let go before. */
async function untilCalled(): Promise<RawClient> {
  let client = new RawClient(running.port).send(GET);
  await until(() => {
    if (client.closed || client.ended) {
      client.socket.destroy();
      client = new RawClient(running.port).send(GET);
    }
    return running.invoker.calls.length > 0;
  });
  return client;
}

describe('malformed requests', () => {
  beforeEach(() => start());

  test.each([
    ['not HTTP', 'hello\r\n\r\n'],
    ['no Host', 'GET /fib HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /fib HTTP/1.1\r\nHost: x\r\nHOST: y\r\n\r\n'],
    [
      'two lengths',
      'POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    ],
    ['a wrong length', 'POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na'],
    [
      'length and chunked',
      'POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n' +
        'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'not only chunked',
      'POST /fib HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'an odd coding',
      'POST /fib HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    ],
    ['chunked in 1.0', 'POST /fib HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'GET /fib HTTP/1.1\r\nHost : x\r\n\r\n'],
    ['a NUL in a header', 'GET /fib HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n'],
    ['a bare CR in a header', 'GET /fib HTTP/1.1\r\nHost: x\r\nA: b\rc: d\r\n\r\n'],
    ['a target of no form', 'GET fib HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an asterisk for GET', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['another version', 'GET /fib HTTP/3.0\r\nHost: x\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    [
      'a bad chunk size',
      'POST /fib HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
  ])('%s is 400 and ends the connection', async (_, text) => {
    const answer = await new RawClient(running.port).send(text).toEnd();
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/\r\nConnection: close\r\n/);
    expect(problemOf(answer)).toMatchObject({ status: 400, code: 'SLEDGE_ERR_HTTP_BAD_REQUEST' });
    expect(running.invoker.calls).toHaveLength(0);
  });

  test('a folded header cannot put a line into the environ', async () => {
    const client = new RawClient(running.port);
    client.send('GET /fib HTTP/1.1\r\nHost: x\r\nA: b\r\n c=d\r\nConnection: close\r\n\r\n');
    await client.toEnd();
    const value = running.invoker.calls[0]?.environ.get('HTTP_A') ?? '';
    expect(value).not.toMatch(/[\r\n\0]/);
  });

  test('a smuggled second request is not run', async () => {
    const text =
      'POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding : chunked\r\n\r\n' +
      `0\r\n\r\n${GET}`;
    const answer = await new RawClient(running.port).send(text).toEnd();
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(running.invoker.calls).toHaveLength(0);
  });

  test('a head that is too large is 431', async () => {
    const text = `GET /fib HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`;
    const answer = await new RawClient(running.port).send(text).toEnd();
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(problemOf(answer)).toMatchObject({ code: 'SLEDGE_ERR_HTTP_HEADERS_TOO_LARGE' });
  });

  test('CONNECT is 405 and an unknown expectation 417', async () => {
    const connect = new RawClient(running.port).send('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await connect.toEnd()).toMatch(/^HTTP\/1\.1 405 /);
    const expect417 = 'GET /fib HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n';
    expect(await new RawClient(running.port).send(expect417).toEnd()).toMatch(/^HTTP\/1\.1 417 /);
  });

  test('the other forms of a target work', async () => {
    const client = new RawClient(running.port);
    client.send('GET http://any/fib?7 HTTP/1.1\r\nHost: x\r\n\r\n');
    client.send('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n');
    client.send('GET /fib?8 HTTP/1.0\r\n\r\n');
    const answer = await client.toEnd();
    expect(answer.match(/HTTP\/1\.1 (200|204)/g)).toHaveLength(3);
    expect(running.invoker.calls.map((call) => call.args[0])).toEqual(['7', '8']);
  });
});

describe('pipelining', () => {
  test('answers come in the order of the requests, however they end', async () => {
    await start();
    running.invoker.answer = undefined;
    const client = new RawClient(running.port);
    for (let i = 0; i < 5; i += 1) client.send(GET.replace('/fib', `/fib?${i}`));
    await until(() => running.invoker.calls.length === 5);
    for (const i of [4, 2, 0, 3, 1]) running.invoker.calls[i]?.end(output(`<${i}>`));
    const answer = await client.toMatch(/<4>/);
    expect(answer.match(/<\d>/g)).toEqual(['<0>', '<1>', '<2>', '<3>', '<4>']);
    client.socket.destroy();
  });

  test('garbage behind a request does not take its answer away', async () => {
    await start();
    running.invoker.answer = undefined;
    const client = new RawClient(running.port).send(`${GET}${GET}garbage\r\n\r\n`);
    await until(() => running.invoker.calls.length === 2);
    running.invoker.calls[1]?.end(output('second'));
    running.invoker.calls[0]?.end(output('first'));
    const answer = await client.toEnd();
    expect(answer.match(/HTTP\/1\.1 \d+|first|second/g)).toEqual([
      'HTTP/1.1 200',
      'first',
      'HTTP/1.1 200',
      'second',
      'HTTP/1.1 400',
    ]);
  });

  test('more than maxPipelined at once are refused, one by one', async () => {
    await start({ maxPipelined: 2 });
    running.invoker.answer = undefined;
    const client = new RawClient(running.port).send(GET.repeat(4));
    await until(() => running.invoker.calls.length === 2);
    for (const call of running.invoker.calls) call.end(output('ok'));
    await client.toMatch(/(HTTP[^]*){4}\}/);
    expect(client.received.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(9))).toEqual([
      '200',
      '200',
      '429',
      '429',
    ]);
    expect(client.received).toMatch(/Retry-After: 1/);
    client.socket.destroy();
  });
});

describe('bodies', () => {
  const post = (length: number, more = '') =>
    `POST /fib HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${length}\r\n\r\n`;

  beforeEach(() => start());

  test('one byte over the limit is 413, the limit itself is not', async () => {
    const client = new RawClient(running.port);
    client.send(post(100_000) + 'a'.repeat(100_000));
    await client.toMatch(/hello/);
    client.send(post(100_001) + 'a'.repeat(100_001));
    const answer = await client.toEnd();
    expect(answer).toMatch(/HTTP\/1\.1 413 /);
    expect(problemOf(answer)).toMatchObject({
      code: 'SLEDGE_ERR_HTTP_BODY_TOO_LARGE',
      detail: 'The body is larger than 100000 bytes.',
    });
    expect(running.invoker.calls).toHaveLength(1);
  });

  test('a chunked body is cut off at the limit, and the client can read why', async () => {
    const client = new RawClient(running.port);
    client.send('POST /fib HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    for (let i = 0; i < 8; i += 1) client.send(chunk);
    const answer = await client.toEnd();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(running.invoker.calls).toHaveLength(0);
  });

  test('a client that sends without end is cut off', async () => {
    const client = new RawClient(running.port);
    client.send('POST /fib HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const timer = setInterval(() => client.socket.writable && client.send(chunk), 1);
    await until(() => client.closed || client.ended);
    clearInterval(timer);
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /);
    client.socket.destroy();
  });

  test('100-continue comes before the body, and a refused body is not asked for', async () => {
    const client = new RawClient(running.port).send(post(5, 'Expect: 100-continue\r\n'));
    await client.toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('hello');
    await client.toMatch(/HTTP\/1\.1 200 /);
    expect(running.invoker.calls[0]?.input.toString()).toBe('hello');
    client.socket.destroy();
    const refused = new RawClient(running.port).send(post(1e9, 'Expect: 100-continue\r\n'));
    expect(await refused.toEnd()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a short body for no function leaves the connection usable', async () => {
    const client = new RawClient(running.port);
    client.send(post(3).replace('/fib', '/no')).send('abc').send(GET);
    await client.toMatch(/HTTP\/1\.1 404[^]*HTTP\/1\.1 200/);
    client.socket.destroy();
  });

  test('a bad chunk in the middle of a body is 400 and runs nothing', async () => {
    const head = 'POST /fib HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const client = new RawClient(running.port).send(`${GET}${head}3\r\nabc\r\n`);
    await client.toMatch(/hello/);
    client.send('zz\r\n');
    const answer = await client.toEnd();
    expect(answer).toMatch(/HTTP\/1\.1 200[^]*HTTP\/1\.1 400/);
    expect(running.invoker.calls).toHaveLength(1);
  });
});

describe('clients that go away or are slow', () => {
  test('a reset cancels what runs, and its outcome goes nowhere', async () => {
    await start();
    running.invoker.answer = undefined;
    const client = new RawClient(running.port).send(GET + GET);
    await until(() => running.invoker.calls.length === 2);
    client.socket.resetAndDestroy();
    await until(() => running.invoker.calls.every((call) => call.cancelled));
    for (const call of running.invoker.calls) call.end({ status: 'cancelled' });
    running.invoker.answer = () => output('alive');
    expect(await new RawClient(running.port).send(GET).toMatch(/alive/)).toMatch(/ 200 /);
  });

  test('a client that closes only its sending side gets its answer', async () => {
    await start();
    running.invoker.answer = undefined;
    const client = new RawClient(running.port).send(GET);
    client.socket.end();
    await until(() => running.invoker.calls.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(running.invoker.calls[0]?.cancelled).toBe(false);
    running.invoker.calls[0]?.end(output('late'));
    expect(await client.toEnd()).toMatch(/late$/);
  });

  test('a client that goes away in the middle of its body runs nothing', async () => {
    await start();
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const client = new RawClient(running.port);
      client.send('POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.socket[leave]();
      await until(() => client.closed || client.ended);
      client.socket.destroy();
    }
    expect(running.invoker.calls).toHaveLength(0);
    expect(await new RawClient(running.port).send(GET).toMatch(/hello/)).toMatch(/ 200 /);
  });

  test('a head or a body that does not come is 408', async () => {
    await start({ headersTimeoutMs: 200, requestTimeoutMs: 300 });
    const head = new RawClient(running.port).send('GET /fib HT');
    const body = new RawClient(running.port);
    body.send('POST /fib HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    for (const client of [head, body]) {
      const answer = await client.toEnd();
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(problemOf(answer)).toMatchObject({ code: 'SLEDGE_ERR_HTTP_TIMEOUT' });
    }
    expect(running.invoker.calls).toHaveLength(0);
  });

  test('silence closes an idle connection, not one whose function runs', async () => {
    await start({ keepAliveTimeoutMs: 100, idleTimeoutMs: 150 });
    running.invoker.answer = undefined;
    const busy = await untilCalled();
    const silent = new RawClient(running.port);
    await until(() => silent.closed || silent.ended);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(busy.ended || busy.closed).toBe(false);
    running.invoker.calls[0]?.end(output('done'));
    await busy.toMatch(/done/);
    await until(() => busy.ended || busy.closed);
    silent.socket.destroy();
    busy.socket.destroy();
  });

  test('a client that does not read its answer is let go', async () => {
    await start({ idleTimeoutMs: 200 });
    running.invoker.answer = undefined;
    let latest: Socket | undefined;
    const onSocket = (message: unknown): void =>
      void (latest = (message as { socket: Socket }).socket);
    subscribe('net.server.socket', onSocket);
    const client = await untilCalled();
    unsubscribe('net.server.socket', onSocket);
    client.socket.pause();
    running.invoker.calls[0]?.end(output(Buffer.alloc(20_000_000)));
    await until(() => latest?.closed === true);
    client.socket.resume();
    await until(() => client.closed || client.ended);
    expect(client.received.length).toBeLessThan(20_000_000);
    client.socket.destroy();
  });

  test('connections beyond maxConnections are closed at once', async () => {
    await start({ maxConnections: 2 });
    const clients = [1, 2, 3].map(() => new RawClient(running.port).send(GET));
    await until(() => clients.some((client) => client.closed || client.ended));
    await until(() => clients.filter((client) => /hello/.test(client.received)).length === 2);
    for (const client of clients) client.socket.destroy();
  });
});

describe('drain', () => {
  test('what is in flight is answered, idle and new connections are not served', async () => {
    await start();
    const idle = new RawClient(running.port).send(GET);
    const fresh = new RawClient(running.port);
    await idle.toMatch(/hello/);
    running.invoker.answer = undefined;
    const busy = new RawClient(running.port).send(GET);
    await until(() => running.invoker.calls.length === 2);
    let drained = false;
    const draining = running.transport.drain().then(() => (drained = true));
    await until(() => (idle.closed || idle.ended) && (fresh.closed || fresh.ended));
    for (const client of [idle, fresh]) client.socket.destroy();
    const late = new RawClient(running.port).send(GET);
    await until(() => late.closed);
    expect([late.received, drained]).toEqual(['', false]);
    running.invoker.calls[1]?.end(output('last'));
    const answer = await busy.toEnd();
    expect(answer).toMatch(/Connection: close\r\n/);
    expect(answer).toMatch(/last$/);
    await draining;
  });

  test('a request that comes on an idle connection just after is told so, not cut', async () => {
    await start({ drainGraceMs: 60_000 });
    const idle = new RawClient(running.port).send(GET);
    await idle.toMatch(/hello/);
    const draining = running.transport.drain();
    const answers = idle.send(GET).toEnd();
    expect(await answers).toMatch(/hello[^]*HTTP\/1\.1 503 [^]*Connection: close\r\n/);
    await draining;
  });

  test('stop cuts what drain did not end', async () => {
    await start();
    running.invoker.answer = undefined;
    const busy = new RawClient(running.port).send(GET);
    await until(() => running.invoker.calls.length === 1);
    void running.transport.drain();
    await running.transport.stop();
    await until(() => busy.closed || busy.ended);
    busy.socket.destroy();
    expect(running.invoker.calls[0]?.cancelled).toBe(true);
  });

  test('a port in use is an error that names the address', async () => {
    await start();
    const functions = [makeFunction()];
    await expect(startTransport([{ name: 'b', port: running.port, functions }])).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${running.port}`,
    );
  });
});
