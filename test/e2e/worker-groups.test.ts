import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { request } from 'undici';
import { askOn } from './ask-on';
import { configOf, root, Server } from './server';

const run = promisify(execFile);

afterAll(() => Server.stopAll());

const LOOPS = 12;
const ECHOES = 60;

async function statusOf(url: string): Promise<number> {
  const answer = await request(url);
  await answer.body.dump();
  return answer.statusCode;
}

/** `loud` runs in the first group, `quiet` in one of its own, its `here` in the first again. */
function twoTenants(more: object) {
  const limits = { wallTimeUs: 400_000 };
  const [loud] = configOf([{ name: 'endless_loop', limits }]).tenants as object[];
  const [quiet] = configOf(['echo', { name: 'empty', workerGroup: 'batch' }]).tenants as object[];
  return {
    transports: [['http', {}]],
    tenants: [loud, { ...quiet, name: 'quiet', workerGroup: 'interactive' }],
    ...more,
  };
}

const groups = [
  { name: 'batch', count: 1, scheduler: 'fifo', dispatcher: 'global-queue' },
  {
    name: 'interactive',
    count: 2,
    scheduler: 'edf',
    dispatcher: ['jsq', {}],
    estimator: 'ewma',
    admission: 'deadline',
  },
];

test.each([
  ['native workers, more of them than cores', []],
  ['JavaScript workers', ['sandbox=v8']],
])(
  'a flood in one worker group leaves the requests of another untouched: %s',
  async (_name, set) => {
    const server = await Server.start({ config: twoTenants({ workers: { groups } }), set });
    const [loud = '', quiet = ''] = server.urls;
    let isFloodOver = false;
    const flood = Promise.all(
      Array.from({ length: LOOPS }, () => statusOf(`${loud}/endless_loop`)),
    ).then((statuses) => {
      isFloodOver = true;
      return statuses;
    });
    const behind = statusOf(`${quiet}/empty`); // waits for the loops: it is in their group
    const echoes = Array.from({ length: ECHOES }, () => statusOf(`${quiet}/echo`));
    expect(await Promise.all(echoes)).toEqual(Array.from({ length: ECHOES }, () => 200));
    expect(isFloodOver).toBe(false);
    expect(await flood).toEqual(Array.from({ length: LOOPS }, () => 504));
    expect(await behind).toBe(200);
    await server.stop();
  },
  120_000,
);

test('each group has its own policies: what one admits, another refuses', async () => {
  const fn = { name: 'echo', expectedExecutionUs: 2_000_000, relativeDeadlineUs: 1000 };
  const [first] = configOf([fn]).tenants as object[];
  const server = await Server.start({
    config: {
      transports: [['http', {}]],
      estimator: ['percentile', { minSamples: 256 }],
      workers: { groups: [{ name: 'all' }, { name: 'careful', admission: 'deadline' }] },
      tenants: [first, { ...first, name: 'other', workerGroup: 'careful' }],
    },
  });
  const [all = '', careful = ''] = server.urls;
  expect(await statusOf(`${all}/echo`)).toBe(200);
  expect(await statusOf(`${careful}/echo`)).toBe(429);
  await server.stop();
});

test('policies of the second group are exchanged by command, and no request is lost', async () => {
  const good = path.join(root, 'test/policies/fixtures/good.ts');
  const edf = path.join(root, 'test/policies/fixtures/edf.ts');
  const fib = { name: 'fib', path: path.join(root, 'functions/fibonacci.wasm'), route: '/fib' };
  const server = await Server.start({
    config: {
      workers: { groups: [{ name: 'a', dispatcher: good }, { name: 'b' }] },
      arena: { slots: 64 },
      policies: { decisionLimitMs: 30_000, starvationLimitMs: 60_000 },
      dispatcher: 'jsq',
      tenants: [
        { name: 'one', port: 0, functions: [fib] },
        { name: 'two', port: 0, workerGroup: 'b', functions: [fib] },
      ],
    },
  });
  const policy = async (...args: string[]): Promise<string> => {
    const all = ['cli/bin/sledge.js', 'policy', ...args, '--socket', server.control];
    return (await run(process.execPath, all, { cwd: root })).stdout;
  };
  const asking = server.urls.map((url) => askOn(url));
  await policy('set', 'scheduler', edf, '--group', 'b');
  await policy('set', 'dispatcher', good, '--group', 'b');
  const shown = await policy('show');
  await policy('set', 'scheduler', 'fifo', '--group', 'b');
  const json = await policy('set', 'dispatcher', 'rr', '--group', 'b', '--json');
  const answers = await Promise.all(asking.map((one) => one.stop()));
  for (const { right, wrong } of answers) {
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThan(0);
  }
  expect(shown).toMatch(/a +.?dispatcher +.?good/);
  expect(shown).toMatch(/b +.?scheduler +.?edf-in-order/);
  expect(JSON.parse(json)).toMatchObject({
    group: 'a',
    dispatcher: { name: 'good' },
    groups: [
      { group: 'a', live: 'driving', dispatcher: { name: 'good' }, ejections: [] },
      { group: 'b', dispatcher: { name: 'dispatch-rr' }, scheduler: { name: 'sched-fifo' } },
    ],
  });
  await expect(policy('set', 'dispatcher', 'rr', '--group', 'c')).rejects.toMatchObject({
    stderr: expect.stringContaining('SLEDGE_ERR_CONFIG_GROUP') as string,
  });
  await server.stop();
});
