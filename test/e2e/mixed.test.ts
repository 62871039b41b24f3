import { Pool } from 'undici';
import { configOf, Server } from './server';
import { until } from './versions';

afterAll(() => Server.stopAll());

/** The whole count with SLEDGE_TEST_LONG=1. */
const COUNT = process.env['SLEDGE_TEST_LONG'] === '1' ? 100_000 : 3_000;
const CONNECTIONS = 32;
const FIBONACCI = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597];

interface Kind {
  path: (i: number) => string;
  body?: (i: number) => string;
  status: number;
  text: (i: number) => string | RegExp;
}

const problem = (code: string): RegExp => new RegExp(`"code":"SLEDGE_ERR_${code}"`);
const kinds: Kind[] = [
  {
    path: (i) => `/fibonacci?${i % 18}`,
    status: 200,
    text: (i) => String(FIBONACCI[i % 18]),
  },
  {
    path: (i) => `/echo?${i}`,
    body: (i) => `<${i}>`.repeat(1 + (i % 700)),
    status: 200,
    text: (i) => `<${i}>`.repeat(1 + (i % 700)),
  },
  { path: () => '/empty', status: 200, text: () => '' },
  { path: () => '/remembers', status: 200, text: () => '0' },
  { path: (i) => `/cgi?${200 + (i % 3)}`, status: -1, text: (i) => `{"status":${200 + (i % 3)}}` },
  { path: (i) => `/environ/${i}`, status: 200, text: (i) => new RegExp(`^PATH_INFO=/${i}$`, 'm') },
  { path: () => '/memory_growth', status: 200, text: () => /^grew from \d+ to 32 pages$/ },
  {
    path: (i) => `/exit?${1 + (i % 250)}`,
    status: 502,
    text: (i) => new RegExp(`:${1 + (i % 250)}}$`),
  },
  { path: () => '/trap_out_of_bounds', status: 500, text: () => /"trap":"memory out of bounds"/ },
  { path: () => '/trap_stack_overflow', status: 500, text: () => /"trap":"stack overflow"/ },
  { path: () => '/trap_unreachable', status: 500, text: () => /"trap":"unreachable"/ },
  { path: () => '/trap_division_by_zero', status: 500, text: () => /"trap":"integer divide/ },
  { path: () => '/huge_output', status: 500, text: () => problem('INVOKE_OUTPUT_LIMIT') },
  { path: () => '/nothing', status: 404, text: () => problem('HTTP_NO_ROUTE') },
];
const endless: Kind = {
  path: () => '/endless_loop',
  status: 504,
  text: () => problem('INVOKE_TIME_LIMIT'),
};

function kindOf(i: number): Kind {
  if (i % 500 === 499) return endless;
  return kinds[(i * 7 + Math.floor(i / 13)) % kinds.length] as Kind;
}

async function askOne(pool: Pool, i: number): Promise<void> {
  const kind = kindOf(i);
  const body = kind.body?.(i) ?? null;
  const method = body === null ? 'GET' : 'POST';
  const answer = await pool.request({ path: kind.path(i), method, body });
  const text = await answer.body.text();
  const status = kind.status === -1 ? 200 + (i % 3) : kind.status;
  const expected = kind.text(i);
  const fits = typeof expected === 'string' ? text === expected : expected.test(text);
  if (answer.statusCode !== status || !fits) {
    throw new Error(`request ${i} ${kind.path(i)}: ${answer.statusCode} ${text.slice(0, 200)}`);
  }
}

async function ask(server: Server, from: number, to: number): Promise<void> {
  const pool = new Pool(server.url, { connections: CONNECTIONS });
  let next = from;
  const work = async (): Promise<void> => {
    while (next < to) await askOne(pool, next++);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  await pool.close();
}

test(`${COUNT} mixed requests: each its own outcome, and nothing grows`, async () => {
  console.log(`${COUNT} mixed requests (100,000 with SLEDGE_TEST_LONG=1)`);
  const functions = [
    ...['fibonacci', 'echo', 'empty', 'remembers', 'environ', 'exit', 'trap_out_of_bounds'],
    ...['trap_stack_overflow', 'trap_unreachable', 'trap_division_by_zero'],
    { name: 'cgi', responseFormat: 'cgi' },
    { name: 'memory_growth', limits: { memoryBytes: 32 * 65_536 } },
    { name: 'huge_output', limits: { outputBytes: 10_000 } },
    { name: 'endless_loop', limits: { wallTimeUs: 20_000 } },
  ];
  const server = await Server.start({ config: configOf(functions, { arena: { slots: 64 } }) });
  const atRest = server.sockets();
  const measure = async () => {
    await until(() => server.sockets() <= atRest);
    return {
      ...(await server.heap()),
      descriptors: server.descriptors(),
      libraries: server.mappings('.so'),
      mappings: server.mappings(),
    };
  };
  const warm = Math.max(1_000, COUNT / 10); // each function has been loaded by then
  await ask(server, 0, warm);
  const early = await measure();
  await ask(server, warm, COUNT);
  const late = await measure();
  console.log({ early, late });
  expect(late.descriptors).toBe(early.descriptors);
  expect(late.libraries).toBe(early.libraries);
  expect(Math.abs(late.mappings - early.mappings)).toBeLessThanOrEqual(8);
  expect(late.heapUsed - early.heapUsed).toBeLessThan(2_000_000);
  expect(late.nativeBytes - early.nativeBytes).toBeLessThan(16_000_000);
  expect(await server.stop()).toMatchObject({ code: 0 });
}, 900_000);
