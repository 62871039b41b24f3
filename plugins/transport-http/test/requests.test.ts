import { Readable } from 'node:stream';
import { request } from 'undici';
import { SledgeError } from '@sledge/core';
import { makeFunction, output, RawClient, startTransport, type Running } from './harness';

let running: Running;
const functions = [
  makeFunction(),
  makeFunction({ name: 'deep', route: '/fib/deep/' }),
  makeFunction({ name: 'html', route: '/page', responseContentType: 'text/html; charset=utf-8' }),
  makeFunction({ name: 'get', route: '/get', methods: ['GET'] }),
  makeFunction({ name: 'read', route: '/shared', methods: ['GET'] }),
  makeFunction({ name: 'write', route: '/shared', methods: ['POST'] }),
  makeFunction({ name: 'cgi', route: '/cgi', responseFormat: 'cgi' }),
];

beforeEach(async () => {
  running = await startTransport([{ name: 'gwu', port: 0, functions }]);
});
afterEach(() => running.stop());

const lastCall = () => {
  const call = running.invoker.calls.at(-1);
  if (call === undefined) throw new Error('no call');
  return call;
};

describe('routes', () => {
  test.each([
    ['/fib', 'fib'],
    ['/fib/', 'fib'],
    ['/fib/x/y', 'fib'],
    ['/fib/deep', 'deep'],
    ['/fib/deep/er', 'deep'],
    ['/f%69b', 'fib'],
  ])('%s is answered by %s', async (path, name) => {
    const { statusCode } = await request(running.url + path);
    expect([statusCode, lastCall().fn.name]).toEqual([200, name]);
  });

  test.each(['/fib10', '/fi', '/', '/FIB', '//fib'])('%s is answered by nobody', async (path) => {
    const answer = await request(running.url + path);
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(await answer.body.json()).toMatchObject({
      status: 404,
      code: 'SLEDGE_ERR_HTTP_NO_ROUTE',
      title: 'Not Found',
      detail: `No function answers ${path}.`,
      instance: expect.stringMatching(/^urn:sledge:request:[0-9a-f]+-\d+$/) as unknown,
    });
  });

  test('a live change adds, moves and removes functions and listeners', async () => {
    const other = makeFunction({ tenant: 'other', name: 'new', route: '/' });
    await running.change([
      { name: 'gwu', port: 0, functions: [makeFunction({ name: 'moved', route: '/moved' })] },
      { name: 'other', port: 0, functions: [other] },
    ]);
    expect((await request(`${running.url}/fib`)).statusCode).toBe(404);
    expect((await request(`${running.url}/moved`)).statusCode).toBe(200);
    const added = running.transport.listeners()[1]?.url ?? '';
    expect((await request(`${added}/anything/at/all`)).statusCode).toBe(200);
    await running.change([{ name: 'other', port: 0, functions: [other] }]);
    const gone = request(`${running.url}/moved`).then(
      ({ statusCode }) => statusCode,
      () => 'refused',
    );
    expect([503, 'refused']).toContain(await gone);
    expect(running.transport.listeners()).toHaveLength(1);
  });
});

