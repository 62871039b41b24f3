import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RegistryEntry, RegistryInstance } from '../contracts/registry';
import { SledgeError } from '../errors/sledge-error';
import { ambientFrame, type TestFrame } from './frame';

export interface RegistryContractOptions {
  /** A node of one and the same cluster, not started; each call another node. */
  readonly node: (name: string) => Promise<RegistryInstance>;
  /** A node of a cluster whose engine is not there; absent: it cannot be away. */
  readonly awayNode?: () => Promise<RegistryInstance>;
  /** Puts other bytes under the hash, past all checks; absent: nobody could. */
  readonly damage?: (hash: string, bytes: Uint8Array) => Promise<void>;
  /** Default: jest's. */
  readonly frame?: TestFrame;
}

const POLL_MS = 5;
const LIMIT_MS = 120_000;

/**
 * The tests that any registry must pass. Call it where tests are declared.
 * - A value is exchanged only by who knows its revision; of many at once one succeeds.
 * - Revisions grow over all keys; a watch gives all there is, then each change in its order.
 * - A module comes back as it was, or not at all.
 * - Nodes are known by what they last said, until they leave.
 * - Without its engine it starts, says that it is away, and answers each question with that.
 */
export function registryContract(options: RegistryContractOptions): void {
  const frame = options.frame ?? ambientFrame();
  const { awayNode, damage } = options;
  frame.describe('it keeps the contract of a registry', () => {
    frame.test('exchanges a value only for who knows its revision', () =>
      withNodes(options, 1, ([node]) => exchanges(node as RegistryInstance)),
    );
    frame.test('gives a watch all there is, removed keys too, and each change', () =>
      withNodes(options, 2, ([one, other]) => watches(options, one as Told, other as Told)),
    );
    frame.test('lets one of many succeed that change a key at once', () =>
      withNodes(options, 2, (nodes) => races(nodes)),
    );
    frame.test('gives a module back as it was, or says why not', () =>
      withNodes(options, 2, ([one, other]) => modules(one as Told, other as Told, damage)),
    );
    frame.test('knows nodes by what they last said, until they leave', () =>
      withNodes(options, 2, ([one, other]) => knowsNodes(one as Told, other as Told)),
    );
    if (awayNode !== undefined) {
      frame.test('starts without its engine, and says that it is away', async () =>
        isAway(await awayNode()),
      );
    }
  });
}

interface Told extends RegistryInstance {
  readonly told: { all: (readonly RegistryEntry[])[]; changes: RegistryEntry[] };
}

let made = 0;

async function begin(options: RegistryContractOptions): Promise<Told> {
  const instance = await options.node(`contract-${(made += 1)}`);
  const told: Told['told'] = { all: [], changes: [] };
  instance.watch({
    onAll: (entries) => told.all.push(entries),
    onChange: (entry) => told.changes.push(entry),
    onState: () => undefined,
  });
  await instance.start();
  await until(() => instance.state().state === 'connected' && told.all.length > 0);
  return Object.assign(instance, { told });
}

async function withNodes(
  options: RegistryContractOptions,
  count: number,
  body: (nodes: Told[]) => Promise<void>,
): Promise<void> {
  const nodes: Told[] = [];
  try {
    while (nodes.length < count) nodes.push(await begin(options));
    await body(nodes);
  } finally {
    for (const node of nodes) await node.stop();
  }
}

async function exchanges(node: RegistryInstance): Promise<void> {
  const key = freshKey();
  assert.equal(await node.get(key), undefined);
  const first = await node.put(key, '"a"', 0);
  assert.deepEqual(await node.get(key), { key, value: '"a"', revision: first });
  await refuses(node.put(key, '"b"', 0), 'SLEDGE_ERR_CLUSTER_CONFLICT');
  const second = await node.put(key, '"b"', first);
  assert.ok(second > first);
  await refuses(node.put(key, '"c"', first), 'SLEDGE_ERR_CLUSTER_CONFLICT');
  await refuses(node.put(key, undefined, first), 'SLEDGE_ERR_CLUSTER_CONFLICT');
  const removed = await node.put(key, undefined, second);
  assert.deepEqual(await node.get(key), { key, value: undefined, revision: removed });
  const third = await node.put(key, '"d"', removed);
  assert.ok(third > removed && removed > second);
}

