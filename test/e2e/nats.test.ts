import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NatsClient } from '@sledge/client-nats';
import { NatsServer } from '../support/nats-server';
import { configOf, root, Server } from './server';
import { until } from './versions';

const IS_LONG = process.env.SLEDGE_TEST_LONG === '1';
const JOBS = IS_LONG ? 10_000 : 80;
const KILLS = IS_LONG ? 10 : 1;
if (!IS_LONG) console.log(`${JOBS} jobs, ${KILLS} kill; SLEDGE_TEST_LONG=1 for 10,000 and 10`);

let nats: NatsServer;
let client: NatsClient;
let watcher: NatsConnection;

beforeAll(async () => {
  nats = await NatsServer.start();
  client = NatsClient.open({ servers: [nats.url], reconnectWaitMs: 20 });
  watcher = await connect({ servers: nats.url });
});
afterAll(async () => {
  await client.close();
  await watcher.close();
  await Server.stopAll();
  await nats.stop();
});

function node(name: string): Promise<Server> {
  const durable = { ackWaitMs: 1_000, maxAttempts: 100, maxInFlight: 8 };
  const transports = [['nats', { servers: [nats.url], node: name, durable, reconnectWaitMs: 20 }]];
  const arena = { slots: 16 };
  return Server.start({ config: configOf([{ name: 'fibonacci' }], { transports, arena }) });
}

const inTurn = async <T>(count: number, one: (at: number) => Promise<T>): Promise<T[]> => {
  const all: Promise<T>[] = [];
  for (let at = 0; at < count; at += 1) all.push(one(at));
  return Promise.all(all);
};

test('nodes are killed while they work: every job is done, each result told once', async () => {
  const told: string[] = [];
  const callback = (_: unknown, { subject }: { subject: string }) => void told.push(subject);
  watcher.subscribe('sledge.result.>', { callback });
  await watcher.flush();
  const nodes = await Promise.all([node('one'), node('two')]);
  const { streams } = await jetstreamManager(watcher);
  // the last that is made
  const isThere = () => streams.info('SLEDGE_DEAD_test').then(() => true);
  await until(() => isThere().catch(() => false));
  const works = await inTurn(JOBS, (at) =>
    client.submit('test', 'fibonacci', undefined, { id: `job-${at}`, args: ['24'] }),
  );
  for (let kill = 0; kill < KILLS; kill += 1) {
    const enough = ((kill + 0.5) * JOBS) / (KILLS + 1);
    while (told.length < enough) await new Promise((resolve) => setTimeout(resolve, 2));
    await nodes.shift()?.stop('SIGKILL');
    if (kill + 1 < KILLS) nodes.push(await node(`later-${kill}`));
  }
  const answers = await Promise.all(works.map((work) => work.result({ timeoutMs: 120_000 })));
  expect(new Set(answers.map(({ output }) => output.toString().trim()))).toEqual(
    new Set(['46368']),
  );
  await watcher.flush();
  expect(told).toHaveLength(JOBS);
  expect(new Set(told).size).toBe(JOBS);
  const last = await client.invoke('test', 'fibonacci', undefined, { args: ['10'] });
  expect(last.output.toString()).toContain('55');
});

(IS_LONG ? test : test.skip)('the cluster of examples/cluster does what it says', () => {
  const run = path.join(root, 'examples/cluster/run.mjs');
  const said = execFileSync(process.execPath, [run, '--once', '--loopback'], { encoding: 'utf8' });
  expect(said).toContain('12 of 12 durable jobs done');
  const mistyped = spawnSync(process.execPath, [run, '--bogus'], { encoding: 'utf8' });
  expect(mistyped.status).toBe(2);
  expect(mistyped.stderr).toMatch(/^Unknown option '--bogus'.*\nnode examples/);
});

const hasNamespaces =
  process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0 && IS_LONG;
(hasNamespaces ? test : test.skip)('it runs in namespaces, also after one that was killed', () => {
  execFileSync('ip', ['netns', 'add', 'sledge-cluster-0']);
  const run = path.join(root, 'examples/cluster/run.mjs');
  const said = execFileSync(process.execPath, [run, '--once', '--nodes', '1'], {
    encoding: 'utf8',
  });
  expect(said).toContain('12 of 12 durable jobs done');
});
