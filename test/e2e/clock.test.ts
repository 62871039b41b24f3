// Goal: whoever sets the wall clock while a server runs changes dates in its answers and nothing
// else: no limit, deadline, timeout or connection.
// Method: a preloaded library moves the wall clock of the server's process alone, by years.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { askAdmin } from '@sledge/core/host';
import type { MetricReport } from '@sledge/core/host';
import { Agent, request } from 'undici';
import { configOf, Server } from './server';

const YEAR_S = 31_557_600;
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-clock-'));
const offsetFile = path.join(folder, 'offset');
const shim = path.join(folder, 'clock-shim.so');

function setClock(years: number): void {
  const seconds = Buffer.alloc(8);
  seconds.writeBigInt64LE(BigInt(years * YEAR_S));
  writeFileSync(offsetFile, seconds, { flag: 'r+' });
}

beforeAll(() => {
  writeFileSync(offsetFile, Buffer.alloc(8));
  const source = path.join(__dirname, 'clock-shim.c');
  execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', shim, source]);
});
afterAll(() => Server.stopAll());

test('a step of the wall clock moves no limit, deadline or connection', async () => {
  const deadline = { relativeDeadlineUs: 60_000_000, onLate: 'abort' };
  const server = await Server.start({
    config: configOf([
      { name: 'fibonacci', ...deadline },
      { name: 'endless_loop', limits: { wallTimeUs: 1_000_000 } },
    ]),
    environment: { LD_PRELOAD: shim, CLOCK_OFFSET_FILE: offsetFile },
  });
  const dispatcher = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
  const ask = async (): Promise<[number, number]> => {
    const answer = await request(`${server.url}/fibonacci?10`, { dispatcher });
    expect(await answer.body.text()).toContain('55');
    return [answer.statusCode, new Date(String(answer.headers.date)).getUTCFullYear()];
  };
  const started = async (): Promise<unknown> => {
    const report = (await askAdmin(server.control, { path: '/metrics.json' })) as MetricReport[];
    return report.find(({ name }) => name === 'process_start_time_seconds')?.samples[0]?.value;
  };
  const [, year] = await ask();
  const startedAt = await started();
  for (const step of [10, -20]) {
    const endless = request(`${server.url}/endless_loop`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    setClock(step);
    expect(await ask()).toEqual([200, year + step]);
    const ended = await endless;
    expect(ended.statusCode).toBe(504);
    expect(await ended.body.text()).toContain('SLEDGE_ERR_INVOKE_TIME_LIMIT');
    const runMs = Number(/run;dur=([\d.]+)/.exec(String(ended.headers['server-timing']))?.[1]);
    expect(runMs).toBeGreaterThanOrEqual(1_000);
  }
  expect(await started()).toBe(startedAt);
  await dispatcher.close();
  expect(await server.stop('SIGTERM')).toMatchObject({ code: 0 });
});
