import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { analyzeSandboxLogs, SANDBOX_LOG_COLUMNS } from '../src';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-analyze-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('logs of several workers give one miss rate per type, weighted by share', async () => {
  const header = SANDBOX_LOG_COLUMNS.join(',');
  const files = ['a.log', 'b.log'].map((name) => path.join(folder, name));
  const rows = ['0 1 meet 100 50 20 1 1 1 1000 3 50', '0 2 miss 3000 50 20 1 1 1 1000 3 50'];
  writeFileSync(files[0] ?? '', `${[header, ...rows].join('\n')}\n`);
  writeFileSync(files[1] ?? '', `${header}\n1,3,meet,80,40,1,2,0,0,400,0,40\nnot a row\n`);
  const analysis = await analyzeSandboxLogs(files);
  expect(analysis).toMatchObject({ requests: 3, unread: 1 });
  expect(analysis.meetDeadlinePercentage).toBeCloseTo(200 / 3, 9);
  const kept = analysis.classes.map(({ type, requests, missRate }) => [type, requests, missRate]);
  expect(kept).toEqual([
    ['1', 2, 0.5],
    ['2', 1, 0],
  ]);
  expect(analysis.classes[1]?.slowdown.p50).toBeCloseTo(2, 2);
});

test('our own logs give the same in either format, each function by its name', async () => {
  const columns = 'SLO,tenant,function,total,execution';
  const csv = path.join(folder, 'own.csv');
  writeFileSync(csv, `${columns}\nmiss,"a, b",fib,300.5,100.125\nmeet,t,fib,20,10\n`);
  const rows = [
    { SLO: 'miss', tenant: 'a, b', function: 'fib', total: 300.5, execution: 100.125 },
    { SLO: 'meet', tenant: 't', function: 'fib', total: 20, execution: 10 },
  ];
  const ndjson = path.join(folder, 'own.ndjson');
  writeFileSync(ndjson, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const [one, other] = [await analyzeSandboxLogs([csv]), await analyzeSandboxLogs([ndjson])];
  expect(one.classes.map(({ type, missed }) => [type, missed])).toEqual([
    ['a, b/fib', 1],
    ['t/fib', 0],
  ]);
  expect(one).toMatchObject({ requests: 2, unread: 0, missRate: 0.5 });
  expect(other).toEqual(one);
});

test('a log without a column that is needed is refused by its name', async () => {
  const file = path.join(folder, 'short.csv');
  writeFileSync(file, 'rid,SLO,total\n1,meet,5\n');
  await expect(analyzeSandboxLogs([file])).rejects.toThrow(/short\.csv .*no column execution/);
});

test('an empty log has no requests and no rate that is not a number', async () => {
  const file = path.join(folder, 'empty.log');
  writeFileSync(file, '');
  expect(await analyzeSandboxLogs([file])).toMatchObject({ requests: 0, missRate: 0, classes: [] });
});