describe('what the function gets', () => {
  test.each([
    ['/fib', []],
    ['/fib?', []],
    ['/fib?10', ['10']],
    ['/fib?a&b', ['a', 'b']],
    ['/fib?n=%31%zz&&x', ['n=%31%zz', '', 'x']],
  ])('%s gives the raw arguments %j', async (path, args) => {
    await request(running.url + path);
    expect(lastCall().args).toEqual(args);
  });

  test('the body is stdin, whatever its type, with or without a length', async () => {
    const body = Buffer.from([0, 255, 10, 13]);
    await request(`${running.url}/fib`, { method: 'POST', body });
    expect(lastCall().input).toEqual(body);
    expect(lastCall().environ.get('CONTENT_LENGTH')).toBe('4');
    async function* chunks() {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    }
    const headers = { 'content-type': 'not a type' };
    await request(`${running.url}/fib`, { method: 'PUT', body: Readable.from(chunks()), headers });
    expect(lastCall().input.toString()).toBe('one two');
    expect(lastCall().environ.get('CONTENT_LENGTH')).toBe('7');
    expect(lastCall().environ.get('CONTENT_TYPE')).toBe('not a type');
  });

  test('the environ is that of CGI', async () => {
    const headers = { 'X-Two-Words': 'ä=1', cookie: 'a=1', authorization: 'Bearer t' };
    await request(`${running.url}/fib/deep/a%20b?q=1&r`, { headers });
    const { environ, environCount } = lastCall();
    expect(environCount).toBe(environ.size);
    expect(Object.fromEntries(environ)).toMatchObject({
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_SOFTWARE: 'Sledge',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: String(running.port),
      SERVER_PROTOCOL: 'HTTP/1.1',
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '/fib/deep',
      PATH_INFO: '/a b',
      QUERY_STRING: 'q=1&r',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_PORT: expect.stringMatching(/^\d+$/) as unknown,
      HTTP_HOST: `127.0.0.1:${running.port}`,
      HTTP_X_TWO_WORDS: 'ä=1',
      HTTP_COOKIE: 'a=1',
      HTTP_AUTHORIZATION: 'Bearer t',
    });
    expect(environ.has('CONTENT_LENGTH')).toBe(false);
  });

  test('repeated headers reach the function joined, however they are written', async () => {
    const headers = ['X-A', '1', 'x-b', '2', 'x-a', '3', 'Cookie', 'a=1', 'cookie', 'b=2'];
    await request(`${running.url}/fib`, { headers });
    const { environ, environCount } = lastCall();
    expect(environCount).toBe(environ.size);
    expect(Object.fromEntries(environ)).toMatchObject({
      HTTP_X_A: '1, 3',
      HTTP_X_B: '2',
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_HOST: `127.0.0.1:${running.port}`,
    });
  });

  test('headers that would deceive a function stay outside', async () => {
    const headers = { proxy: 'http://evil', x_real: 'spoof', te: 'trailers', 'x-real': 'true' };
    await request(`${running.url}/fib`, { headers });
    const { environ } = lastCall();
    expect(environ.has('HTTP_PROXY')).toBe(false);
    expect(environ.has('HTTP_TE')).toBe(false);
    expect(environ.get('HTTP_X_REAL')).toBe('true');
  });

  test.each(['%00', '%0a', '%0D', '%zz', '%'])('a path with %s is refused', async (escape) => {
    const answer = await request(`${running.url}/fib/${escape}`);
    expect(answer.statusCode).toBe(400);
    expect(running.invoker.calls).toHaveLength(0);
  });

  test.each([
    [{ 'x-sledge-deadline-us': '20000' }, 20_000],
    [{ 'grpc-timeout': '20m' }, 20_000],
    [{ 'grpc-timeout': '1S' }, 1_000_000],
    [{ 'grpc-timeout': '1H' }, 3_600_000_000],
    [{ 'grpc-timeout': '1500n' }, 2],
    [{ 'x-sledge-deadline-us': '5', 'grpc-timeout': '1H' }, 5],
    [{}, undefined],
  ])('the deadline of %j is %p us', async (headers, us) => {
    await request(`${running.url}/fib`, { headers });
    expect(lastCall().deadlineUs).toBe(us);
  });

  test.each([
    { 'x-sledge-deadline-us': '0' },
    { 'x-sledge-deadline-us': '-1' },
    { 'x-sledge-deadline-us': '1.5' },
    { 'x-sledge-deadline-us': '99999999999999' },
    { 'grpc-timeout': '1' },
    { 'grpc-timeout': '123456789m' },
    { 'grpc-timeout': '1s' },
    { 'grpc-timeout': '99999999H' },
    { 'x-sledge-deadline-us': ['1', '2'] },
  ])('the deadline of %j is refused', async (headers) => {
    const answer = await request(`${running.url}/fib`, { headers });
    expect(answer.statusCode).toBe(400);
    expect(await answer.body.json()).toMatchObject({ code: 'SLEDGE_ERR_HTTP_DEADLINE' });
  });
});

