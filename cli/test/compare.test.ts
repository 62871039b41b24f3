import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sledge } from './support/sledge';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-compare-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const VARIANTS = ['--a', 'edf-interrupt/edf', '--b', 'global-queue/fifo'];
const SHORT = ['--repeats', '2', '--duration', '0.2', '--warmup', '0', '--loads', '0.2'];

test('two variants run on the live runtime, and a bundle holds all of it', () => {
  const flags = [
    '--workload',
    'high-bimodal',
    '--scale',
    '20',
    '--oversubscribe',
    '--workers',
    '1',
  ];
  const { status, stdout, stderr } = sledge(folder, [
    ...['compare', ...VARIANTS, ...SHORT, ...flags],
    ...['--json', '--bundle', 'bundle'],
  ]);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  const document = JSON.parse(stdout) as {
    schema: string;
    command: string;
    machine: Record<string, unknown>;
    runs: { variant: string; counts: Record<string, number> }[];
    comparisons: { verdict: string }[];
  };
  expect(document.schema).toBe('sledge-compare/2');
  expect(document.runs.map(({ variant }) => variant).sort()).toEqual([
    'edf-interrupt/edf',
    'edf-interrupt/edf',
    'global-queue/fifo',
    'global-queue/fifo',
  ]);
  for (const { counts } of document.runs) {
    expect(counts.planned).toBeGreaterThan(0);
    expect(counts.answered).toBe(counts.planned);
  }
  // Two repeats say nothing of noise.
  expect(new Set(document.comparisons.map(({ verdict }) => verdict))).toEqual(
    new Set(['too few runs']),
  );
  expect(Object.keys(document.machine)).toEqual(
    expect.arrayContaining(['smt', 'governor', 'steal', 'cores', 'commit']),
  );
  const bundle = path.join(folder, 'bundle');
  const files = ['result.json', 'result.schema.json', 'config.json', 'samples.csv', 'machine.json'];
  for (const file of [...files, 'command.txt', 'report.html']) {
    expect([file, existsSync(path.join(bundle, file))]).toEqual([file, true]);
  }
  expect(readFileSync(path.join(bundle, 'command.txt'), 'utf8').trim()).toBe(document.command);
});

test('more workers than the machine has room for are refused with a way out', () => {
  const flags = ['--workload', 'high-bimodal', '--workers', '4096'];
  const { status, stderr } = sledge(folder, ['compare', ...VARIANTS, ...flags]);
  expect([status, stderr]).toEqual([2, expect.stringContaining('--oversubscribe')]);
});

test('the same command runs in virtual time, and its page is written', () => {
  const flags = ['--workload', 'tpcc', '--workload', 'rocksdb', '--loads', '0.2,0.6'];
  const size = ['--workers', '64', '--requests', '2000', '--repeats', '6', '--ideal'];
  const { status, stdout } = sledge(folder, [
    ...['compare', '--simulated', ...VARIANTS, ...flags, ...size],
    ...['--csv', 'samples.csv', '--html', 'report.html'],
  ]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/rocksdb +0\.6 +missRate/)]);
  const rows = readFileSync(path.join(folder, 'samples.csv'), 'utf8').trim().split('\n');
  expect(rows).toHaveLength(1 + 2 * 2 * 6 * (5 + 2));
  expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toContain('in virtual time');
});
