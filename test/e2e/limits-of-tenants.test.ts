import { ERROR_CATALOGUE, type ErrorCode } from '@sledge/core/errors';
import { request } from 'undici';
import { configOf, type FunctionOptions, Server } from './server';
import { together } from './together';

afterAll(() => Server.stopAll());

const WASM_PAGE = 65_536;
const NEIGHBOUR_REQUESTS = 20;
const HOLD_US = 500_000;

interface Row {
  title: string;
  /** Of the tenant; the function's are its own. */
  limits?: Record<string, number>;
  function: FunctionOptions;
  query?: string;
  body?: string;
  /** Sent at the same time. */
  requests?: number;
  status: number;
  /** HTTP and RPC status stand in the catalogue. */
  code?: ErrorCode;
  rpc?: string;
  text?: string;
  /** Of requests within the limit, where some are. */
  otherwise?: number;
}

const LONG_US = 60_000_000;
const loop = (limits: Record<string, number> = {}) => ({ name: 'endless_loop', limits });
const sleeper = (limits: Record<string, number> = {}) => ({
  name: 'hold',
  limits: { wallTimeUs: HOLD_US, ...limits },
});

const ends = {
  wallTime: { status: 504, code: 'SLEDGE_ERR_INVOKE_TIME_LIMIT', rpc: 'DEADLINE_EXCEEDED' },
  cpuTime: { status: 504, code: 'SLEDGE_ERR_INVOKE_CPU_LIMIT', rpc: 'DEADLINE_EXCEEDED' },
  output: { status: 500, code: 'SLEDGE_ERR_INVOKE_OUTPUT_LIMIT', rpc: 'RESOURCE_EXHAUSTED' },
  stack: { status: 500, code: 'SLEDGE_ERR_INVOKE_STACK_LIMIT', rpc: 'RESOURCE_EXHAUSTED' },
  memory: { status: 200, text: 'grew from 1 to 20 pages' },
} as const;
const refuses = { status: 429, rpc: 'RESOURCE_EXHAUSTED', otherwise: 504 } as const;

const rows: Row[] = [
  { title: 'wall time of a function', function: loop({ wallTimeUs: 50_000 }), ...ends.wallTime },
  {
    title: 'wall time of a tenant',
    limits: { wallTimeUs: 50_000 },
    function: loop({ wallTimeUs: LONG_US }),
    ...ends.wallTime,
  },
  {
    title: 'CPU time of a function',
    function: loop({ cpuTimeUs: 20_000, wallTimeUs: LONG_US }),
    ...ends.cpuTime,
  },
  {
    title: 'CPU time of a tenant',
    limits: { cpuTimeUs: 20_000 },
    function: loop({ wallTimeUs: LONG_US }),
    ...ends.cpuTime,
  },
  {
    title: 'output of a function',
    function: { name: 'huge_output', limits: { outputBytes: 1000 } },
    query: '1001',
    ...ends.output,
  },
  {
    title: 'output of a tenant',
    limits: { outputBytes: 1000 },
    function: { name: 'huge_output' },
    query: '1001',
    ...ends.output,
  },
  {
    title: 'stack of a function',
    function: { name: 'trap_stack_overflow', limits: { stackBytes: 65_536 } },
    ...ends.stack,
  },
  {
    title: 'stack of a tenant',
    limits: { stackBytes: 65_536 },
    function: { name: 'trap_stack_overflow' },
    ...ends.stack,
  },
  {
    title: 'memory of a function',
    function: { name: 'memory_growth', limits: { memoryBytes: 20 * WASM_PAGE } },
    ...ends.memory,
  },
  {
    title: 'growth beyond the memory of a tenant',
    limits: { memoryBytes: 20 * WASM_PAGE },
    function: { name: 'memory_growth' },
    ...ends.memory,
  },
  {
    title: 'a start beyond the memory of a tenant',
    limits: { memoryBytes: WASM_PAGE },
    function: sleeper(),
    query: 'sleep',
    requests: 3,
    code: 'SLEDGE_ERR_INVOKE_TENANT_MEMORY',
    ...refuses,
  },
  {
    title: 'concurrent invocations of a function',
    function: sleeper({ concurrency: 1 }),
    query: 'sleep',
    requests: 3,
    code: 'SLEDGE_ERR_INVOKE_CONCURRENCY',
    ...refuses,
  },
  {
    title: 'concurrent invocations of a tenant',
    limits: { concurrency: 1 },
    function: sleeper(),
    query: 'sleep',
    requests: 3,
    code: 'SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY',
    ...refuses,
  },
  {
    title: 'queued invocations of a function',
    function: loop({ wallTimeUs: 300_000, queued: 1 }),
    requests: 4,
    code: 'SLEDGE_ERR_INVOKE_FUNCTION_QUEUE',
    ...refuses,
  },
  {
    title: 'queued invocations of a tenant',
    limits: { queued: 1 },
    function: loop({ wallTimeUs: 300_000 }),
    requests: 4,
    code: 'SLEDGE_ERR_INVOKE_TENANT_QUEUE',
    ...refuses,
  },
  {
    title: 'the rate of requests to a tenant',
    limits: { requestsPerSecond: 1, burst: 1 },
    function: { name: 'echo' },
    requests: 3,
    code: 'SLEDGE_ERR_INVOKE_TENANT_RATE',
    ...refuses,
    otherwise: 200,
  },
  {
    title: 'the body of a function',
    function: { name: 'echo', limits: { bodyBytes: 10 } },
    body: 'eleven bytes',
    status: 413,
    code: 'SLEDGE_ERR_HTTP_BODY_TOO_LARGE',
    rpc: 'RESOURCE_EXHAUSTED',
  },
];

