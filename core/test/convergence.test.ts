import { createLogger } from '../src/server/logger';
import { Convergence } from '../src/cluster/convergence';
import type { Adopter } from '../src/cluster/convergence';
import { keys, parseEntry } from '../src/cluster/entries';
import type { ClusterEntry, EntryKind } from '../src/cluster/entries';
import { SledgeError } from '../src/errors/sledge-error';
import { nodeReportsOf } from '../src/cluster/node-report';

const HASH = 'ab'.repeat(32);
const logger = createLogger({ level: 'silent', pretty: false });

/** A machine that notes what it is asked, and answers when it is told to. */
class Machine implements Adopter {
  readonly owned = new Set<string>();
  readonly asked: string[] = [];
  readonly stopped: string[] = [];
  private readonly open: { name: string; end: (error?: Error) => void }[] = [];

  adopt(entry: ClusterEntry, signal: AbortSignal): Promise<void> {
    const name = nameOf(entry);
    this.asked.push(name);
    signal.addEventListener('abort', () => this.stopped.push(name));
    if (entry.kind === 'function') this.owned.add(keys.function('t', entry.value.name));
    return new Promise((resolve, reject) => {
      this.open.push({ name, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  }

  async remove(key: string, kind: EntryKind): Promise<void> {
    this.asked.push(`remove ${kind} ${key}`);
    this.owned.delete(key);
  }

  /** The oldest that is under way ends. */
  async end(error?: Error): Promise<void> {
    this.open.shift()?.end(error);
    await breathe();
  }
}

function nameOf(entry: ClusterEntry): string {
  if (entry.kind === 'function') return `${entry.value.name}@${entry.value.current}`;
  return entry.kind === 'tenant' ? entry.value.name : entry.kind;
}

const breathe = () => new Promise((resolve) => setImmediate(resolve));

test.each(['/tmp/x.js', './x.js', 'pkg/../../x.js', '@a/../x', '..', 'a/b'])(
  'a policy named %s is no entry: it would be a file of somebody who writes the registry',
  (choice) => {
    const entry = (named: string) => {
      const value = JSON.stringify({ kind: 'scheduler', choice: named });
      return { key: keys.policy('scheduler', undefined), value, revision: 1 };
    };
    const refused = expect.objectContaining({ code: 'SLEDGE_ERR_CLUSTER_ENTRY' }) as Error;
    expect(() => parseEntry(entry(choice))).toThrow(refused);
    expect(parseEntry(entry('@a/edf')).value).toMatchObject({ choice: '@a/edf' });
  },
);

function converging(parallel = 2) {
  const machine = new Machine();
  return { machine, convergence: new Convergence(machine, logger, parallel, () => undefined) };
}

function state(name: string, current: number, more: object = {}) {
  const versions = Array.from({ length: current }, (_, at) => ({
    ...{ version: at + 1, hash: HASH, settings: {}, at: 'now' },
  }));
  const rest = { previous: [], nextVersion: current + 1, split: null, events: [], versions };
  return { tenant: 't', name, current, ...rest, ...more };
}

const fn = (name: string, current: number, revision: number) => ({
  key: keys.function('t', name),
  value: JSON.stringify(state(name, current)),
  revision,
});
const tenant = { key: keys.tenant('t'), value: '{"name":"t","settings":{}}', revision: 3 };

test('a newer revision stops what is built for an older one, which is ignored', async () => {
  const { machine, convergence } = converging();
  convergence.all([fn('f', 1, 5)], 'e');
  convergence.one(fn('f', 2, 7));
  convergence.one(fn('f', 1, 6));
  expect(machine.stopped).toEqual(['f@1']);
  expect(convergence.revision).toBe(4);
  await machine.end();
  await machine.end();
  expect(machine.asked).toEqual(['f@1', 'f@2']);
  expect(convergence.revision).toBe(7);
});

test('tenants come before functions, and bring back those that lacked them', async () => {
  const { machine, convergence } = converging();
  convergence.all([fn('f', 1, 1), fn('g', 1, 2), fn('h', 1, 4)], 'e');
  await machine.end(new SledgeError('SLEDGE_ERR_CONTROL_TENANT', { tenant: 't', hint: '' }));
  expect(convergence.failures()).toMatchObject([
    { revision: 1, code: 'SLEDGE_ERR_CONTROL_TENANT', key: 'function.t.f' },
  ]);
  convergence.one(tenant);
  await machine.end();
  await machine.end();
  expect(machine.asked).toEqual(['f@1', 'g@1', 'h@1', 't']);
  await machine.end();
  expect(machine.asked.at(-1)).toBe('f@1');
  expect(convergence.failures()).toEqual([]);
  convergence.close();
});

test('what is removed goes, and what a new registry lacks stays', async () => {
  const { machine, convergence } = converging();
  convergence.all([fn('f', 1, 5), fn('g', 1, 6)], 'one');
  await machine.end();
  await machine.end();
  convergence.all([], 'another');
  await breathe();
  expect(machine.asked).toEqual(['f@1', 'g@1']);
  // revisions begin again
  convergence.one({ ...fn('f', 1, 2), value: undefined });
  convergence.one(fn('g', 3, 3));
  await breathe();
  expect(machine.asked.slice(2)).toEqual(['remove function function.t.f', 'g@3']);
});

test('an entry that is not what its key says is refused by name, whatever it holds', () => {
  const key = keys.function('t', 'f');
  const wrong: [string, string | undefined, RegExp][] = [
    [key, undefined, /it is empty/],
    [key, '{', /no JSON/],
    [key, 'null', /expected object/],
    [key, '['.repeat(200_000), /no JSON/],
    [key, ' '.repeat(300_000), /over 262144 characters/],
    [key, JSON.stringify(state('g', 1)), /something else/],
    [key, JSON.stringify({ ...state('f', 1), extra: 1 }), /extra/],
    [key, JSON.stringify(state('f', 1, { current: 2 })), /version 2 is not among/],
    [key, JSON.stringify(state('f', 1, { nextVersion: 1 })), /nextVersion/],
    [key, JSON.stringify(state('f', 2)).replaceAll(HASH, '../../x'), /hash/],
    ['other.x', '{}', /no known kind/],
    [keys.tenant('t'), '{"name":"t"}', /settings/],
    [keys.policy('scheduler'), '{"kind":"sandbox","choice":"v8"}', /kind/],
  ];
  for (const [at, value, reason] of wrong) {
    expect(() => parseEntry({ key: at, value })).toThrow(reason);
  }
  expect(parseEntry({ key, value: JSON.stringify(state('f', 2)) }).kind).toBe('function');
});

test('names with any characters have keys of their own', () => {
  const names = ['a', 'A', 'a.b', 'a_b', 'a=2eb', 'é', '.', '*', '>', ' ', 'x'.repeat(64)];
  const all = names.map((name) => keys.tenant(name));
  expect(new Set(all).size).toBe(names.length);
  for (const key of all) expect(key).toMatch(/^tenant\.[-=\w]+$/);
});

test('nodes are compared by the clock of the registry, and what is no report is left out', () => {
  const said = {
    ...{ instance: 'i', version: '1', addresses: [], functions: 0, state: 'serving' },
    ...{ load: { inFlight: 0, workers: 1 }, revision: 0, pending: 0, failed: 0, failures: [] },
    startedAt: 'now',
  };
  const text = JSON.stringify(said);
  const messages = [
    { node: 'b', text, atMs: 10_000 },
    { node: 'a', text, atMs: 1000 },
    { node: 'c', text: '{"load": 1e999}', atMs: 10_000 },
  ];
  const nodes = nodeReportsOf(messages, 4000);
  expect(nodes.map(({ node, state: is, lastSeenMs }) => [node, is, lastSeenMs])).toEqual([
    ['a', 'lost', 9000],
    ['b', 'serving', 0],
  ]);
});
