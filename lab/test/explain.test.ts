import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  costModel,
  explainRequest,
  loadPolicies,
  loadWorkload,
  runCell,
  writeTrace,
} from '@sledge/lab';
import type { Cell, FullCellResult, PolicyChoices } from '@sledge/lab';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-explain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FIFO: PolicyChoices = { dispatcher: 'global-queue', scheduler: 'fifo' };
const EDF: PolicyChoices = { dispatcher: 'edf-interrupt', scheduler: 'edf' };

/** A long request, and a short one that comes while it runs. */
const LONG_THEN_SHORT = ['0,long,100,1000', '20,short,1,20'];

/** A trace of exactly these requests: arrival, class, service time, deadline, in us. */
async function traceOf(rows: readonly string[], choices: PolicyChoices, workers = 1) {
  const csv = path.join(folder, 'requests.csv');
  writeFileSync(csv, ['arrival_us,class,service_us,deadline_us', ...rows, ''].join('\n'));
  const workload = await loadWorkload({ source: csv }, folder);
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const requests = rows.length;
  const base = { workload, workers, load: undefined, requests, warmup: 0, seed: 1, costs };
  const cell: Cell = { ...base, recordMax: 1000, ...loadPolicies(choices, __dirname) };
  const file = path.join(folder, 'trace.json');
  writeTrace(file, cell, runCell(cell) as FullCellResult);
  return file;
}

const wordsOf = async (file: string, request: number): Promise<string> =>
  (await explainRequest(file, request)).sentences.join('\n');

test('a short request behind a long one: head-of-line blocking, and late for it', async () => {
  const file = await traceOf(LONG_THEN_SHORT, FIFO);
  expect(await explainRequest(file, 2)).toMatchObject({ isLate: true, preemptions: 0 });
  expect(await wordsOf(file, 2)).toBe(
    [
      'Request 2 (short) arrived at 20 us with its deadline 20 us later, at 40 us; ' +
        'it was expected to take 1 us and takes 1 us.',
      'The dispatcher (dispatch-global-queue) held it, with nothing held before it: ' +
        'it holds requests in one queue, and whichever worker is free takes one.',
      'At that moment worker 0 ran request 1 (long).',
      'It waited 80 us for worker 0 and began there; meanwhile it ran ' +
        'request 1 (long) for 80 us. That is head-of-line blocking: request 1 alone is ' +
        '100 % of this wait, 80 times what this request takes.',
      'It completed 81 us after its arrival: 1 us on a worker and 80 us waiting.',
      'It missed its deadline by 61 us: it needed 1 us of 20 us, and lost the rest waiting, ' +
        'most of all for request 1.',
    ].join('\n'),
  );
});

test('a request preempted by one with an earlier deadline', async () => {
  const file = await traceOf(LONG_THEN_SHORT, EDF);
  const words = await wordsOf(file, 1);
  expect(words).toContain('It began on worker 0 at once.');
  expect(words).toContain(
    'After 20 us it was preempted by request 2 (short), because that deadline, at 40 us, is ' +
      '960 us before its own.',
  );
  expect(words).toContain('It waited 1 us for worker 0 and went on there');
  expect(words).toContain('It met its deadline with 899 us to spare.');
  expect(await wordsOf(file, 2)).toContain('worker 0 was asked to leave request 1.');
});

test('a request preempted because its quantum had ended', async () => {
  const quantum: PolicyChoices = { ...FIFO, scheduler: ['fifo', { quantumUs: 40 }] };
  const words = await wordsOf(await traceOf(LONG_THEN_SHORT, quantum), 1);
  expect(words).toMatch(/preempted by request 2 \(short\), because its quantum had ended/);
});

test('a deadline that nothing could have met', async () => {
  const words = await wordsOf(await traceOf(['0,hasty,100,50'], FIFO), 1);
  expect(words).toContain('It missed its deadline by 50 us: it took longer than its deadline');
});

test('a number that the trace does not have is an error that says which it has', async () => {
  const file = await traceOf(LONG_THEN_SHORT, FIFO);
  await expect(explainRequest(file, 3)).rejects.toThrow(/Request 3 .*it has requests 1 to 2/);
});

test('a file that is no trace, or is broken, is an error that says where', async () => {
  const file = path.join(folder, 'other.json');
  await expect(explainRequest(path.join(folder, 'none.json'), 1)).rejects.toThrow(/ENOENT/);
  writeFileSync(file, '{"traceEvents":[]}\n');
  await expect(explainRequest(file, 1)).rejects.toThrow(/does not begin as a trace of sledge/);
  const lines = readFileSync(await traceOf(LONG_THEN_SHORT, FIFO), 'utf8').split('\n');
  const at = lines.findIndex((line) => line.includes('"request":1'));
  lines[at] = '{"ph":"X","request":1,';
  writeFileSync(file, lines.join('\n'));
  await expect(explainRequest(file, 1)).rejects.toThrow(`line ${at + 1} is no event of a trace`);
});

test('the trace of a server that was killed is read as far as it goes', async () => {
  const text = readFileSync(await traceOf(LONG_THEN_SHORT, FIFO), 'utf8');
  const file = path.join(folder, 'cut.json');
  writeFileSync(file, text.slice(0, text.lastIndexOf('"finished"')));
  const { sentences } = await explainRequest(file, 1);
  expect(sentences.at(-1)).toMatch(/ends early/);
});
