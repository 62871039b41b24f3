import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT, serve, sledge } from './support/sledge';
import type { Server } from './support/sledge';

let folder: string;
let server: Server;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'sledge-load-test-'));
  const fn = { name: 'hash', path: path.join(ROOT, 'functions/hash.wasm'), route: '/hash' };
  const tenants = [{ name: 'lab', port: 0, functions: [fn] }];
  writeFileSync(path.join(folder, 'sledge.config.json'), JSON.stringify({ tenants }));
  server = await serve(folder, []);
});

afterAll(async () => {
  await server?.end('SIGINT');
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  mode: string;
  counts: { planned: number; statuses: Record<string, number> };
  classes: { name: string; slowdown: { p50: number } }[];
}

const runs = (stdout: string) => JSON.parse(stdout) as { schema: string; runs: Run[] };

test('sledge load sweeps rates, counts what it planned, and writes a row for each request', () => {
  const csv = path.join(folder, 'samples.csv');
  const flags = [
    '--rate',
    '100,200',
    '--duration',
    '0.5',
    '--warmup',
    '0',
    '--grace-ms',
    '60000',
    '--csv',
    csv,
  ];
  const classes = ['--class', 'short,3,/hash?10,1000000', '--class', 'long,1,/hash?1000'];
  const { stdout, status } = sledge(folder, [
    'load',
    '--json',
    '--target',
    server.url,
    ...flags,
    ...classes,
  ]);
  expect(status).toBe(0);
  const document = runs(stdout);
  expect(document.schema).toBe('sledge-load/1');
  expect(document.runs).toHaveLength(2);
  for (const run of document.runs) {
    expect(run.mode).toBe('open-loop');
    expect(run.counts.statuses).toEqual({ 200: run.counts.planned });
    expect(run.classes.map(({ name }) => name)).toEqual(['short', 'long']);
  }
  const planned = document.runs.reduce((sum, { counts }) => sum + counts.planned, 0);
  const [header = '', ...rows] = readFileSync(csv, 'utf8').trimEnd().split('\n');
  expect(rows).toHaveLength(planned);
  const widths = new Set(rows.map((row) => row.split(',').length));
  expect([...widths]).toEqual([header.split(',').length]);
});

test('sledge load makes service times with the hash function, calibrated on the spot', () => {
  const { stdout, stderr, status } = sledge(folder, [
    'load',
    '--json',
    '--target',
    server.url,
    ...['--service-us', 'short,1,20,1000000', '--rate', '50', '--duration', '0.5'],
  ]);
  expect(status).toBe(0);
  expect(stderr).toMatch(/\/hash\?\{n\}: \d+\.\d\d ns per round/);
  const one = runs(stdout).runs[0]?.classes[0];
  // On the wire and in the queue too, so longer than the service alone.
  expect(one?.slowdown.p50).toBeGreaterThan(1);
});

test('a closed loop says so where it is read', () => {
  const flags = ['--closed', '--requests', '50', '--connections', '2', '--warmup', '0'];
  const { stdout, status } = sledge(folder, ['load', '--target', `${server.url}/hash?5`, ...flags]);
  expect(status).toBe(0);
  expect(stdout).toContain('CLOSED LOOP');
  expect(stdout).toContain('answered 50');
});

test.each([
  [['--rate', '0'], '--rate is a number from'],
  [['--class', 'only-a-name'], '--class is name,share'],
  [['--connections', '1.5'], '--connections is a whole number'],
])('flags %j are refused with their reason', (flags, reason) => {
  const { status, stderr } = sledge(folder, ['load', '--target', server.url, ...flags]);
  expect([status, stderr]).toEqual([2, expect.stringContaining(reason)]);
});
