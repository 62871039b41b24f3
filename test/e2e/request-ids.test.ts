import { request } from 'undici';
import { configOf, Server } from './server';

afterAll(() => Server.stopAll());

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const headers = { 'x-request-id': 'order-17', traceparent: `00-${traceId}-00f067aa0ba902b7-01` };

test('what a function writes to the log, and its problem, are named by the request', async () => {
  const config = configOf(['cgi'], { log: { level: 'debug', pretty: false } });
  const server = await Server.start({ config });
  const answer = await request(`${server.url}/cgi?10`, { headers });
  await answer.body.dump();
  expect(answer.headers['x-request-id']).toBe('order-17');
  expect(answer.headers.traceresponse).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  await server.stop();
  const lines = server.log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['requestId'] === 'order-17');
  expect(lines).toEqual([
    expect.objectContaining({ function: 'cgi', tenant: 'test', traceId }),
    expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_EXITED', msg: 'problem', traceId }),
  ]);
});
