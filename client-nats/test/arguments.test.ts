import { NatsClient } from '../src';

const NOBODY = { servers: ['nats://127.0.0.1:1'] };

test.each([
  [{ deadlineMs: Infinity }, 'deadlineMs: Infinity'],
  [{ deadlineMs: NaN }, 'deadlineMs: NaN'],
  [{ deadlineMs: -1 }, 'deadlineMs: -1'],
  [{ deadlineMs: 2 ** 31 }, 'deadlineMs: 2147483648'],
  [{ args: ['line\nbreak \ud800'] }, 'URI'],
  [{ requestId: 'line\nbreak' }, ''],
])('a call with %j is refused in words, without NATS', async (options, words) => {
  const client = NatsClient.open(NOBODY);
  const called = client.invoke('acme', 'fib', undefined, options);
  await expect(called).rejects.toMatchObject({
    code: 'SLEDGE_ERR_CLIENT_ARGUMENT',
    message: expect.stringContaining(words) as string,
  });
  await client.close();
});

test('work and results are waited for no longer than a timer can', async () => {
  const client = NatsClient.open(NOBODY);
  const late = { timeoutMs: Infinity };
  const code = 'SLEDGE_ERR_CLIENT_ARGUMENT';
  await expect(client.submit('acme', 'fib', undefined, late)).rejects.toMatchObject({ code });
  await expect(client.result('acme', 'id', late)).rejects.toMatchObject({ code });
  await client.close();
});
