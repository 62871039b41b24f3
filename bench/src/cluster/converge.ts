import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';
import { startNats } from '../nats-process';
import { startSledgeAs } from '../server-process';
import type { ServerProcess } from '../server-process';

const NODES = ['one', 'two', 'three'];
const PLACEHOLDER = '@@@@@';
const POLL_MS = 5;
const LIMIT_MS = 120_000;

/** A node with a store and a cache of compiled modules of its own, as on a machine of its own. */
interface Node {
  readonly config: object;
  readonly socket: string;
  server: ServerProcess;
}

/**
 * How long three nodes of one machine take to come to what is deployed on the cluster:
 * `converge_deploy` from sending a new module until all three answer for it, each having compiled
 * it; `converge_rollback` the same where nothing is compiled; `converge_return` from starting the
 * process of a node that was away during two deployments until it answers the newer one.
 */
export async function convergeFigures(context: BenchContext): Promise<Figure[]> {
  const nats = await startNats(['-js', '-sd', freshFolder(context, 'converge-nats')]);
  const nodes: Node[] = [];
  try {
    for (const name of NODES) nodes.push(await startNode(context, name, nats.url));
    return await measure(context, nodes);
  } finally {
    await Promise.all(nodes.map(({ server }) => server.stop()));
    await nats.stop();
  }
}

async function measure(context: BenchContext, nodes: Node[]): Promise<Figure[]> {
  const moduleOf = moduleMaker(context);
  const [first, , last] = nodes as [Node, Node, Node];
  const runs = context.quick ? 5 : 15;
  const samples: Record<'deploy' | 'rollback' | 'return', number[]> = {
    deploy: [],
    rollback: [],
    return: [],
  };
  let turn = 0;
  const deploy = () => change(first, 'POST', '/versions', moduleOf((turn += 1)));
  await until(() => everywhere(first, NODES.length));
  await deploy();
  for (let run = 0; run < runs; run += 1) {
    samples.deploy.push(await timed(deploy));
    samples.rollback.push(await timed(() => change(first, 'POST', '/rollback', '{}')));
  }
  for (let run = 0; run < Math.ceil(runs / 3); run += 1) {
    await last.server.stop();
    await deploy();
    await deploy();
    const wanted = textOf(turn);
    samples.return.push(
      await timed(async () => {
        last.server = (await startSledgeAs(context, last.config)).server;
        await until(async () => (await answer(last.server)) === wanted);
      }),
    );
  }
  return [
    figure('converge_deploy', 'ms', samples.deploy),
    figure('converge_rollback', 'ms', samples.rollback),
    figure('converge_return', 'ms', samples.return),
  ];
}

async function startNode(context: BenchContext, name: string, nats: string): Promise<Node> {
  const folder = freshFolder(context, `converge-${name}`);
  const socket = join(folder, 'admin.sock');
  const path = join(context.root, 'functions/empty.wasm');
  const config = {
    workers: { count: 1 },
    admin: { socket },
    store: { path: join(folder, 'store.db') },
    build: { cacheDirectory: join(folder, 'cache') },
    registry: ['nats', { servers: [nats], node: name }],
    tenants: [{ name: 'bench', port: 0, functions: [{ name: 'text', path, route: '/' }] }],
  };
  return { config, socket, server: (await startSledgeAs(context, config)).server };
}

/** Resolves when every node has it. */
async function change(node: Node, method: 'POST', at: string, body: Buffer | string) {
  const path = `/cluster/tenants/bench/functions/text${at}`;
  const said = (await ask(node, { method, path, body })) as { nodes: { state: string }[] };
  const isDone = said.nodes.every(({ state }) => state === 'converged' || state === 'lost');
  if (!isDone) throw new Error(`the nodes did not converge: ${JSON.stringify(said.nodes)}`);
}

async function everywhere(node: Node, count: number): Promise<boolean> {
  const nodes = await ask(node, { method: 'GET', path: '/cluster/nodes' }).catch(() => []);
  return (nodes as object[]).length === count;
}

async function ask(
  { socket }: Node,
  question: { method: 'GET' | 'POST'; path: string; body?: Buffer | string },
): Promise<unknown> {
  const dispatcher = new Agent({ connect: { socketPath: socket }, headersTimeout: LIMIT_MS });
  const { body, method, path } = question;
  const type = typeof body === 'string' ? 'application/json' : 'application/wasm';
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': type };
  const options = { method, body: body ?? null, headers, dispatcher };
  const answered = await request(`http://sledge${path}`, options);
  const text = await answered.body.text();
  await dispatcher.close();
  if (answered.statusCode >= 300) throw new Error(`${answered.statusCode} ${text}`);
  return JSON.parse(text);
}

async function answer(server: ServerProcess): Promise<string> {
  return (await fetch(server.url)).text();
}

const textOf = (turn: number): string => String(turn).padStart(PLACEHOLDER.length, '0');

/** Modules that differ in the text that they answer, so that each is compiled. */
function moduleMaker(context: BenchContext): (turn: number) => Buffer {
  const file = join(context.cacheDirectory, 'converge.wasm');
  execFileSync('wat2wasm', [join(context.root, 'bench/modules/text.wat'), '-o', file]);
  const template = readFileSync(file);
  const offset = template.indexOf(PLACEHOLDER);
  return (turn) => {
    const bytes = Buffer.from(template);
    bytes.write(textOf(turn), offset, 'latin1');
    return bytes;
  };
}

function freshFolder(context: BenchContext, name: string): string {
  const folder = join(context.cacheDirectory, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > limitMs) throw new Error('the nodes did not converge');
    await delay(POLL_MS);
  }
}
