import { request } from 'undici';
import { configOf, Server } from './server';

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
