/** Policies are exchanged from the command line while a server answers. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { askControl } from '@sledge/core/host';
import { leaveSocket } from '../../core/test/support/leave-socket';
import { askOn } from './ask-on';
import { Server, root } from './server';

const run = promisify(execFile);
const IS_LONG = process.env.SLEDGE_TEST_LONG === '1';
const RATE = IS_LONG ? 10_000 : 2_000;
const LOAD_SECONDS = IS_LONG ? 30 : 3;

const CONFIG = {
  workers: { count: 2 },
  arena: { slots: 64 },
  dispatcher: 'rr',
  tenants: [
    {
      name: 'gwu',
      port: 0,
      functions: [
        { name: 'fib', path: path.join(root, 'functions/fibonacci.wasm'), route: '/fib' },
        {
          name: 'loop',
          path: path.join(root, 'functions/endless_loop.wasm'),
          route: '/loop',
          limits: { wallTimeUs: 60_000_000 },
        },
      ],
    },
  ],
};

let server: Server;
beforeAll(async () => {
  // A socket of a killed server: what Node has seen of it must not spoil how plugins are found.
  const runtime = mkdtempSync(path.join(tmpdir(), 'sledge-run-'));
  const folder = path.join(runtime, `sledge-${userInfo().uid}`);
  mkdirSync(folder, { mode: 0o700 });
  await leaveSocket(path.join(folder, `${spawnSync('true').pid}.sock`));
  server = await Server.start({ config: CONFIG, environment: { XDG_RUNTIME_DIR: runtime } });
}, 300_000);
afterAll(() => Server.stopAll());

async function sledge(...args: string[]): Promise<string> {
  const bin = path.join(root, 'cli/bin/sledge.js');
  const all = [bin, 'policy', ...args, '--socket', server.control, '--json'];
  return (await run(process.execPath, all)).stdout;
}

test('no request is lost while policies are exchanged beside an endless one', async () => {
  const ending = new AbortController();
  const endless = fetch(`${server.url}/loop`, { signal: ending.signal }).catch(() => undefined);
  const asking = askOn(server.url);
  for (const change of [
    ['dispatcher', 'jsq'],
    ['scheduler', 'edf'],
    ['dispatcher', 'edf-interrupt'],
    ['dispatcher', 'lld'],
    ['scheduler', 'fifo'],
  ]) {
    await sledge('set', ...change);
  }
  const shown = JSON.stringify(JSON.parse(await sledge('show')));
  const { right, wrong } = await asking.stop();
  ending.abort();
  await endless;
  expect(wrong).toEqual([]);
  expect(right).toBeGreaterThan(0);
  expect(shown).toContain('dispatch-lld');
  expect(shown).toContain('sched-fifo');
});

interface LoadDocument {
  runs: { counts: { planned: number; sent: number; statuses: Record<string, number> } }[];
}

/** Open loop, from a process of its own. */
async function loadAtRate(): Promise<LoadDocument['runs'][number]['counts'] | undefined> {
  const bin = path.join(root, 'cli/bin/sledge.js');
  const rate = ['--rate', `${RATE}`, '--duration', `${LOAD_SECONDS}`, '--warmup', '0'];
  const target = [
    '--target',
    `${server.url}/fib?10`,
    '--timeout-ms',
    '60000',
    '--grace-ms',
    '60000',
  ];
  const { stdout } = await run(process.execPath, [bin, 'load', '--json', ...target, ...rate]);
  return (JSON.parse(stdout) as LoadDocument).runs[0]?.counts;
}

test(`no request is lost at ${RATE} a second while every policy takes its turn`, async () => {
  console.log(`${RATE} requests a second for ${LOAD_SECONDS} s (of 10000 for 30 s)`);
  let isOver = false;
  let swaps = 0;
  const loading = loadAtRate().finally(() => (isOver = true));
  const pairs = [
    ['jsq', 'edf'],
    ['edf-interrupt', 'edf'],
    ['lld', 'edf'],
    ['shinjuku', 'fifo'],
    ['darc', 'fifo'],
    ['global-queue', 'fifo'],
    ['rr', 'fifo'],
    [path.join(root, 'examples/policies/work-stealing/work-stealing.ts'), 'fifo'],
  ];
  for (let turn = 0; !isOver; turn += 1) {
    const [dispatcher = '', scheduler = ''] = pairs[turn % pairs.length] ?? [];
    // Both ways round: one of the two goes with what is there.
    for (const [kind, choice] of [
      ['dispatcher', 'rr'],
      ['scheduler', scheduler],
      ['dispatcher', dispatcher],
    ] as const) {
      await askControl(server.control, { kind, choice });
      swaps += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const counts = await loading;
  console.log(`${swaps} exchanges; sent ${counts?.sent} of ${counts?.planned}`);
  expect(counts?.sent).toBeGreaterThan(RATE / 2);
  expect(counts?.statuses).toEqual({ 200: counts?.sent });
  expect(swaps).toBeGreaterThan(pairs.length);
}, 300_000);

test('a policy that does not go with the others is refused, and nothing changes', async () => {
  await sledge('set', 'dispatcher', 'lld');
  await sledge('set', 'scheduler', 'edf');
  await expect(sledge('set', 'dispatcher', 'global-queue')).rejects.toMatchObject({
    stdout: expect.stringContaining('SLEDGE_ERR_PLUGIN_CAPABILITY') as string,
  });
  await expect(sledge('set', 'dispatcher', 'edf-interupt')).rejects.toMatchObject({
    stdout: expect.stringContaining('edf-interrupt') as string,
  });
  expect(await sledge('show')).toContain('dispatch-lld');
});

test("the control socket is this user's alone", () => {
  expect(statSync(server.control).mode & 0o777).toBe(0o600);
});

test('a path that is no socket is not overwritten', async () => {
  const file = path.join(server.folder, 'precious.txt');
  writeFileSync(file, 'precious');
  const bin = path.join(root, 'cli/bin/sledge.js');
  const config = path.join(server.folder, 'sledge.config.json');
  await expect(
    run(process.execPath, [bin, 'start', '-c', config, '--control', file]),
  ).rejects.toMatchObject({ stderr: expect.stringContaining('SLEDGE_ERR_CLI_CONTROL') as string });
  expect(statSync(file).size).toBe('precious'.length);
});
