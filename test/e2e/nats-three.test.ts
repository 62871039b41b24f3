/**
 * Three nats-servers with three replicas of everything. In the long run they are killed in turn
 * under load, those that lead included: registry, calls and durable work go on with the others.
 */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { NatsClient } from '@sledge/client-nats';
import { createLogger } from '@sledge/core/host';
import { NatsRegistry } from '../../plugins/registry-nats/src/nats-registry';
import { registryOptions } from '../../plugins/registry-nats/src/options';
import { output, startNode, type Running } from '../../plugins/transport-nats/test/harness';
import { NatsCluster } from '../support/nats-cluster';

const IS_LONG = process.env.SLEDGE_TEST_LONG === '1';
const KILLS = IS_LONG ? 9 : 0;
const JOBS_EACH = 100;
/** What two of three servers had in memory only is lost with them. */
const STORAGE = IS_LONG ? 'file' : 'memory';
if (!IS_LONG) console.log('no nats-server is killed; SLEDGE_TEST_LONG=1 for 9 kills');
const STREAMS = ['SLEDGE_WORK_acme', 'SLEDGE_RESULTS_acme', 'KV_sledge-registry'];
const NOBODY = 'nats://127.0.0.1:1';

let cluster: NatsCluster;
let client: NatsClient;
let watcher: NatsConnection;
const nodes: Running[] = [];
const registries: NatsRegistry[] = [];
const told: string[] = [];
/** By the name of a registry's node: what it has seen of each key. */
const seen = new Map<string, Map<string, string | undefined>>();

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

async function addNode(node: string, servers: string[]): Promise<void> {
  const durable = { replicas: 3, ackWaitMs: 1_000, backoffMs: 10, storage: STORAGE };
  const running = await startNode({ servers, node, durable });
  running.invoker.answer = ({ input }) => output(`did ${input}`);
  nodes.push(running);
  const small = { maxModulesBytes: 64 << 20, heartbeatMs: 200, reconnectWaitMs: 20 };
  const options = registryOptions.parse({ servers, node, replicas: 3, ...small });
  const registry = new NatsRegistry(options, {
    logger: createLogger({ level: 'silent', pretty: false }),
  });
  const known = new Map<string, string | undefined>();
  seen.set(node, known);
  registry.watch({
    onAll: (entries) => entries.forEach(({ key, value }) => known.set(key, value)),
    onChange: ({ key, value }) => void known.set(key, value),
    onState: () => undefined,
  });
  await registry.start();
  registries.push(registry);
}

beforeAll(async () => {
  cluster = await NatsCluster.start();
  const servers = [NOBODY, ...cluster.urls];
  client = NatsClient.open({ servers, reconnectWaitMs: 20 });
  watcher = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
  watcher.subscribe('sledge.result.>', { callback: (_, { subject }) => void told.push(subject) });
  await watcher.flush();
  await Promise.all([addNode('one', servers), addNode('two', [...servers].reverse())]);
  await until(() => registries.every((registry) => registry.state().state === 'connected'));
});
afterAll(async () => {
  await client.close();
  await watcher.close();
  for (const registry of registries) await registry.stop();
  for (const { transport } of nodes) await transport.stop();
  await cluster.stop();
});

const submit = async (id: string) => {
  for (;;) {
    const submitted = await client
      .submit('acme', 'fib', Buffer.from(id), { id })
      .catch(() => undefined);
    if (submitted !== undefined) return submitted;
    await pause(100);
  }
};

test('what a node makes has three replicas, whichever of its servers it reached', async () => {
  expect((await (await submit('first')).result()).output.toString()).toBe('did first');
  const { streams } = await jetstreamManager(watcher);
  for (const stream of [...STREAMS, 'KV_sledge-nodes', 'OBJ_sledge-modules']) {
    const { config, cluster: place } = await streams.info(stream);
    expect([config.num_replicas, place?.replicas?.length]).toEqual([3, 2]);
  }
  const [one, two] = registries as [NatsRegistry, NatsRegistry];
  const revision = await one.put('tenant.acme', '0', 0);
  await until(() => seen.get('two')?.get('tenant.acme') === '0');
  expect(await two.get('tenant.acme')).toMatchObject({ revision, value: '0' });
});

