import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { request } from 'undici';
import { scrape } from './scrape';
import { configOf, root, Server } from './server';
import { together } from './together';

afterAll(() => Server.stopAll());

const functions = [
  { name: 'fibonacci', relativeDeadlineUs: 60_000_000 },
  { name: 'trap_unreachable' },
  { name: 'endless_loop', relativeDeadlineUs: 1, limits: { wallTimeUs: 20_000, concurrency: 1 } },
  { name: 'empty' },
];

test('what was called is what the metrics count, by function, worker and group', async () => {
  const server = await Server.start({ config: configOf(functions) });
  const call = async (name: string): Promise<number> => {
    const answer = await request(`${server.url}/${name}`);
    await answer.body.dump();
    return answer.statusCode;
  };
  for (let at = 0; at < 25; at += 1) expect(await call('fibonacci?10')).toBe(200);
  for (let at = 0; at < 3; at += 1) expect(await call('trap_unreachable')).toBe(500);
  const both = await together(`${server.url}/endless_loop`, 2);
  expect(both.map(({ status }) => status)).toEqual([504, 429]);
  const metrics = await scrape(server.control);
  const { value } = metrics;
  const of = (name: string, more = {}) => ({ tenant: 'test', function: name, ...more });
  const outcome = (name: string, of_: string) =>
    value('sledge_requests_total', of(name, { outcome: of_ }));
  expect(outcome('fibonacci', 'completed')).toBe(25);
  expect(outcome('trap_unreachable', 'trapped')).toBe(3);
  expect(outcome('endless_loop', 'timed-out')).toBe(1);
  const refused = of('endless_loop', { reason: 'concurrency' });
  expect(value('sledge_requests_rejected_total', refused)).toBe(1);
  expect(value('sledge_deadlines_met_total', of('fibonacci'))).toBe(25);
  expect(value('sledge_deadlines_missed_total', of('endless_loop'))).toBe(1);
  for (const name of ['sojourn_seconds', 'wait_seconds', 'service_seconds', 'slowdown']) {
    expect(value(`sledge_${name}_count`, of('fibonacci'))).toBe(25);
    expect(value(`sledge_${name}_bucket`, of('fibonacci', { le: '+Inf' }))).toBe(25);
  }
  const billed = value('sledge_function_cpu_seconds_total', of('endless_loop'));
  expect(billed).toBeGreaterThanOrEqual(0.02);
  const memory = value('sledge_function_memory_byte_seconds_total', of('endless_loop'));
  expect(memory).toBeGreaterThanOrEqual(0.02 * 65_536);
  expect(
    metrics.all.get('sledge_requests_total')?.some((of) => of.labels?.function === 'empty'),
  ).toBe(false);
  expect(value('sledge_worker_sandbox_seconds_total', {})).toBeGreaterThanOrEqual(billed);
  expect(value('sledge_dispatcher_accepted_total', { group: 'default' })).toBe(29);
  expect(value('sledge_worker_queue_length', { group: 'default', worker: '0' })).toBe(0);
  expect(value('sledge_ready', {})).toBe(1);
  await checkCommand(server);
  await server.stop();
});

async function checkCommand(server: Server): Promise<void> {
  const sledge = path.join(root, 'cli/bin/sledge.js');
  const run = (...more: string[]) =>
    spawnSync(process.execPath, [sledge, 'metrics', '--socket', server.control, ...more], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
  const { status, stdout } = run();
  expect(status).toBe(0);
  expect(stdout).toMatch(/TENANT +FUNCTION +ACCEPTED .*SOJOURN P50 .*SLOWDOWN P99/);
  expect(stdout).toMatch(/test +fibonacci +25 .* (us|ms|s) /);
  expect(stdout).toMatch(/GROUP +WORKER +QUEUED +RUNS .*PREEMPTIONS/);
  const report = JSON.parse(run('--json').stdout) as { name: string; samples: unknown[] }[];
  const [sojourn] = report.filter(({ name }) => name === 'sledge_sojourn_seconds');
  expect(sojourn?.samples).toContainEqual({
    labels: { tenant: 'test', function: 'fibonacci' },
    value: expect.objectContaining({
      count: 25,
      quantiles: expect.objectContaining({ p50: expect.any(Number) }),
    }),
  });
}
