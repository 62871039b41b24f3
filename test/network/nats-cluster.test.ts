/**
 * Three nodes and nats-server in network namespaces. At random a node is killed, a link cut, or
 * nats-server restarted, under load, while versions are deployed: every call over NATS and every
 * request over HTTP that a placement has sent on has one outcome, every durable job is done, no
 * result is told twice, and all nodes come to the newest version. SLEDGE_TEST_LONG=1 only; in the
 * short run test/e2e/nats.test.ts, placement.test.ts and cluster-registry.test.ts have a bit each.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ClusterAnswer, FunctionReport } from '@sledge/core/host';
import { answering } from '../e2e/cluster-nodes';
import { Namespaces } from '../support/namespaces';
import { NatsServer } from '../support/nats-server';
import { ClusterNode } from './cluster-node';

const isLong = process.env.SLEDGE_TEST_LONG === '1';
const SECONDS = Number(process.env.SLEDGE_TEST_CLUSTER_SECONDS ?? 120);
const FUNCTION = '/tenants/web/functions/v';
const hosts = new Namespaces();
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-nats-cluster-'));

if (!isLong) console.log('skipped: faults of a cluster need SLEDGE_TEST_LONG=1, and root');

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

(isLong && Namespaces.possible ? describe : describe.skip)('a cluster under faults', () => {
  let nats: NatsServer;
  let hub: string;
  const nodes: ClusterNode[] = [];
  const placed = { forwarded: 0, failedOver: 0 };

  beforeAll(async () => {
    hub = hosts.add();
    nats = await NatsServer.start('', '0.0.0.0', ['ip', 'netns', 'exec', hub]);
    for (let number = 1; number <= 3; number += 1) {
      const namespace = hosts.add();
      const inHub = { namespace: hub, name: `to${number}`, address: `10.77.${number}.1` };
      hosts.link(inHub, { namespace, name: 'eth0', address: `10.77.${number}.2` });
      const node = new ClusterNode(number, { hosts, namespace, folder }, nats.port);
      await node.start();
      nodes.push(node);
    }
  }, 120_000);

  afterAll(async () => {
    for (const node of nodes) await node.kill();
    await nats.stop();
    hosts.removeAll();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Until the end of the load. */
  async function faults(random: () => number, endMs: number) {
    const counts = { killed: 0, cut: 0, restarted: 0 };
    while (Date.now() < endMs) {
      const node = nodes[Math.floor(random() * nodes.length)] as ClusterNode;
      const which = random();
      if (which < 0.45) {
        await notePlaced(node);
        await node.kill();
        await pause(500 + 1_000 * random());
        await node.start();
        counts.killed += 1;
      } else if (which < 0.8) {
        node.setLink('down');
        await pause(1_000 + 2_000 * random());
        node.setLink('up');
        counts.cut += 1;
      } else {
        await nats.kill();
        await pause(500 * random());
        await nats.start();
        counts.restarted += 1;
      }
      await pause(1_000);
    }
    return counts;
  }

  async function notePlaced(node: ClusterNode): Promise<void> {
    placed.forwarded += await node.placed('sledge_placement_forwarded_total');
    placed.failedOver += await node.placed('sledge_placement_failed_over_total');
  }

  const deploy = (node: ClusterNode, text: string, waitMs: number) =>
    node.ask('POST', `/cluster${FUNCTION}/versions?waitMs=${waitMs}`, answering(text)) as Promise<
      Required<ClusterAnswer>
    >;

  /** To any node, also one that is cut off or about to be killed. */
  async function deployments(endMs: number) {
    const counts = { deployed: 0, refused: 0 };
    for (let at = 0; Date.now() < endMs; at += 1) {
      const node = nodes[at % nodes.length] as ClusterNode;
      await deploy(node, `d${at}`, 0).then(
        () => (counts.deployed += 1),
        () => (counts.refused += 1),
      );
      await pause(1_500);
    }
    return counts;
  }

  /** How long it takes until all nodes serve what is deployed when all is well again. */
  async function converged(): Promise<number> {
    let last: Required<ClusterAnswer> | undefined;
    while (last === undefined) {
      last = await deploy(nodes[0] as ClusterNode, 'last', 0).catch(() => undefined);
    }
    const startMs = Date.now();
    const { version, hash } = last.function;
    const isThere = async (node: ClusterNode) => {
      const report = (await node.ask('GET', FUNCTION).catch(() => undefined)) as FunctionReport;
      return report?.version === version && report.hash === hash;
    };
    while (!(await Promise.all(nodes.map(isThere))).every(Boolean)) await pause(20);
    return Date.now() - startMs;
  }

  test(
    'calls have one outcome, jobs are done, no result is told twice, nodes converge',
    async () => {
      const script = path.join(__dirname, 'nats-load.cjs');
      const urls = nodes.map(({ url }) => url);
      const nodeArgs = [script, `nats://127.0.0.1:${nats.port}`, String(SECONDS), ...urls];
      const load = hosts.inside(hub, process.execPath, ...nodeArgs);
      const client = spawn(...load, { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      client.stdout.on('data', (text: Buffer) => (said += text.toString()));
      const ended = once(client, 'exit');
      const endMs = Date.now() + SECONDS * 1_000;
      const [faulty, deployed] = await Promise.all([
        faults(randomOf(20_261_126), endMs),
        deployments(endMs),
      ]);
      const convergedMs = await converged();
      await ended;
      for (const node of nodes) await notePlaced(node);
      const counts = JSON.parse(said) as Counts;
      console.log(JSON.stringify({ ...faulty, ...deployed, convergedMs, placed, ...counts }));
      expect(counts.answers + sum(counts.errors)).toBe(counts.calls);
      expect(counts.answers).toBeGreaterThan(0);
      expect(counts).toMatchObject({ results: counts.submitted, wrong: 0, toldTwice: 0 });
      const { web } = counts;
      expect(web.answers + sum(web.errors)).toBe(web.asked);
      expect(web).toMatchObject({ wrong: 0, hung: 0 });
      expect(Math.min(web.answers, placed.forwarded, deployed.deployed)).toBeGreaterThan(0);
    },
    (SECONDS + 300) * 1_000,
  );
});

type Errors = Readonly<Record<string, number>>;

interface Counts {
  calls: number;
  answers: number;
  errors: Errors;
  submitted: number;
  results: number;
  web: { asked: number; answers: number; errors: Errors; wrong: number; hung: number };
}

const sum = (errors: Errors): number => Object.values(errors).reduce((all, one) => all + one, 0);
