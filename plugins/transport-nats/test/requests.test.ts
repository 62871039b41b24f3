import { connect, headers } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import { NatsClient, type NatsCallError } from '@sledge/client-nats';
import { NatsServer } from '../../../test/support/nats-server';
import { forwardedHeader, outcomeOf } from '../src/peers/forwarded';
import { readRequest } from '../src/request';
import { makeFunction, output, startNode, tenantOf, until, type Running } from './harness';

describe('requests over NATS', () => {
  let nats: NatsServer;
  const running: Running[] = [];
  const clients: NatsClient[] = [];

  beforeAll(async () => (nats = await NatsServer.start()));
  afterAll(() => nats.stop());
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    for (const { transport } of running.splice(0)) await transport.stop();
  });

  async function node(name: string, tenants = [tenantOf('acme', 'fib')]) {
    const started = await startNode({ servers: [nats.url], node: name }, tenants);
    running.push(started);
    await started.connected();
    return started;
  }

  function open(options: object = {}): NatsClient {
    const client = NatsClient.open({ servers: [nats.url], reconnectWaitMs: 20, ...options });
    clients.push(client);
    return client;
  }

  const invoke = (client: NatsClient, body: string, deadlineMs = 5_000) =>
    client.invoke('acme', 'fib', Buffer.from(body), { deadlineMs });
  const soon = async (call: () => Promise<unknown>) =>
    until(() =>
      call()
        .then(() => true)
        .catch(() => false),
    );

  test('who gives a call up frees the worker that has it, and nobody else does', async () => {
    const { invoker, stats } = await node('one');
    invoker.answer = undefined;
    const gone = new AbortController();
    const client = open();
    const body = Buffer.from('x');
    const given = client.invoke('acme', 'fib', body, { signal: gone.signal });
    const other = invoke(client, 'y');
    const idsOf = (text: string) =>
      invoker.calls.flatMap(({ input }, at) => (input === text ? [at + 1] : []));
    const code = 'SLEDGE_ERR_INVOKE_CANCELLED';
    await Promise.all([
      until(() => invoker.calls.length === 2).then(() => gone.abort()),
      expect(given).rejects.toMatchObject({ code }),
    ]);
    // on a slow machine it may be late before it is sent
    while (idsOf('z').length === 0) {
      const late = invoke(client, 'z', 100);
      await expect(late).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_DEADLINE' });
    }
    await until(() => stats()['in_flight'] === 1);
    expect([...invoker.cancelled]).toEqual([...idsOf('x'), ...idsOf('z')]);
    invoker.calls[(idsOf('y')[0] ?? 0) - 1]?.end(output('done'));
    expect((await other).output.toString()).toBe('done');
    expect(stats()).toMatchObject({ completed: 1, in_flight: 0 });
    const early = client.invoke('acme', 'fib', body, { signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ code });
    expect(idsOf('x')).toHaveLength(1);
  });

  test('arguments arrive as they were given, whatever they begin and end with', async () => {
    const { invoker } = await node('one');
    const lists = [
      [' lead', 'trail ', '  ', '100%'],
      ['\tx', '%20'],
      ['two\nlines'],
      ['', ' ü'],
      [''],
    ];
    for (const args of lists) await open().invoke('acme', 'fib', undefined, { args });
    expect(invoker.calls.map(({ request }) => request.args)).toEqual(lists);
  });

  test.each([
    ['percent', '%zz', 'not percent-encoded'],
    ['percent', 'a%00b', 'NUL'],
    ['base64', 'eA==', 'base64'],
  ])('arguments in the encoding %s that are no such are refused: %s', (encoding, arg, words) => {
    const head = headers();
    head.set('Sledge-Arg-Encoding', encoding);
    head.append('Sledge-Arg', arg);
    const read = () => readRequest(makeFunction(), Buffer.alloc(0), head);
    expect(read).toThrow(expect.objectContaining({ code: 'SLEDGE_ERR_NATS_REQUEST' }) as Error);
    expect(read).toThrow(words);
  });

  test('body, arguments, deadline and trace go there; node, load and times come back', async () => {
    const { invoker } = await node('one');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await open().invoke('acme', 'fib', Buffer.from('hello'), {
      ...{ args: ['10', 'x y'], deadlineMs: 2_000, requestId: 'r-1', traceparent },
      tracestate: 'a=b',
    });
    expect(answer.output.toString()).toBe('did hello');
    expect(answer).toMatchObject({ node: 'one', times: { queueUs: 1_000, runUs: 2_000 } });
    expect(answer.load).toMatchObject({ waitUs: 0, workers: 1 });
    const { request } = invoker.calls[0] ?? {};
    expect(request?.args).toEqual(['10', 'x y']);
    expect(request?.ids).toEqual({ requestId: 'r-1', traceId: traceparent.slice(3, 35) });
    expect(request?.relativeDeadlineUs).toBeGreaterThan(1);
    expect(request?.relativeDeadlineUs).toBeLessThanOrEqual(2_000_000);
    const environ = request?.environ as string[];
    expect(environ).toContain('HTTP_X_REQUEST_ID=r-1');
    expect(environ).toContain('HTTP_TRACESTATE=a=b');
    const span = environ.find((entry) => entry.startsWith('HTTP_TRACEPARENT=')) ?? '';
    expect(span).toMatch(/^HTTP_TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(span).not.toContain('b7ad6b7169203331');
  });

  test('what failed at one node is not tried at another', async () => {
    const nodes = [await node('one'), await node('two')];
    const error = new SledgeError('SLEDGE_ERR_INVOKE_TRAPPED', { trap: 'unreachable' });
    for (const { invoker } of nodes) invoker.answer = () => ({ status: 'trapped', error });
    const code = 'SLEDGE_ERR_INVOKE_TRAPPED';
    await expect(invoke(open(), 'x')).rejects.toMatchObject({ code });
    expect(nodes.flatMap(({ invoker }) => invoker.calls)).toHaveLength(1);
  });

  test('a node that would miss the deadline says so, and another one is asked', async () => {
    const [busy, free] = [await node('busy'), await node('free')];
    const client = open({ attempts: 8 });
    const times = { queueNs: 0, runNs: 20_000_000, totalNs: 20_000_000 };
    for (const { invoker } of [busy, free]) {
      invoker.answer = ({ input }) => ({ ...output(input), times });
    }
    await until(async () => {
      await invoke(client, 'learns what a call costs');
      return busy.invoker.calls.length > 0 && free.invoker.calls.length > 0;
    });
    busy.invoker.answer = () => undefined;
    const early: Promise<unknown>[] = [];
    while (busy.invoker.inFlight < 3) {
      early.push(invoke(client, 'occupies it', 600_000));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // three of 20 ms are ahead, and what waits behind them has less time than that
    busy.invoker.answer = ({ input }) => ({ ...output(input), times });
    const body = Buffer.from('urgent');
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => invokeWithin(client, body, 70)),
    );
    for (const { node } of answers) expect(node).toBe('free');
    expect(busy.stats()['refused']).toBeGreaterThan(0);
    for (const call of busy.invoker.calls) if (call.input.startsWith('occ')) call.end();
    await Promise.all(early);
  });

  /** The deadline is the node's to see: on a slow machine the client waits for longer. */
  async function invokeWithin(client: NatsClient, body: Buffer, deadlineMs: number) {
    for (;;) {
      try {
        return await client.invoke('acme', 'fib', body, { deadlineMs });
      } catch (error) {
        const { code } = error as NatsCallError;
        if (!['SLEDGE_ERR_NATS_DEADLINE', 'SLEDGE_ERR_NATS_WOULD_MISS'].includes(code)) throw error;
      }
    }
  }

  test('what a node refuses another one takes; when all refuse, that is the error', async () => {
    const [one, two] = [await node('one'), await node('two')];
    one.invoker.refuse = new SledgeError('SLEDGE_ERR_INVOKE_QUEUE_FULL');
    const client = open({ attempts: 12 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => invoke(client, 'x')));
    expect(answers.every((answer) => answer.node === 'two')).toBe(true);
    two.invoker.refuse = new SledgeError('SLEDGE_ERR_INVOKE_QUEUE_FULL');
    const code = 'SLEDGE_ERR_INVOKE_QUEUE_FULL';
    await expect(invoke(client, 'x')).rejects.toMatchObject({ code, mayTryNext: true });
  });

  test('a function that no node has, and an answer that never comes, are told apart', async () => {
    const { invoker } = await node('one');
    const client = open();
    const missing = client.invoke('acme', 'none', undefined, { deadlineMs: 5_000 });
    await expect(missing).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_NO_NODE' });
    invoker.answer = () => undefined;
    const silent = invoke(client, 'x', 50);
    await expect(silent).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_DEADLINE' });
    for (const call of invoker.calls) call.end();
  });

  test('a node that does not know whether it is drained takes nothing until it does', async () => {
    const options = { servers: [nats.url], node: 'held', peers: { reportMs: 20 } };
    const held = await startNode(options, undefined, { isHeld: true });
    running.push(held);
    await held.connected();
    const states = () => held.transport.listeners().map(({ state }) => state);
    expect(states()).toEqual(['joining']);
    await node('one');
    const client = open();
    const answers = Array.from({ length: 20 }, () => invoke(client, 'x'));
    const nodes = (await Promise.all(answers)).map((answer) => answer.node);
    expect(new Set(nodes)).toEqual(new Set(['one']));
    await held.transport.setTakingWork?.(true);
    await until(async () => (await invoke(client, 'x')).node === 'held');
    expect(states()).toEqual([undefined]);
  });

  test('functions and tenants come and go while it serves', async () => {
    const { change } = await node('one');
    const client = open({ attempts: 1 });
    change([tenantOf('acme', 'other'), tenantOf('new.tenant *', 'fib')]);
    await soon(() => client.invoke('new.tenant *', 'fib'));
    await soon(() => client.invoke('acme', 'other'));
    const code = 'SLEDGE_ERR_NATS_NO_NODE';
    await expect(invoke(client, 'x')).rejects.toMatchObject({ code });
  });

  test('a drain answers what is in flight, and what comes goes to another node', async () => {
    const nodes = [await node('one'), await node('two')] as const;
    for (const { invoker } of nodes) invoker.answer = undefined;
    const client = open({ attempts: 12 });
    const early = Array.from({ length: 20 }, (_, at) => invoke(client, `early ${at}`));
    const calls = () => nodes.flatMap(({ invoker }) => invoker.calls);
    await until(() => calls().length === 20);
    const drained = nodes[0].transport.drain();
    nodes[1].invoker.answer = ({ input }) => output(input);
    const late = await Promise.all(Array.from({ length: 20 }, () => invoke(client, 'late')));
    expect(late.every((answer) => answer.node === 'two')).toBe(true);
    for (const call of calls()) if (call.input.startsWith('early')) call.end();
    expect(await Promise.all(early)).toHaveLength(20);
    await drained;
  });

  test('what is too long for NATS is refused, and costs no connection', async () => {
    const { invoker } = await node('one');
    const client = open();
    const code = 'SLEDGE_ERR_NATS_PAYLOAD';
    await expect(invoke(client, 'x'.repeat(1_100_000))).rejects.toMatchObject({ code });
    const argOf = (text: string) => client.invoke('acme', 'fib', undefined, { args: [text] });
    await expect(argOf('ü'.repeat(550_000))).rejects.toMatchObject({ code });
    expect((await argOf('x'.repeat(550_000))).node).toBe('one');
    invoker.answer = () => output('x'.repeat(1_100_000));
    const answered = { code: 'SLEDGE_ERR_NATS_ANSWER' };
    await expect(invoke(client, 'x')).rejects.toMatchObject(answered);
    invoker.answer = () => output('still there');
    expect((await invoke(client, 'x')).output.toString()).toBe('still there');
  });

  test('a peer whose answer is too long for NATS says so to the node that has asked', async () => {
    const one = await startNode({ servers: [nats.url], node: 'one', peers: {} });
    running.push(one);
    await one.connected();
    one.invoker.answer = () => output('x'.repeat(1_048_000));
    const asking = await connect({ servers: nats.url });
    const head = headers();
    head.set('Sledge-Forwarded', forwardedHeader({ args: [], environ: [] }));
    const asked = { timeout: 60_000, headers: head };
    const answer = await asking.request('sledge.node.one.invoke.acme.fib', '', asked);
    const { status, error } = outcomeOf(answer.headers) ?? {};
    expect([status, error?.code, error?.httpStatus]).toEqual([
      'failed',
      'SLEDGE_ERR_NATS_ANSWER',
      502,
    ]);
    await asking.close();
  });

  test('a request that makes no sense is answered, and the node lives on', async () => {
    await node('one');
    const client = open();
    const args = Array.from({ length: 300 }, () => 'x');
    const call = client.invoke('acme', 'fib', undefined, { args });
    await expect(call).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_REQUEST' });
    expect((await invoke(client, 'x')).output.toString()).toBe('did x');
  });
});