async function load(turn: number, isOver: () => boolean) {
  const counts = { calls: 0, outcomes: 0, answers: 0 };
  const ids: string[] = [];
  const calls = async (): Promise<void> => {
    while (!isOver()) {
      counts.calls += 1;
      const called = client.invoke('acme', 'fib', Buffer.from('call'), { deadlineMs: 1_000 });
      await called.then(
        () => (counts.answers += 1),
        () => undefined,
      );
      counts.outcomes += 1;
      await pause(5);
    }
  };
  const work = async (): Promise<void> => {
    for (let at = 0; at < JOBS_EACH; at += 1) {
      ids.push(`job-${turn}-${at}`);
      await submit(ids.at(-1) as string);
      await pause(10);
    }
  };
  await Promise.all([calls(), calls(), work()]);
  const results = ids.map((id) => client.result('acme', id, { timeoutMs: 120_000 }));
  const texts = (await Promise.all(results)).map((answer) => answer.output.toString());
  expect(texts).toEqual(ids.map((id) => `did ${id}`));
  expect(counts.outcomes).toBe(counts.calls);
  expect(counts.answers).toBeGreaterThan(0);
  return { ...counts, jobs: ids.length };
}

(IS_LONG ? test : test.skip)(
  `a nats-server is killed under load (${KILLS} times): the others go on`,
  async () => {
    const [one] = registries as [NatsRegistry];
    for (let turn = 0; turn < KILLS; turn += 1) {
      let isOver = false;
      const loaded = load(turn, () => isOver);
      await pause(200);
      const victim = await cluster.leaderOf(STREAMS[turn % STREAMS.length] as string);
      await victim?.kill();
      const killedMs = performance.now();
      let before = await one.get('tenant.acme').catch(() => undefined);
      for (; before === undefined; await pause(50))
        before = await one.get('tenant.acme').catch(() => undefined);
      const value = String(turn + 1);
      let stored: number | undefined;
      for (; stored === undefined; await pause(50)) {
        stored = await one.put('tenant.acme', value, before.revision).catch((error: unknown) => {
          if ((error as { code: string }).code === 'SLEDGE_ERR_CLUSTER_AWAY') return undefined;
          throw error;
        });
      }
      const storedMs = performance.now();
      await until(() => [...seen.values()].every((known) => known.get('tenant.acme') === value));
      const seenMs = performance.now();
      await until(() => registries.every((registry) => registry.state().state === 'connected'));
      isOver = true;
      const counts = await loaded;
      await victim?.start();
      await cluster.ready();
      const afterMs = { stored: storedMs - killedMs, seenByAll: seenMs - killedMs };
      console.log(JSON.stringify({ turn, ...counts, afterMs }));
    }
    await watcher.flush();
    expect(new Set(told).size).toBe(told.length);
    console.log(`${told.length} results told, none twice`);
  },
  KILLS * 180_000 + 1_000,
);

/** Until it is done: whoever is away is asked again. */
async function done<Of>(ask: () => Promise<Of>): Promise<Of> {
  for (; ; await pause(50)) {
    try {
      return await ask();
    } catch (error) {
      if (!/^SLEDGE_ERR_(NATS|CLUSTER)_/.test((error as { code?: string }).code ?? '')) throw error;
    }
  }
}

(IS_LONG ? test : test.skip)(
  'with two of three killed, calls go on; what is kept is refused or waits, and none is lost',
  async () => {
    const [one] = registries as [NatsRegistry];
    const { revision } = (await one.get('tenant.acme')) as { revision: number };
    const kept = await submit('kept');
    expect((await kept.result()).output.toString()).toBe('did kept');
    const victims = cluster.servers.slice(0, 2);
    for (const victim of victims) await victim.kill();
    const call = () => client.invoke('acme', 'fib', Buffer.from('alone'), { deadlineMs: 1_000 });
    expect((await done(call)).output.toString()).toBe('did alone');
    await expect(one.put('tenant.acme', 'alone', revision)).rejects.toMatchObject({
      code: 'SLEDGE_ERR_CLUSTER_AWAY',
    });
    let isSubmitted = false;
    const waiting = submit('waiting').finally(() => (isSubmitted = true));
    expect((await done(call)).output.toString()).toBe('did alone');
    expect(isSubmitted).toBe(false);
    for (const victim of victims) await victim.start();
    await cluster.ready();
    expect((await (await waiting).result()).output.toString()).toBe('did waiting');
    const again = await client.result('acme', 'kept', { timeoutMs: 120_000 });
    expect(again.output.toString()).toBe('did kept');
    const before = await done(() => one.get('tenant.acme'));
    await done(() => one.put('tenant.acme', 'together', before?.revision ?? 0));
    await until(() => [...seen.values()].every((known) => known.get('tenant.acme') === 'together'));
  },
  600_000,
);
