import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { SledgeError } from '@sledge/core';
import { NatsClient } from '@sledge/client-nats';
import { NatsServer } from '../../../test/support/nats-server';
import { output, startNode, tenantOf, until, type Running } from './harness';

const trap = new SledgeError('SLEDGE_ERR_INVOKE_TRAPPED', { trap: 'unreachable' });
const ACK_WAIT_MS = 1_200;
const trapped = { status: 'trapped', error: trap } as const;

describe('durable work over NATS', () => {
  let nats: NatsServer;
  let client: NatsClient;
  let watcher: NatsConnection;
  const running: Running[] = [];
  const told: { subject: string; text: string }[] = [];

  beforeAll(async () => {
    nats = await NatsServer.start();
    client = NatsClient.open({ servers: [nats.url], reconnectWaitMs: 20 });
    watcher = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
    const callback = (_: unknown, message: { subject: string; string(): string }) =>
      void told.push({ subject: message.subject, text: message.string() });
    watcher.subscribe('sledge.result.>', { callback });
    await watcher.flush();
  });
  afterAll(async () => {
    await client.close();
    await watcher.close();
    await nats.stop();
  });
  afterEach(async () => {
    for (const { transport } of running.splice(0)) await transport.stop();
    const { streams } = await jetstreamManager(watcher);
    for (const name of ['WORK', 'RESULTS', 'DEAD']) await streams.delete(`SLEDGE_${name}_acme`);
    told.length = 0;
  });

  async function node(name: string, durable: object = {}, functions = ['fib']) {
    // nothing is given to another node but what a test gives: machines are busy now and then
    const fast = { backoffMs: 10, ackWaitMs: 30_000, storage: 'memory', ...durable };
    const options = { servers: [nats.url], node: name, durable: fast };
    const started = await startNode(options, [tenantOf('acme', ...functions)]);
    running.push(started);
    await started.connected();
    const { streams } = await jetstreamManager(watcher);
    // the last that is made
    const isThere = () => streams.info('SLEDGE_DEAD_acme').then(() => true);
    await until(() => isThere().catch(() => false));
    return started;
  }

  const submit = (body: string, id?: string) =>
    client.submit('acme', 'fib', Buffer.from(body), id === undefined ? {} : { id });
  const waiting = async () => {
    const { streams } = await jetstreamManager(watcher);
    return (await streams.info('SLEDGE_WORK_acme')).state.messages;
  };

  test('work is done once, its result told once, and kept for who asks later', async () => {
    const { invoker } = await node('one');
    const first = await submit('a', 'job-1');
    const again = await submit('a', 'job-1');
    expect([first.isDuplicate, again.isDuplicate]).toEqual([false, true]);
    expect((await first.result()).output.toString()).toBe('did a');
    expect(await again.result()).toMatchObject({ node: 'one', attempts: 1 });
    expect((await client.result('acme', 'job-1')).output.toString()).toBe('did a');
    expect(invoker.calls).toHaveLength(1);
    await until(async () => (await waiting()) === 0);
    await watcher.flush();
    expect(told).toEqual([{ subject: 'sledge.result.acme.job-1', text: 'did a' }]);
  });

  test('an id may hold any characters, and its result is found by it', async () => {
    await node('one');
    const ids = ['order.7', 'order:7', 'user@x', 'a/b', 'a b', '100%', 'a%2Fb', "it's *>!", 'ü'];
    const works = await Promise.all(ids.map((id) => submit(id, id)));
    expect(works.map(({ id }) => id)).toEqual(ids);
    for (const work of works)
      expect((await work.result()).output.toString()).toBe(`did ${work.id}`);
    const again = await Promise.all(ids.map((id) => client.result('acme', id)));
    expect(again.map((answer) => answer.output.toString())).toEqual(ids.map((id) => `did ${id}`));
  });

  test.each([
    ['as a token', 'a%2Fb%21', 'a%2Fb%21'],
    ['as it is', 'a/b c!', 'a%2Fb%20c%21'],
    ['with a % of its own', '100%', '100%25'],
  ])('whoever is no client of ours names its work %s', async (_, id, token) => {
    await node('one');
    const head = headers();
    head.set('Nats-Msg-Id', id);
    await jetstream(watcher).publish('sledge.submit.acme.fib', 'x', { headers: head });
    await until(() => told.length === 1);
    expect(told).toEqual([{ subject: `sledge.result.acme.${token}`, text: 'did x' }]);
  });

  test('what is refused has not failed: it goes back, and is done when there is room', async () => {
    const { invoker, stats } = await node('one', { maxAttempts: 1, backoffMaxMs: 20 });
    invoker.refuse = new SledgeError('SLEDGE_ERR_PLACEMENT_REFUSED', { placement: 'p' });
    const work = await submit('x');
    await until(() => stats()['jobs_returned'] === 1);
    invoker.refuse = undefined;
    expect((await work.result()).output.toString()).toBe('did x');
    expect(stats()).toMatchObject({ jobs_dead: 0, jobs_completed: 1 });
  });

  test('work for what a node has not is of others: it goes back until one has it', async () => {
    const few = { maxAttempts: 1, maxReturns: 10_000, backoffMs: 1 };
    const without = await node('one', few, ['other']);
    const [early, late] = await Promise.all([submit('early'), submit('late')]);
    await until(() => (without.stats()['jobs_returned'] ?? 0) >= 6);
    await node('two', few);
    const answers = await Promise.all([early.result(), late.result()]);
    expect(answers.map((answer) => answer.output.toString())).toEqual(['did early', 'did late']);
    expect(without.stats()).toMatchObject({ jobs_dead: 0, jobs_retried: 0 });
  });

  test('a module that is just built again is no failure of the work', async () => {
    const { invoker, stats } = await node('one', { maxAttempts: 1 });
    const error = new SledgeError('SLEDGE_ERR_INVOKE_MODULE');
    invoker.answer = () =>
      invoker.calls.length < 3 ? { status: 'failed', error } : output('built');
    expect((await (await submit('x')).result()).output.toString()).toBe('built');
    expect(stats()).toMatchObject({ jobs_returned: 2, jobs_dead: 0, jobs_retried: 0 });
  });

  test('what no node has is a dead letter in the end, which says so', async () => {
    const { stats } = await node('one', { maxAttempts: 1, maxReturns: 2 }, ['other']);
    const work = await submit('x');
    await expect(work.result()).rejects.toMatchObject({
      code: 'SLEDGE_ERR_INVOKE_UNKNOWN',
      answer: { attempts: 3 },
    });
    await until(() => stats()['jobs_dead'] === 1);
    expect(stats()).toMatchObject({ jobs_returned: 2 });
  });

  test('a node that has no function of a tenant yet leaves its work to others', async () => {
    const fresh = await node('one', {}, []);
    const works = await Promise.all(Array.from({ length: 4 }, (_, at) => submit(`${at}`)));
    await new Promise((resolve) => setTimeout(resolve, 50)); // to take some, if it did so
    fresh.change([tenantOf('acme', 'fib')]);
    for (const work of works) expect(await work.result()).toMatchObject({ attempts: 1 });
  });

  test('a tenant that goes while its work is refused ends, and gives it back', async () => {
    const { invoker, stats, change } = await node('one');
    invoker.refuse = new SledgeError('SLEDGE_ERR_INVOKE_FUNCTION_GONE', { name: 'acme/fib' });
    await submit('x');
    await until(() => stats()['jobs_in_flight'] === 1);
    change([]);
    await until(() => stats()['jobs_returned'] === 1);
  });

  test('a failure is tried again, later each time, and then its result is told', async () => {
    const { invoker, stats } = await node('one');
    invoker.answer = () => (invoker.calls.length < 3 ? trapped : output('at last'));
    const answer = await (await submit('x')).result();
    expect(answer).toMatchObject({ attempts: 3 });
    expect(answer.output.toString()).toBe('at last');
    expect(stats()).toMatchObject({ jobs_retried: 2, jobs_completed: 1, jobs_dead: 0 });
  });

  test('what fails each time is a dead letter with what was sent; its error is told', async () => {
    const { invoker, stats } = await node('one', { maxAttempts: 3 });
    invoker.answer = () => trapped;
    const work = await submit('poison');
    await expect(work.result()).rejects.toMatchObject({ code: 'SLEDGE_ERR_INVOKE_TRAPPED' });
    expect(invoker.calls).toHaveLength(3);
    const manager = await jetstreamManager(watcher);
    const query = { last_by_subj: 'sledge.dead.acme.fib' };
    const letter = await manager.streams.getMessage('SLEDGE_DEAD_acme', query);
    expect(letter?.string()).toBe('poison');
    expect(letter?.header.get('Sledge-Error')).toBe('SLEDGE_ERR_INVOKE_TRAPPED');
    expect(letter?.header.get('Sledge-Attempts')).toBe('3');
    expect(stats()).toMatchObject({ jobs_dead: 1 });
    await until(async () => (await waiting()) === 0);
    await watcher.flush();
    expect(told).toHaveLength(1);
  });

  test('work whose answer is too long for NATS is a dead letter, and not done again', async () => {
    const { invoker, stats } = await node('one');
    invoker.answer = () => output('x'.repeat(1_048_577));
    const work = await submit('long');
    const error = { code: 'SLEDGE_ERR_NATS_ANSWER', answer: { attempts: 1 } };
    await expect(work.result()).rejects.toMatchObject(error);
    await until(() => stats()['jobs_dead'] === 1);
    expect(stats()).toMatchObject({ jobs: 1, jobs_completed: 0 });
  });

  test('no header and no length of what is sent keeps it from becoming a dead letter', async () => {
    const { invoker, stats } = await node('one', { maxAttempts: 1 });
    invoker.answer = () => trapped;
    const subject = 'sledge.submit.acme.fib';
    const head = headers();
    head.set('Nats-Msg-Id', 'odd');
    head.set('Nats-Expected-Stream', 'SLEDGE_WORK_acme');
    head.set('X-Own', 'kept');
    const longest = 'x'.repeat(1_048_576 - 200);
    await jetstream(watcher).publish(subject, longest, { headers: head });
    await until(() => stats()['jobs_dead'] === 1);
    const wrong = headers();
    wrong.set('Sledge-Deadline-Us', 'never');
    await jetstream(watcher).publish('sledge.submit.acme.fib', 'y', { headers: wrong });
    await until(() => stats()['jobs_dead'] === 2);
    expect(invoker.calls).toHaveLength(1);
    const { streams } = await jetstreamManager(watcher);
    const letter = await streams.getMessage('SLEDGE_DEAD_acme', { seq: 1 });
    expect(letter?.header.get('X-Own')).toBe('kept');
    expect(letter?.header.get('Sledge-Cut-Bytes')).toBe(String(longest.length));
    await until(async () => (await waiting()) === 0);
  });

  test('no more is taken than there are places; what has no room here waits for it', async () => {
    const { invoker, stats } = await node('one', { maxInFlight: 4, maxAttempts: 1 });
    invoker.answer = undefined;
    const works = await Promise.all(Array.from({ length: 12 }, (_, at) => submit(`${at}`)));
    await until(() => invoker.calls.length === 4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stats()).toMatchObject({ jobs_in_flight: 4 });
    invoker.refuse = new SledgeError('SLEDGE_ERR_INVOKE_QUEUE_FULL');
    for (const call of invoker.calls) call.end();
    await until(() => stats()['jobs'] === 8);
    invoker.refuse = undefined;
    invoker.answer = () => output('done');
    for (const work of works) await work.result();
    expect(stats()).toMatchObject({ jobs_completed: 12, jobs_dead: 0 });
  });

  test('a job that runs for longer than an acknowledgement may take stays here', async () => {
    const ackWaitMs = ACK_WAIT_MS;
    const [one, two] = [await node('one', { ackWaitMs }), await node('two', { ackWaitMs })];
    let beatsMs: number[] = [];
    const callback = (_: unknown, message: { string(): string }) => {
      if (message.string() === '+WPI') beatsMs.push(performance.now());
    };
    const acks = watcher.subscribe('$JS.ACK.>', { callback });
    const calls = () => [...one.invoker.calls, ...two.invoker.calls];
    for (let attempt = 0; ; attempt += 1) {
      for (const { invoker } of [one, two]) invoker.answer = undefined;
      const before = calls();
      beatsMs = [performance.now()];
      const work = await submit(`long-${attempt}`);
      // each comes after a third of that time
      await until(() => beatsMs.length > 4);
      const began = calls().filter((call) => !before.includes(call));
      const waitsMs = beatsMs.slice(1).map((ms, at) => ms - (beatsMs[at] ?? 0));
      for (const { invoker } of [one, two]) invoker.answer = () => output('done');
      for (const call of began) call.end(output('done'));
      const { attempts } = await work.result();
      // a machine that stood still said nothing, and then it is right to give it to another
      if (attempts !== 1 && Math.max(...waitsMs) > 0.75 * ACK_WAIT_MS) continue;
      expect([began.length, attempts]).toEqual([1, 1]);
      break;
    }
    acks.unsubscribe();
  });

  test('a drain gives back what has not ended, and another node does it', async () => {
    const one = await node('one');
    one.invoker.answer = undefined;
    const works = await Promise.all(Array.from({ length: 8 }, (_, at) => submit(`${at}`)));
    await until(() => one.invoker.calls.length === 8);
    const two = await node('two');
    const drained = one.transport.drain();
    const cancelled = new SledgeError('SLEDGE_ERR_INVOKE_CANCELLED');
    one.invoker.calls.forEach((call, at) =>
      call.end(at % 2 === 0 ? output('done') : { status: 'cancelled', error: cancelled }),
    );
    await drained;
    await Promise.all(works.map((work) => work.result()));
    expect(two.invoker.calls).toHaveLength(4);
    await until(() => told.length >= 8);
    expect(told).toHaveLength(8);
  });

  test('a restart of NATS loses nothing that it had taken', async () => {
    const { invoker } = await node('one', { storage: 'file', ackWaitMs: 600 });
    invoker.answer = () => undefined;
    const works = await Promise.all(Array.from({ length: 10 }, (_, at) => submit(`${at}`)));
    // on a busy machine one may be given to it again
    await until(() => new Set(invoker.calls.map(({ input }) => input)).size === 10);
    await nats.kill();
    for (const call of invoker.calls) call.end(output('done'));
    invoker.answer = () => output('done');
    await nats.start();
    const ids = works.map(({ id }) => client.result('acme', id));
    for (const answer of await Promise.all(ids)) expect(answer.output.toString()).toBe('done');
    expect(new Set(told.map(({ subject }) => subject)).size).toBe(told.length);
  });
});
