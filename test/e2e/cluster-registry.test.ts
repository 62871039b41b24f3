/** Real servers and a real nats-server: what is deployed on the cluster reaches every node. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { main } from '@sledge/cli';
import type { SledgeError } from '@sledge/core';
import { NatsClient } from '@sledge/client-nats';
import { NatsServer } from '../support/nats-server';
import { answering, Node } from './cluster-nodes';
import { root, Server } from './server';
import { until } from './versions';

const LIMIT_MS = 300_000;
const isLong = process.env.SLEDGE_TEST_LONG === '1';
const longTest = isLong ? test : test.skip;
/** Of a node while it converges. */
const KILLS = 30;

if (!isLong)
  console.log(
    `without ${KILLS} kills, a name twice, and a node that cannot build (SLEDGE_TEST_LONG)`,
  );

let nats: NatsServer;
let a: Node;
let b: Node;

beforeAll(async () => {
  nats = await NatsServer.start();
  [a, b] = await Promise.all([Node.start('a', nats), Node.start('b', nats)]);
  await until(async () => (await a.nodes()).length === 2);
}, LIMIT_MS);
afterAll(async () => {
  await Server.stopAll();
  await nats.stop();
});

const both = async (): Promise<string> => `${await a.text()} ${await b.text()}`;

/** Every command for the whole cluster says why it cannot, and nothing of it is done. */
async function refusedWhileAway(): Promise<void> {
  const file = path.join(nats.folder, 'away.wasm');
  writeFileSync(file, answering('half'));
  const commands = [
    ['deploy', file, '--tenant', 'test', '--function', 'f', '--cluster'],
    ['rollback', 'f', '--tenant', 'test', '--cluster'],
    ['split', 'f', '--tenant', 'test', '--cluster', '1=50', '2=50'],
    ['undeploy', 'f', '--tenant', 'test', '--cluster'],
    ['tenants', 'set', 'beta', '--cluster'],
    ['policy', 'set', 'scheduler', 'edf', '--cluster'],
    ['nodes'],
    ['drain', 'b'],
  ];
  const before = await Promise.all([a.text(), a.ask('GET', '/tenants')]);
  for (const command of commands) {
    const said: string[] = [];
    const err = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said.push(String(text));
      return true;
    });
    await main([...command, '--socket', a.server.control]);
    err.mockRestore();
    const { exitCode } = process;
    process.exitCode = undefined;
    expect([command[0], exitCode, said.join('')]).toEqual([
      command[0],
      1,
      expect.stringContaining('SLEDGE_ERR_CLUSTER_AWAY') as string,
    ]);
  }
  expect(await Promise.all([a.text(), a.ask('GET', '/tenants')])).toEqual(before);
}

/** What is answered from now until the other has ended. */
async function untilEnded<Of>(ask: () => Promise<Of>, other: Promise<void>): Promise<Set<Of>> {
  const answers = new Set<Of>();
  let isOver = false;
  void other.finally(() => (isOver = true));
  while (!isOver) answers.add(await ask());
  await other;
  return answers;
}

/** To the engine itself, past everything that Sledge checks. */
async function inNats(work: (connection: NatsConnection) => Promise<void>): Promise<void> {
  const connection = await connect({ servers: nats.url });
  await work(connection).finally(() => connection.close());
}

test(
  'sledge deploy --cluster ends when both nodes answer the new version',
  async () => {
    expect(await both()).toBe('v0 v0');
    const file = path.join(nats.folder, 'f.wasm');
    writeFileSync(file, answering('v1'));
    const place = ['--socket', a.server.control];
    const said: string[] = [];
    const out = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said.push(String(text));
      return true;
    });
    await main(['deploy', file, '--tenant', 'test', '--function', 'f', '--cluster', ...place]);
    expect(await both()).toBe('v1 v1');
    const nodesOf = async () => {
      const from = said.length;
      await main(['nodes', ...place]);
      return said.slice(from).join('');
    };
    // on a busy machine a heartbeat may be late, or tell of the requests above
    const row = /^b +serving +\d\.\d s ago +0\.1\.0 +1 +0 on 1 +- /m;
    await until(async () => row.test(await nodesOf()));
    out.mockRestore();
    expect(said.join('')).toMatch(/^a +converged/m);
    expect(said.join('')).toMatch(/^b +converged/m);
  },
  LIMIT_MS,
);