test('a node starts without NATS, serves when it comes, and again after its restart', async () => {
  const nats = await NatsServer.start();
  await nats.kill();
  const node = await startNode({ servers: [nats.url] });
  const client = NatsClient.open({ servers: [nats.url], reconnectWaitMs: 20 });
  try {
    expect(node.transport.listeners()).toMatchObject([{ tenant: 'acme', state: 'connecting' }]);
    const early = client.invoke('acme', 'fib', undefined, { deadlineMs: 50 });
    await expect(early).rejects.toMatchObject({ code: 'SLEDGE_ERR_NATS_CONNECT' });
    await nats.start();
    await node.connected();
    expect(node.transport.listeners()[0]).not.toHaveProperty('state');
    await client.invoke('acme', 'fib');
    let outcomes = 0;
    const calls = Array.from({ length: 200 }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, at));
      const call = client.invoke('acme', 'fib', undefined, { deadlineMs: 1_000 });
      await call.catch(() => undefined).finally(() => (outcomes += 1));
    });
    await nats.kill();
    await nats.start();
    await Promise.all(calls);
    expect(outcomes).toBe(200);
    await node.connected();
    expect((await client.invoke('acme', 'fib', Buffer.from('x'))).output.toString()).toBe('did x');
  } finally {
    await client.close();
    await node.transport.stop();
    await nats.stop();
  }
});