async function watches(options: RegistryContractOptions, one: Told, other: Told): Promise<void> {
  const [kept, removed, later] = [freshKey(), freshKey(), freshKey()];
  const revision = await one.put(kept, '1', 0);
  await one.put(removed, undefined, await one.put(removed, '2', 0));
  const late = await begin(options);
  try {
    const all = late.told.all[0] ?? [];
    assert.equal(all.find(({ key }) => key === kept)?.revision, revision);
    assert.equal(all.find(({ key }) => key === removed)?.value, undefined);
    assert.ok(all.some(({ key }) => key === removed));
    let last = await one.put(later, '0', 0);
    for (let count = 1; count < 20; count += 1) last = await other.put(later, `${count}`, last);
    for (const node of [one, other, late]) {
      const seen = () => node.told.changes.filter(({ key }) => key === later);
      await until(() => seen().at(-1)?.revision === last);
      const revisions = seen().map((entry) => entry.revision);
      assert.deepEqual(
        revisions,
        [...revisions].sort((a, b) => a - b),
      );
      assert.equal(seen().at(-1)?.value, '19');
    }
  } finally {
    await late.stop();
  }
}

async function races(nodes: readonly RegistryInstance[]): Promise<void> {
  const key = freshKey();
  const first = await (nodes[0] as RegistryInstance).put(key, '"start"', 0);
  const all = Array.from({ length: 10 }, (_, turn) => turn);
  const ends = await Promise.allSettled(
    all.map((turn) => (nodes[turn % nodes.length] as RegistryInstance).put(key, `${turn}`, first)),
  );
  const winners = all.filter((turn) => ends[turn]?.status === 'fulfilled');
  assert.equal(winners.length, 1);
  assert.equal((await nodes[0]?.get(key))?.value, `${winners[0]}`);
}

async function modules(
  one: RegistryInstance,
  other: RegistryInstance,
  damage: RegistryContractOptions['damage'],
): Promise<void> {
  const wasm = new Uint8Array(300_000).map((_, at) => (at * 31) % 251);
  const hash = createHash('sha256').update(wasm).update(freshKey()).digest('hex');
  await refuses(other.getModule(hash), 'SLEDGE_ERR_CLUSTER_MODULE');
  const real = createHash('sha256').update(wasm).digest('hex');
  await one.putModule(real, wasm);
  await one.putModule(real, wasm);
  assert.ok(Buffer.from(await other.getModule(real)).equals(wasm));
  await one.keepModules(new Set());
  assert.equal((await other.getModule(real)).length, wasm.length);
  if (damage === undefined) return;
  await damage(real, wasm.subarray(1));
  await refuses(other.getModule(real), 'SLEDGE_ERR_CLUSTER_MODULE');
  await one.putModule(real, wasm);
  assert.equal((await other.getModule(real)).length, wasm.length);
}

async function knowsNodes(one: RegistryInstance, other: RegistryInstance): Promise<void> {
  const said = async () => new Map((await other.nodes()).map(({ node, text }) => [node, text]));
  await one.announce('"first"');
  await one.announce('"then"');
  await other.announce('"here"');
  await until(async () => {
    const now = await said();
    return now.get(one.node) === '"then"' && now.get(other.node) === '"here"';
  });
  await one.announce(undefined);
  await until(async () => !(await said()).has(one.node));
}

async function isAway(node: RegistryInstance): Promise<void> {
  await node.start();
  try {
    assert.equal(node.state().state, 'away');
    const code = 'SLEDGE_ERR_CLUSTER_AWAY';
    await refuses(node.get('tenant.a'), code);
    await refuses(node.put('tenant.a', '1', 0), code);
    await refuses(node.putModule('0'.repeat(64), new Uint8Array(1)), code);
    await refuses(node.getModule('0'.repeat(64)), code);
    await refuses(node.announce('1'), code);
    await refuses(node.nodes(), code);
  } finally {
    await node.stop();
  }
}

async function refuses(asked: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(asked, (error) => error instanceof SledgeError && error.code === code);
}

function freshKey(): string {
  return `tenant.contract-${process.pid}-${(made += 1)}`;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error('it never became so');
    await delay(POLL_MS);
  }
}
