import { request } from 'undici';
import { makeFunction, output, startTransport, type Call, type Running } from './harness';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

let running: Running;
beforeAll(async () => {
  const cgi = makeFunction({ name: 'cgi', route: '/cgi', responseFormat: 'cgi' });
  const functions = [makeFunction(), cgi, makeFunction({ name: 'trap', route: '/trap' })];
  running = await startTransport([{ name: 'gwu', port: 0, functions }]);
});
beforeEach(() => {
  running.invoker.answer = ({ fn }) => {
    if (fn.name === 'trap') return { status: 'trapped', trap: 'unreachable' };
    return output(fn.name === 'cgi' ? 'Status: 201\n\n' : 'hello');
  };
});
afterAll(() => running.stop());

async function ask(headers: Record<string, string | string[]>, path = '/fib', method = 'GET') {
  const answer = await request(running.url + path, { headers, method: method as 'GET' });
  const text = await answer.body.text();
  const { environ, environCount } = running.invoker.calls.at(-1) as Call;
  expect(environ.size).toBe(environCount);
  return {
    text,
    requestId: answer.headers['x-request-id'],
    traceresponse: answer.headers.traceresponse,
    seen: ['X_REQUEST_ID', 'TRACEPARENT', 'TRACESTATE'].map((name) => environ.get(`HTTP_${name}`)),
  };
}

test('a request id comes back and reaches the function; else there is a new one', async () => {
  const given = 'Ab9._:+/=@-';
  const answer = await ask({ 'x-request-id': given });
  expect([answer.requestId, answer.seen[0]]).toEqual([given, given]);
  const fresh = await Promise.all([1, 2, 3].map(() => ask({})));
  for (const { requestId } of fresh) expect(requestId).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(fresh.map(({ requestId }) => requestId)).size).toBe(3);
});

test.each([
  ['too long', 'x'.repeat(129)],
  ['empty', ''],
  ['with a space', 'a b'],
  ['with a quote', 'a"b'],
  ['of other characters', 'a\u00e4'],
  ['there twice', ['a', 'b']],
])('a request id that is %s is replaced', async (_what, id) => {
  const { requestId, seen } = await ask({ 'x-request-id': id });
  expect(requestId).toMatch(/^[0-9a-f]{32}$/);
  expect(seen[0]).toBe(requestId);
});

test('a trace goes on with a span of its own, its state and whether it is sampled', async () => {
  for (const [flags, kept] of [
    ['00', '00'],
    ['01', '01'],
    ['ff', '01'],
  ]) {
    const traceparent = `00-${TRACE}-${SPAN}-${flags}`;
    const { seen, traceresponse } = await ask({ traceparent, tracestate: 'a=1,b=2' });
    expect(seen[1]).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${kept}$`));
    expect(seen[1]).not.toContain(SPAN);
    expect([traceresponse, seen[2]]).toEqual([seen[1], 'a=1,b=2']);
  }
  const later = await ask({ traceparent: `cc-${TRACE}-${SPAN}-01-what-comes-later` });
  expect(later.seen[1]).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
});

test.each([
  ['', 'absent'],
  [`00-${'0'.repeat(32)}-${SPAN}-01`, 'without a trace'],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, 'without a parent'],
  [`ff-${TRACE}-${SPAN}-01`, 'of the forbidden version'],
  [`00-${TRACE}-${SPAN}-01-more`, 'longer than its version says'],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, 'in capitals'],
  [`00-${TRACE}-${SPAN}`, 'cut off'],
  ['x'.repeat(5_000), 'long'],
])('a traceparent like %s begins a trace without state', async (traceparent) => {
  const { seen, traceresponse } = await ask({ traceparent, tracestate: 'a=1' });
  expect(seen[1]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(seen[1]).not.toContain(TRACE);
  expect([traceresponse, seen[2]]).toEqual([undefined, undefined]);
});

test('a CGI function may name its answer itself', async () => {
  running.invoker.answer = () => output('X-Request-ID: own\n\n');
  expect((await ask({ 'x-request-id': 'mine' }, '/cgi')).requestId).toBe('own');
});

test('problem documents and answers of every kind are named', async () => {
  const headers = { 'x-request-id': 'mine', traceparent: `00-${TRACE}-${SPAN}-01` };
  for (const path of ['/trap', '/nobody']) {
    const { text, requestId } = await ask(headers, path);
    expect(requestId).toBe('mine');
    expect(JSON.parse(text)).toMatchObject({ requestId: 'mine', traceId: TRACE });
  }
  expect((await ask(headers, '/cgi')).requestId).toBe('mine');
  expect((await ask(headers, '/fib', 'OPTIONS')).requestId).toBe('mine');
  expect((await ask(headers, '/fib', 'HEAD')).requestId).toBe('mine');
});
