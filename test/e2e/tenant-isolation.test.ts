import path from 'node:path';
import { request } from 'undici';
import { scrape } from './scrape';
import { root, Server } from './server';

afterAll(() => Server.stopAll());

const HANGS = 12;
const CONCURRENCY = 1;
const CALLS = 20;
/** Between what a long call takes and what a short one does, with room on both sides. */
const DEADLINE_US = 100_000;
const LONG = '38';
const SHORT = '5';
const FOR_EVER = '70';

const work = {
  name: 'work',
  path: path.join(root, 'functions/fibonacci.wasm'),
  route: '/work',
  limits: { wallTimeUs: 3_500_000 },
};
const config = {
  transports: [['http', {}]],
  admission: 'deadline',
  estimator: ['percentile', { minSamples: 2 }],
  workers: { count: 2 },
  tenants: [
    { name: 'noisy', port: 0, functions: [work], limits: { concurrency: CONCURRENCY } },
    { name: 'calm', port: 0, functions: [work] },
  ],
};

test('two tenants with one module under one name each learn and pay for themselves', async () => {
  const server = await Server.start({ config });
  const [noisy, calm] = server.urls as [string, string];
  const call = async (url: string, n: string, headers = {}): Promise<number> => {
    const answer = await request(`${url}/work?${n}`, { headers });
    await answer.body.dump();
    return answer.statusCode;
  };
  const soon = { 'x-sledge-deadline-us': String(DEADLINE_US) };
  expect(await call(calm, SHORT)).toBe(200);
  for (let at = 0; at < 2; at += 1) expect(await call(noisy, LONG)).toBe(200);
  // estimates: the one is known to take longer than that, the other is not
  expect(await call(noisy, SHORT, soon)).toBe(429);
  expect(await call(calm, SHORT, soon)).toBe(200);
  // one floods with what hangs: the other has answers meanwhile
  const flood = Promise.all(Array.from({ length: HANGS }, () => call(noisy, FOR_EVER)));
  for (let at = 0; at < CALLS; at += 1) expect(await call(calm, SHORT)).toBe(200);
  const statuses = await flood;
  expect(statuses.filter((status) => status === 504)).toHaveLength(CONCURRENCY);
  expect(statuses.filter((status) => status === 429)).toHaveLength(HANGS - CONCURRENCY);
  await checkMetrics(server);
  await server.stop();
});

async function checkMetrics(server: Server): Promise<void> {
  const { value } = await scrape(server.control);
  const of = (tenant: string, more = {}) => ({ tenant, function: 'work', ...more });
  const outcome = (tenant: string, name: string) =>
    value('sledge_requests_total', of(tenant, { outcome: name }));
  expect(outcome('calm', 'completed')).toBe(CALLS + 2);
  expect(outcome('calm', 'timed-out')).toBe(0);
  expect(value('sledge_requests_rejected_total', of('calm'))).toBe(0);
  expect(outcome('noisy', 'completed')).toBe(2);
  expect(outcome('noisy', 'timed-out')).toBe(CONCURRENCY);
  expect(value('sledge_requests_rejected_total', of('noisy'))).toBe(HANGS - CONCURRENCY + 1);
  const paid = (tenant: string) => value('sledge_tenant_cpu_seconds_total', { tenant });
  for (const tenant of ['noisy', 'calm']) {
    expect(paid(tenant)).toBe(value('sledge_function_cpu_seconds_total', of(tenant)));
    const memory = value('sledge_tenant_memory_byte_seconds_total', { tenant });
    expect(memory).toBe(value('sledge_function_memory_byte_seconds_total', of(tenant)));
    expect(memory).toBeGreaterThan(0);
    for (const gauge of ['requests_in_flight', 'requests_queued', 'memory_bytes']) {
      expect(value(`sledge_tenant_${gauge}`, { tenant })).toBe(0);
    }
    expect(value('sledge_tenant_queue_share_requests', { tenant })).toBeGreaterThan(0);
  }
  expect(value('sledge_tenant_requests_total', { tenant: 'calm' })).toBe(CALLS + 2);
  expect(value('sledge_tenant_requests_total', { tenant: 'noisy' })).toBe(CONCURRENCY + 2);
  // nobody knew that noisy's first calls are long, and that is on its account alone
  const error = (tenant: string) => value('sledge_estimate_error_seconds_total', of(tenant));
  expect(error('noisy')).toBeGreaterThan(error('calm'));
  expect(value('sledge_estimate_seconds_total', of('calm'))).toBeGreaterThan(0);
}
