import { connect } from 'node:net';
import { request } from 'undici';
import { configOf, Server } from './server';
import { together } from './together';

afterAll(() => Server.stopAll());

const TRAPS: Record<string, string> = {
  trap_unreachable: 'unreachable',
  trap_out_of_bounds: 'memory out of bounds',
  trap_division_by_zero: 'integer divide by zero',
  trap_integer_overflow: 'integer overflow',
  trap_indirect_call_mismatch: 'indirect call type mismatch',
  trap_stack_overflow: 'stack overflow',
};

const config = configOf([
  'fibonacci',
  'exit',
  ...Object.keys(TRAPS),
  'environ',
  { name: 'echo', limits: { bodyBytes: 1_000_000 } },
  { name: 'html', responseContentType: 'text/html' },
  { name: 'cgi', responseFormat: 'cgi' },
  { name: 'echo', route: '/raw-cgi', responseFormat: 'cgi' },
  { name: 'endless_loop', limits: { wallTimeUs: 50_000 } },
  { name: 'huge_output', limits: { outputBytes: 1_000 } },
  { name: 'empty', methods: ['GET'] },
]);
// Two functions of one file need two names.
const [tenant] = config.tenants as [{ functions: { name: string; route: string }[] }];
tenant.functions.filter((fn) => fn.route === '/raw-cgi').forEach((fn) => (fn.name = 'raw-cgi'));

describe.each(['awsm', 'v8'])('answers over HTTP with %s', (sandbox) => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ config: { ...config, sandbox } });
  }, 320_000);
  afterAll(async () => {
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  const get = async (path: string, options: Parameters<typeof request>[1] = {}) => {
    const answer = await request(server.url + path, options);
    const text = await answer.body.text();
    const isProblem = answer.headers['content-type'] === 'application/problem+json';
    const problem = isProblem ? (JSON.parse(text) as Record<string, unknown>) : undefined;
    return { ...answer, status: answer.statusCode, text, problem };
  };

  test('a function answers with its type, by GET, HEAD, POST and PUT', async () => {
    expect(await get('/fibonacci?30')).toMatchObject({ status: 200, text: '832040' });
    const html = await get('/html');
    expect([html.status, html.headers['content-type']]).toEqual([200, 'text/html']);
    const head = await get('/html', { method: 'HEAD' });
    expect([head.text, head.headers['content-length']]).toEqual(['', String(html.text.length)]);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      expect(await get('/echo', { method, body: method })).toMatchObject({ text: method });
    }
  });

  test('a body of a megabyte comes back as it went, one byte more is 413', async () => {
    const body = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 13) % 251));
    const answer = await request(`${server.url}/echo`, { method: 'POST', body });
    expect(body.equals(Buffer.from(await answer.body.arrayBuffer()))).toBe(true);
    const more = await get('/echo', { method: 'POST', body: Buffer.alloc(1_000_001) });
    expect(more).toMatchObject({ status: 413 });
    expect(more.problem).toMatchObject({ code: 'SLEDGE_ERR_HTTP_BODY_TOO_LARGE' });
  });

  test('the function sees the request as CGI tells it', async () => {
    const { text } = await get('/environ/a/b?x=1', { headers: { 'x-test': 'yes', proxy: 'no' } });
    const lines = text.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'REQUEST_METHOD=GET',
        'SCRIPT_NAME=/environ',
        'PATH_INFO=/a/b',
        'QUERY_STRING=x=1',
        'HTTP_X_TEST=yes',
      ]),
    );
    expect(text).not.toMatch(/HTTP_PROXY/);
  });

  test('a cgi function chooses status and headers; a wrong head is 502', async () => {
    const chosen = await get('/cgi?418');
    expect(chosen).toMatchObject({ status: 418, text: '{"status":418}' });
    expect(chosen.headers['x-function']).toBe('cgi');
    const wrong = await get('/raw-cgi', { method: 'POST', body: 'Connection: close\n\n' });
    expect(wrong.status).toBe(502);
    expect(wrong.problem).toMatchObject({ code: 'SLEDGE_ERR_HTTP_CGI_RESPONSE' });
  });

  test.each(Object.entries(TRAPS))('%s is 500 with its kind', async (name, trap) => {
    const answer = await get(`/${name}`);
    expect(answer.status).toBe(500);
    const code = trap === 'stack overflow' ? 'STACK_LIMIT' : 'TRAPPED';
    expect(answer.problem).toMatchObject({ code: `SLEDGE_ERR_INVOKE_${code}`, trap });
  });

  test('an exit code is 502, too much output 500, too long 504', async () => {
    const exit = await get('/exit?3');
    expect([exit.status, exit.problem?.['exitCode']]).toEqual([502, 3]);
    const huge = await get('/huge_output');
    expect([huge.status, huge.problem?.['code']]).toEqual([500, 'SLEDGE_ERR_INVOKE_OUTPUT_LIMIT']);
    const endless = await get('/endless_loop');
    expect([endless.status, endless.problem?.['code']]).toEqual([
      504,
      'SLEDGE_ERR_INVOKE_TIME_LIMIT',
    ]);
    expect(await get('/exit?0')).toMatchObject({ status: 200 });
  });

  test('no route is 404, another method 405, a wrong deadline 400', async () => {
    expect(await get('/fibonacci10')).toMatchObject({ status: 404 });
    const method = await get('/empty', { method: 'POST', body: 'x' });
    expect([method.status, method.headers.allow]).toEqual([405, 'GET, OPTIONS']);
    const headers = { 'grpc-timeout': 'soon' };
    expect(await get('/empty', { headers })).toMatchObject({ status: 400 });
    expect(await get('/empty', { headers: { 'grpc-timeout': '1S' } })).toMatchObject({
      status: 200,
    });
  });

  test('clients that vanish in the middle hurt nobody', async () => {
    const { port } = new URL(server.url);
    for (let i = 0; i < 50; i += 1) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      const target = i % 2 === 0 ? '/endless_loop' : '/echo';
      socket.write(`POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123`);
      if (i % 3 !== 0) socket.write('4567890');
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (i % 4 === 0) socket.end();
      else socket.resetAndDestroy();
    }
    expect(await get('/fibonacci?20')).toMatchObject({ status: 200, text: '6765' });
  });
});

test('a full queue is 429 with Retry-After, and every accepted request is answered', async () => {
  const functions = [{ name: 'endless_loop', limits: { wallTimeUs: 100_000 } }];
  const limits = { maxInvocations: 4 };
  const server = await Server.start({ config: configOf(functions, { limits }) });
  const answers = await together(`${server.url}/endless_loop`, 12);
  expect(answers.filter(({ status }) => status === 504)).toHaveLength(4);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(8);
  expect(refused[0]?.headers['retry-after']).toBe('1');
  await server.stop();
});