describe('what the client gets', () => {
  test('stdout is the body, byte for byte, with its type and Server-Timing', async () => {
    for (const length of [0, 1, 256, 16_384, 16_385, 300_000]) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7) % 256));
      running.invoker.answer = () => output(bytes);
      const answer = await request(`${running.url}/page`);
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(answer.headers['content-length']).toBe(String(length));
      expect(answer.headers['server-timing']).toBe(
        'queue;dur=1.235, run;dur=0.002, total;dur=1.237',
      );
      expect(Buffer.from(await answer.body.arrayBuffer())).toEqual(bytes);
    }
  });

  test.each(['GET', 'HEAD'])(
    'a prepared answer to %s has the head that node makes',
    async (method) => {
      const answerOf = async (route: string, text: string) => {
        running.invoker.answer = () => output(text);
        const client = new RawClient(running.port).send(
          `${method} ${route} HTTP/1.1\r\nHost: a\r\nX-Request-Id: b\r\n\r\n`,
        );
        await client.toMatch(method === 'GET' ? /hello$/ : /\r\n\r\n$/);
        client.socket.destroy();
        return client.received.replace(/^Date: .*$/m, 'Date: now');
      };
      const prepared = await answerOf('/fib', 'hello');
      expect(prepared).toContain('Connection: keep-alive');
      expect(await answerOf('/cgi', 'Content-Type: text/plain\n\nhello')).toBe(prepared);
    },
  );

  test('a type that no header may hold is an error of ours, not a broken answer', async () => {
    const functions = [makeFunction({ responseContentType: 'text/plain\r\nX-Injected: 1' })];
    await running.change([{ name: 'gwu', port: 0, functions }]);
    const answer = await request(`${running.url}/fib`);
    expect([answer.statusCode, answer.headers['x-injected']]).toEqual([500, undefined]);
    await answer.body.dump();
  });

  test('HEAD runs the function and gives the same headers without a body', async () => {
    const head = await request(`${running.url}/fib`, { method: 'HEAD' });
    const get = await request(`${running.url}/fib`);
    for (const name of ['content-type', 'content-length', 'server-timing']) {
      expect(head.headers[name]).toBe(get.headers[name]);
    }
    expect(await head.body.text()).toBe('');
    expect(running.invoker.calls[0]?.environ.get('REQUEST_METHOD')).toBe('HEAD');
    const missing = await request(`${running.url}/no`, { method: 'HEAD' });
    expect([missing.statusCode, await missing.body.text()]).toEqual([404, '']);
  });

  test('functions with methods of their own share a route', async () => {
    const url = `${running.url}/shared`;
    await request(url);
    expect(lastCall().fn.name).toBe('read');
    await request(url, { method: 'POST', body: 'x' });
    expect(lastCall().fn.name).toBe('write');
    const put = await request(url, { method: 'PUT', body: 'x' });
    expect([put.statusCode, put.headers.allow]).toEqual([405, 'GET, POST, OPTIONS']);
  });

  test('what comes behind a thousand headers still counts', async () => {
    const headers = Array.from({ length: 1200 }, (_, i) => [`x${i}`, '']).flat();
    await request(`${running.url}/fib`, { method: 'POST', headers, body: 'abc' });
    expect(lastCall().input.toString()).toBe('abc');
  });

  test('OPTIONS names the methods, and other methods get 405', async () => {
    const options = await request(`${running.url}/get`, { method: 'OPTIONS' });
    expect([options.statusCode, options.headers.allow]).toEqual([204, 'GET, OPTIONS']);
    const post = await request(`${running.url}/get`, { method: 'POST', body: 'x' });
    expect([post.statusCode, post.headers.allow]).toEqual([405, 'GET, OPTIONS']);
    expect(await post.body.json()).toMatchObject({ code: 'SLEDGE_ERR_HTTP_METHOD' });
    const trace = await request(`${running.url}/fib`, { method: 'TRACE' });
    expect(trace.statusCode).toBe(405);
    expect(running.invoker.calls).toHaveLength(0);
  });

  const failed = (code: ConstructorParameters<typeof SledgeError>[0], details = {}) =>
    new SledgeError(code, details);
  test.each([
    [500, { status: 'trapped', trap: 'unreachable', error: failed('SLEDGE_ERR_INVOKE_TRAPPED') }],
    [502, { status: 'exited', exitCode: 3, error: failed('SLEDGE_ERR_INVOKE_EXITED') }],
    [504, { status: 'timed-out', error: failed('SLEDGE_ERR_INVOKE_TIME_LIMIT') }],
    [500, { status: 'output-limit', error: failed('SLEDGE_ERR_INVOKE_OUTPUT_LIMIT') }],
    [503, { status: 'dropped', error: failed('SLEDGE_ERR_INVOKE_DRAINING') }],
    [503, { status: 'failed', error: failed('SLEDGE_ERR_INVOKE_NO_SLOT') }],
    [503, { status: 'cancelled', error: failed('SLEDGE_ERR_INVOKE_CANCELLED') }],
    [500, { status: 'failed' }],
  ] as const)('an answer %i is problem details: %j', async (status, outcome) => {
    running.invoker.answer = () => outcome;
    const answer = await request(`${running.url}/fib`);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const problem = (await answer.body.json()) as Record<string, unknown>;
    const code = 'error' in outcome ? outcome.error.code : 'SLEDGE_ERR_INTERNAL';
    expect(problem).toMatchObject({ status, code, type: `urn:sledge:error:${code}` });
    expect(problem['trap']).toBe('trap' in outcome ? outcome.trap : undefined);
    expect(problem['exitCode']).toBe('exitCode' in outcome ? outcome.exitCode : undefined);
    expect(answer.headers['server-timing']).toContain('total;dur=');
  });

  test('a full queue is 429 with Retry-After, draining is 503 and closes', async () => {
    running.invoker.refuse = new SledgeError('SLEDGE_ERR_INVOKE_QUEUE_FULL');
    const full = await request(`${running.url}/fib`);
    expect([full.statusCode, full.headers['retry-after']]).toEqual([429, '1']);
    running.invoker.refuse = new SledgeError('SLEDGE_ERR_INVOKE_DRAINING');
    const draining = await request(`${running.url}/fib`);
    expect([draining.statusCode, draining.headers.connection]).toEqual([503, 'close']);
  });
});