function tenantOf(name: string, fn: FunctionOptions | string, limits = {}): object {
  const [tenant] = configOf([fn]).tenants as object[];
  return { ...tenant, name, limits };
}

const codeOf = (text: string) => /"code":"(?<code>\w+)"/.exec(text)?.groups?.code;

async function call(url: string, body: string) {
  const answer = await request(url, { method: 'POST', body });
  return { status: answer.statusCode, text: await answer.body.text() };
}

describe('a tenant at its limit', () => {
  let server: Server;
  beforeAll(async () => {
    const greedy = rows.map((row, at) => tenantOf(`greedy-${at}`, row.function, row.limits));
    server = await Server.start({
      config: {
        workers: { count: 1 },
        transports: [['http', {}]],
        tenants: [...greedy, tenantOf('neighbour', 'echo')],
      },
    });
  }, 320_000);
  afterAll(() => server.stop());

  test.each(rows.map((row, at) => [row.title, row, at] as const))(
    '%s ends in its own way, and all requests of a neighbour as they would',
    async (_title, row, at) => {
      const { name } = row.function;
      const url = `${server.urls[at]}/${name}${row.query === undefined ? '' : `?${row.query}`}`;
      const neighbourUrl = `${server.urls[rows.length]}/echo`;
      const { requests = 1, body } = row;
      const [answers, neighbours] = await Promise.all([
        together(url, requests, body === undefined ? {} : { method: 'POST', body }),
        Promise.all(
          Array.from({ length: NEIGHBOUR_REQUESTS }, (_, i) => call(neighbourUrl, `<${i}>`)),
        ),
      ]);
      expect(neighbours.map(({ status, text }) => [status, text])).toEqual(
        neighbours.map((_, i) => [200, `<${i}>`]),
      );
      const hit = answers.filter(({ status }) => status === row.status);
      expect(hit.length).toBeGreaterThan(0);
      for (const { text, headers } of hit) {
        expect(codeOf(text)).toBe(row.code);
        if (row.text !== undefined) expect(text).toBe(row.text);
        if (row.status === 429) expect(headers['retry-after']).toBe('1');
      }
      const others = answers.filter(({ status }) => status !== row.status);
      expect(others.map(({ status }) => status)).toEqual(others.map(() => row.otherwise));
      expect(others.length).toBe(row.otherwise === undefined ? 0 : answers.length - hit.length);
      if (row.code !== undefined) {
        expect(ERROR_CATALOGUE[row.code]).toMatchObject({ http: row.status, rpc: row.rpc });
      }
    },
  );

  test('has an error code of its own for each of them', () => {
    const perFunction = rows.filter(({ limits }) => limits === undefined).map(({ code }) => code);
    expect(new Set(perFunction).size).toBe(perFunction.length);
  });
});

test('limits that only native slots can hold are refused with the sandbox v8', async () => {
  const refused = Server.start({
    config: {
      sandbox: 'v8',
      transports: [['http', {}]],
      tenants: [tenantOf('a', 'echo', { memoryBytes: WASM_PAGE })],
    },
  });
  const reason = /tenants\[0\]\.limits\.memoryBytes: this sandbox does not have it/;
  await expect(refused).rejects.toThrow(reason);
});
