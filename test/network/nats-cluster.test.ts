/**
 * Three nodes and nats-server in network namespaces. At random a node is killed, a link cut, or
 * nats-server restarted, under load: every call has one outcome, every durable job is done, and no
 * result is told twice. SLEDGE_TEST_LONG=1 only; in the short run test/e2e/nats.test.ts kills one.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Namespaces } from '../support/namespaces';
import { NatsServer } from '../support/nats-server';

const isLong = process.env.SLEDGE_TEST_LONG === '1';
const SECONDS = Number(process.env.SLEDGE_TEST_CLUSTER_SECONDS ?? 120);
const root = path.join(__dirname, '../..');
const hosts = new Namespaces();
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-nats-cluster-'));

if (!isLong) console.log('skipped: faults of a cluster need SLEDGE_TEST_LONG=1, and root');

interface Node {
  readonly number: number;
  readonly namespace: string;
  process: ChildProcess;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Mulberry32: the faults of a run can be had again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function startProcess(number: number, namespace: string, port: number) {
  const [configFile, ready] = ['json', 'ready'].map((end) => path.join(folder, `${number}.${end}`));
  rmSync(ready as string, { force: true });
  const nats = {
    ...{ servers: [`nats://10.77.${number}.1:${port}`], node: `node-${number}` },
    ...{ reconnectWaitMs: 50, pingIntervalMs: 500 },
    durable: { ackWaitMs: 2_000, backoffMs: 50 },
  };
  const fib = path.join(root, 'functions/fibonacci.wasm');
  const config = {
    ...{ transports: [['nats', nats]], workers: { count: 1 }, arena: { slots: 16 } },
    build: { cacheDirectory: path.join(root, '.cache/e2e') },
    tenants: [{ name: 'acme', functions: [{ name: 'fib', path: fib }] }],
  };
  writeFileSync(configFile as string, JSON.stringify(config));
  const cli = path.join(root, 'cli/bin/sledge.js');
  const flags = ['start', '-c', configFile as string, '--ready-file', ready as string];
  const command = hosts.inside(namespace, process.execPath, cli, ...flags, '--no-control');
  const child = spawn(...command, { stdio: 'ignore' });
  while (!existsSync(ready as string)) {
    if (child.exitCode !== null) throw new Error(`node ${number} ended with ${child.exitCode}`);
    await pause(20);
  }
  return child;
}

async function kill(node: Node): Promise<void> {
  const exited = once(node.process, 'exit');
  node.process.kill('SIGKILL');
  await exited;
}

(isLong && Namespaces.possible ? describe : describe.skip)('a cluster under faults', () => {
  let nats: NatsServer;
  let hub: string;
  const nodes: Node[] = [];

  beforeAll(async () => {
    hub = hosts.add();
    nats = await NatsServer.start('', '0.0.0.0', ['ip', 'netns', 'exec', hub]);
    for (let number = 1; number <= 3; number += 1) {
      const namespace = hosts.add();
      const inHub = { namespace: hub, name: `to${number}`, address: `10.77.${number}.1` };
      hosts.link(inHub, { namespace, name: 'eth0', address: `10.77.${number}.2` });
      const process = await startProcess(number, namespace, nats.port);
      nodes.push({ number, namespace, process });
    }
  }, 120_000);

  afterAll(async () => {
    for (const node of nodes) if (node.process.exitCode === null) await kill(node);
    await nats.stop();
    hosts.removeAll();
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'every call has one outcome, every job is done, no result is told twice',
    async () => {
      const script = path.join(__dirname, 'nats-load.cjs');
      const url = `nats://127.0.0.1:${nats.port}`;
      const load = hosts.inside(hub, process.execPath, script, url, String(SECONDS));
      const client = spawn(...load, { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      client.stdout.on('data', (text: Buffer) => (said += text.toString()));
      const ended = once(client, 'exit');
      const random = randomOf(20_261_126);
      const endMs = Date.now() + SECONDS * 1_000;
      const faults = { killed: 0, cut: 0, restarted: 0 };
      while (Date.now() < endMs) {
        const node = nodes[Math.floor(random() * nodes.length)] as Node;
        const which = random();
        if (which < 0.45) {
          await kill(node);
          await pause(500 + 1_000 * random());
          node.process = await startProcess(node.number, node.namespace, nats.port);
          faults.killed += 1;
        } else if (which < 0.8) {
          setLink(node, 'down');
          await pause(1_000 + 2_000 * random());
          setLink(node, 'up');
          faults.cut += 1;
        } else {
          await nats.kill();
          await pause(500 * random());
          await nats.start();
          faults.restarted += 1;
        }
        await pause(1_000);
      }
      await ended;
      const counts = JSON.parse(said) as Record<string, number> & { errors: object };
      console.log(JSON.stringify({ ...faults, ...counts }));
      const errors = Object.values(counts.errors as Record<string, number>);
      const failed = errors.reduce((sum, count) => sum + count, 0);
      expect((counts.answers ?? 0) + failed).toBe(counts.calls);
      expect(counts.answers).toBeGreaterThan(0);
      expect(counts).toMatchObject({ results: counts.submitted, wrong: 0, toldTwice: 0 });
    },
    (SECONDS + 300) * 1_000,
  );
});

function setLink({ namespace }: Node, state: 'up' | 'down'): void {
  execFileSync('ip', ['-n', namespace, 'link', 'set', 'eth0', state]);
}