describe('responseFormat cgi', () => {
  const answerWith = async (text: string, method: 'GET' | 'HEAD' = 'GET') => {
    running.invoker.answer = () => output(Buffer.from(text, 'latin1'));
    const answer = await request(`${running.url}/cgi`, { method });
    return { ...answer, text: await answer.body.text() };
  };

  test('the function sets status and headers', async () => {
    const answer = await answerWith(
      'Status: 404 No Cats\r\nContent-Type: image/cat\r\n' +
        'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nmeow',
    );
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toBe('image/cat');
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.text).toBe('meow');
  });

  test.each([
    ['X: 1\n\nbody', 200, 'text/plain', 'body'],
    ['Location: /else\n\n', 302, undefined, ''],
    ['Status: 204\n\nlost', 204, undefined, ''],
    ['Status: 304\nETag: "x"\n\n', 304, undefined, ''],
    ['Content-Type: a/b\nContent-Length: 4\n\nbody', 200, 'a/b', 'body'],
  ])('%j is answered with %i', async (text, status, type, body) => {
    const answer = await answerWith(text);
    expect([answer.statusCode, answer.headers['content-type'], answer.text]).toEqual([
      status,
      type,
      body,
    ]);
  });

  test.each([
    'no head at all',
    '\n\nbody',
    'X: 1\n',
    'X 1\n\n',
    ': 1\n\n',
    'X Y: 1\n\n',
    'X: a\rSet-Cookie: b\n\n',
    'X: a\0b\n\n',
    'Transfer-Encoding: chunked\n\n',
    'Connection: close\n\n',
    'Upgrade: h2c\n\n',
    'Content-Length: 3\n\nbody',
    'Status: 100\n\n',
    'Status: 99\n\n',
    'Status: 2000\n\n',
    'Status: 200\nStatus: 201\n\n',
    `X: ${'a'.repeat(20_000)}\n\n`,
    `${'X: 1\n'.repeat(65)}\n`,
  ])('%j is a wrong head', async (text) => {
    const answer = await answerWith(text);
    expect(answer.statusCode).toBe(502);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'SLEDGE_ERR_HTTP_CGI_RESPONSE' });
  });

  test('HEAD may announce the length it would have', async () => {
    const answer = await answerWith('X: 1\nContent-Length: 1000\n\n', 'HEAD');
    expect([answer.statusCode, answer.text]).toEqual([200, '']);
  });
});