test(
  'two deployments at once both get a version, and all nodes serve the later one',
  async () => {
    const answers = await Promise.all([a.deploy('v2'), b.deploy('good')]);
    const versions = answers.map(({ function: fn }) => fn?.version);
    expect([...versions].sort()).toEqual([2, 3]);
    const later = versions[0] === 3 ? 'v2' : 'good';
    await until(async () => (await both()) === `${later} ${later}`);
    await a.ask('POST', '/cluster/tenants/test/functions/f/rollback', {});
    const earlier = later === 'v2' ? 'good' : 'v2';
    expect(await both()).toBe(`${earlier} ${earlier}`);
  },
  LIMIT_MS,
);

test(
  'what is of the cluster is not changed on one server alone',
  async () => {
    const alone = a.ask('POST', '/tenants/test/functions/f/rollback', {});
    await expect(alone).rejects.toMatchObject({ code: 'SLEDGE_ERR_CLUSTER_OWNED' });
  },
  LIMIT_MS,
);

/** Of WebAssembly: nothing; `_start` with an import that no host has. */
const WITHOUT_ENTRY = Buffer.from('0061736d01000000', 'hex');
const FOREIGN = Buffer.from(
  '0061736d01000000010401600000020b0103656e7603666f6' +
    'f000003020100070a01065f737461727400010a040102000b',
  'hex',
);

test(
  'what no node could take is refused where it is asked, and changes nothing',
  async () => {
    const { revision } = await a.registry();
    const versions = '/cluster/tenants/test/functions/f/versions';
    const codeOf = async (asked: Promise<unknown>) =>
      asked.then(String, ({ code }: SledgeError) => code as string);
    const set = (choice: unknown, more: object = {}) =>
      codeOf(a.ask('PUT', '/cluster/policies', { kind: 'scheduler', choice, ...more }));
    expect([
      await codeOf(a.ask('POST', versions, WITHOUT_ENTRY)),
      await codeOf(a.ask('POST', versions, FOREIGN)),
      await set('nope'),
      await set(['edf', { bogus: 1 }]),
      await set('edf', { group: 'none' }),
    ]).toEqual([
      'SLEDGE_ERR_MODULE_ENTRY',
      'SLEDGE_ERR_MODULE_IMPORT',
      'SLEDGE_ERR_PLUGIN_NOT_FOUND',
      'SLEDGE_ERR_PLUGIN_OPTIONS',
      'SLEDGE_ERR_CONFIG_GROUP',
    ]);
    expect(await a.registry()).toMatchObject({ revision, failures: [] });
  },
  LIMIT_MS,
);

test(
  'a damaged module and a damaged entry are told, and what served before serves on',
  async () => {
    const before = await both();
    const wasm = answering('lost');
    const hash = createHash('sha256').update(wasm).digest('hex');
    await inNats(async (connection) => {
      const modules = await new Objm(jetstream(connection)).open('sledge-modules');
      await modules.putBlob({ name: hash }, answering('evil'));
      const entries = await new Kvm(jetstream(connection)).open('sledge-registry');
      const entry = await entries.get('function.test.f');
      const state = entry?.json<{ versions: { hash: string }[]; current: number }>();
      for (const version of state?.versions ?? []) version.hash = hash;
      await entries.put('function.test.f', JSON.stringify(state));
      await entries.put('tenant.hostile', '{"name": "other", "settings": {}}');
      await entries.put('function.test.g', '['.repeat(100_000));
    });
    await until(async () => (await b.nodes()).every(({ failed }) => failed === 3));
    const [{ failures = [] } = {}] = await a.nodes();
    const codes = Object.fromEntries(failures.map(({ key, code }) => [key, code]));
    expect(codes).toEqual({
      'function.test.f': 'SLEDGE_ERR_CLUSTER_MODULE',
      'function.test.g': 'SLEDGE_ERR_CLUSTER_ENTRY',
      'tenant.hostile': 'SLEDGE_ERR_CLUSTER_ENTRY',
    });
    expect(await both()).toBe(before);
    // as the message says
    await a.deploy('v1');
    expect(await both()).toBe('v1 v1');
  },
  LIMIT_MS,
);

