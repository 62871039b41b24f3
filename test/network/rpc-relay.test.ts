/**
 * eRPC over kernel sockets between two hosts with a bad wire between them: a relay that loses,
 * repeats and reorders frames as a seed decides. SLEDGE_TEST_LONG=1 adds the full sizes and counts.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Namespaces, type LinkEnd } from '../support/namespaces';

const run = promisify(execFile);
const programs = path.join(__dirname, '../../build/native/src/rpc/test');
const [peer, relay] = [path.join(programs, 'rpc_peer'), path.join(programs, 'rpc_relay')];
const CLIENT = '10.78.0.2';
const SERVER = '10.78.0.1';
const MESSAGE_BYTES_MAX = 7_903_368;
const END_MS = 10_000;

interface Case {
  /** Chances of a frame, in percent. */
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly calls: number;
  readonly bytesMax: number;
  readonly sessions: number;
  /** Catches hangs alone: many times what it takes. */
  readonly hangS: number;
}

const bad = { duplicate: 5, reorder: 10 };
const CASES: Case[] = [
  {
    loss: 0,
    duplicate: 0,
    reorder: 0,
    calls: 60,
    bytesMax: MESSAGE_BYTES_MAX,
    sessions: 2,
    hangS: 120,
  },
  { loss: 0, ...bad, calls: 300, bytesMax: 100_000, sessions: 4, hangS: 120 },
  { loss: 5, ...bad, calls: 300, bytesMax: 50_000, sessions: 4, hangS: 120 },
  { loss: 30, ...bad, calls: 200, bytesMax: 8_000, sessions: 4, hangS: 120 },
];
const LONG_CASES: Case[] = [0, 5, 30].flatMap((loss) => [
  { loss, ...bad, calls: 5_000, bytesMax: 20_000, sessions: 16, hangS: 1_800 },
  { loss, ...bad, calls: 100, bytesMax: MESSAGE_BYTES_MAX, sessions: 4, hangS: 3_000 },
]);
const isLong = process.env.SLEDGE_TEST_LONG === '1';

/** A machine without root may skip; CI must have it. */
const possible = process.env.CI === 'true' || (existsSync(relay) && Namespaces.possible);
if (!possible) console.log('skipped: needs root and a build with the native tests');
else if (!isLong) console.log('reduced sizes; SLEDGE_TEST_LONG=1 runs all');
const whenPossible = possible ? describe : describe.skip;

const hosts = new Namespaces();
const processes: ChildProcess[] = [];
const words = (values: Record<string, string | number>) =>
  Object.entries(values).map(([name, value]) => `${name}=${value}`);

/** A process that says "ready", serves until its input ends, and then prints what it did. */
async function start(host: string, program: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(...hosts.inside(host, program, ...args));
  processes.push(child);
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  expect(text.toString()).toMatch(/^ready/);
  return child;
}

async function end(child: ChildProcess): Promise<unknown> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const closed = once(child, 'close');
  child.stdin?.end();
  await closed;
  return JSON.parse(text);
}

/** Ends what still runs, by force if it does not end by itself. */
async function endAll(): Promise<void> {
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    const force = setTimeout(() => child.kill('SIGKILL'), END_MS);
    child.stdin?.end();
    await ended;
    clearTimeout(force);
  }
}

const MILLIONTHS_PER_PERCENT = 10_000;

function startRelay(host: string, { loss, duplicate, reorder }: Case, seed: number) {
  const chances = Object.entries({ loss, duplicate, reorder }).map(
    ([name, percent]) => `${name}=${percent * MILLIONTHS_PER_PERCENT}`,
  );
  return start(host, relay, 'left=to-client', 'right=to-server', `seed=${seed}`, ...chances);
}

interface Counts {
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

/** That the relay did what the case is about. */
function expectFaults({ right, left }: { right: Counts; left: Counts }, one: Case): void {
  const sums = {
    loss: right.lost + left.lost,
    duplicate: right.duplicated + left.duplicated,
    reorder: right.reordered + left.reordered,
  };
  for (const name of ['loss', 'duplicate', 'reorder'] as const)
    expect(sums[name] > 0).toBe(one[name] > 0);
}

whenPossible('eRPC over a bad wire', () => {
  let client = '';
  let server = '';
  let wire = '';

  beforeAll(() => {
    [client, server, wire] = [hosts.add(), hosts.add(), hosts.add()];
    const end = (namespace: string, name: string): LinkEnd => ({ namespace, name });
    hosts.link({ ...end(client, 'data'), address: CLIENT }, end(wire, 'to-client'));
    hosts.link({ ...end(server, 'data'), address: SERVER }, end(wire, 'to-server'));
  });
  afterEach(endAll);
  afterAll(() => hosts.removeAll());

  const cases = isLong ? [...CASES, ...LONG_CASES] : CASES;
  for (const [at, one] of cases.entries()) {
    const { calls, bytesMax, sessions, hangS } = one;
    const faults = `${one.loss} % lost, ${one.duplicate} % twice, ${one.reorder} % late`;
    test(
      `${calls} messages of up to ${bytesMax} bytes arrive right, and once: ${faults}`,
      async () => {
        const seed = at + 1;
        const wireProcess = await startRelay(wire, one, seed);
        const own = { backend: 'udp', sm_port: 31850 };
        const serving = words({ ...own, role: 'server', ipv4: SERVER, sm_ipv4: SERVER });
        const serverProcess = await start(server, peer, ...serving);
        const target = { server_ipv4: SERVER, server_sm_port: 31850, hang_s: hangS };
        const load = { calls, bytes_max: bytesMax, sessions, seed };
        const calling = { ...own, role: 'client', ipv4: CLIENT, sm_ipv4: CLIENT };
        const command = hosts.inside(client, peer, ...words({ ...calling, ...target, ...load }));
        const { stdout } = await run(...command, { timeout: 2_000 * hangS });
        expect(JSON.parse(stdout)).toEqual({ right: calls, wrong: 0, closed: true });
        expect(await end(serverProcess)).toEqual({ requests: calls });
        expectFaults((await end(wireProcess)) as { right: Counts; left: Counts }, one);
      },
      3_000 * hangS,
    );
  }
});