test(
  'a node that was away comes to the newest version, and is drained if it was before',
  async () => {
    await a.ask('PUT', '/cluster/nodes/b', { isTaking: false });
    await b.stop();
    await a.deploy('v2');
    await nats.kill();
    expect(await a.text()).toBe('v2');
    const state = async (): Promise<string> => (await a.registry()).state;
    await until(async () => (await state()) === 'away');
    await refusedWhileAway();
    await b.start();
    expect(await b.text()).toBe('v1');
    const client = NatsClient.open({ servers: [nats.url] });
    const patient = { deadlineMs: 30_000 };
    const stateOfB = async () => (await a.nodes()).find(({ node }) => node === 'b')?.state;
    await nats.start();
    // links come back in their time
    const isAway = ({ code }: SledgeError) => code === 'SLEDGE_ERR_NATS_NO_NODE';
    const ask = async () => (await client.invoke('test', 'f', undefined, patient)).node;
    const askedNodes = untilEnded(
      () => ask().catch((error: SledgeError) => (isAway(error) ? 'a' : String(error))),
      until(async () => (await stateOfB()) === 'drained'),
    );
    await until(async () => (await state()) === 'connected');
    await a.deploy('good');
    await until(async () => (await b.text()) === 'good');
    expect(await both()).toBe('good good');
    expect(await askedNodes).toEqual(new Set(['a']));
    await client.close();
    await a.ask('PUT', '/cluster/nodes/b', { isTaking: true });
  },
  LIMIT_MS,
);

test(
  'a node that is drained ends what it has, and serves who asks it alone',
  async () => {
    const client = NatsClient.open({ servers: [nats.url] });
    const calls = async (): Promise<string> => {
      const all = Array.from({ length: 30 }, () => client.invoke('test', 'f'));
      return [...new Set((await Promise.all(all)).map(({ node }) => node))].sort().join(' ');
    };
    // links of the nodes come back in their time after the restart above
    await until(async () => (await calls().catch(String)) === 'a b');
    const during = Array.from({ length: 20 }, calls);
    await a.ask('PUT', '/cluster/nodes/b', { isTaking: false });
    expect((await Promise.all(during)).join(' ')).toContain('b');
    expect(await calls()).toBe('a');
    const stateOfB = async () => (await a.nodes()).find(({ node }) => node === 'b')?.state;
    expect(await stateOfB()).toBe('drained');
    expect(await b.text()).toBe('good');
    await a.ask('PUT', '/cluster/nodes/b', { isTaking: true });
    expect(await stateOfB()).toBe('serving');
    await until(async () => (await calls()) === 'a b');
    await client.close();
    const unknown = a.ask('PUT', '/cluster/nodes/c', { isTaking: true });
    await expect(unknown).rejects.toMatchObject({ code: 'SLEDGE_ERR_CLUSTER_NODE' });
  },
  LIMIT_MS,
);

test(
  'a bucket that somebody purges costs no node what it serves, and takes the next deployment',
  async () => {
    const before = await both();
    await inNats(async (connection) => {
      const { streams } = await jetstreamManager(connection);
      await streams.purge('KV_sledge-registry');
    });
    expect(await both()).toBe(before);
    const { function: fn } = await b.deploy('anew');
    expect(fn?.version).toBe(1);
    expect(await both()).toBe('anew anew');
  },
  LIMIT_MS,
);

longTest(
  `a node that is killed while it converges has the old version or the new one (${KILLS} times)`,
  async () => {
    let before = await a.text();
    for (let turn = 0; turn < KILLS; turn += 1) {
      const next = `k${turn}`;
      const deployed = a.deploy(next, 'f', 'waitMs=0');
      await new Promise((resolve) => setTimeout(resolve, (turn * 7) % 200));
      await b.stop('SIGKILL');
      await deployed;
      await nats.kill();
      await b.start();
      expect([before, next]).toContain(await b.text());
      await nats.start();
      await until(async () => (await a.registry()).state === 'connected');
      await until(async () => (await both()) === `${next} ${next}`);
      before = next;
    }
  },
  LIMIT_MS * KILLS,
);

longTest(
  'two servers of one name say so',
  async () => {
    const twin = await Node.start('b', nats);
    await until(() => twin.server.log.includes('another server is the node b too'));
    await twin.stop();
  },
  LIMIT_MS,
);

longTest(
  'what one node cannot build is told there, and the other one serves it',
  async () => {
    await b.stop();
    const c = await Node.start('c', nats, { deploy: { moduleBytes: 1024 } });
    await until(async () => (await a.nodes()).some(({ node }) => node === 'c'));
    const wasm = readFileSync(path.join(root, 'functions/fibonacci.wasm'));
    const at = '/cluster/tenants/test/functions/f/versions';
    const answer = (await a.ask('POST', at, wasm)) as { nodes: { node: string; state: string }[] };
    const states = Object.fromEntries(answer.nodes.map(({ node, state }) => [node, state]));
    expect(states).toMatchObject({ a: 'converged', c: 'failed' });
    expect(await c.text()).not.toBe(await a.text('/f?5'));
    await a.ask('DELETE', '/cluster/tenants/test/functions/f');
    await until(async () => `${await a.text()} ${await c.text()}` === 'v0 v0');
  },
  LIMIT_MS,
);
