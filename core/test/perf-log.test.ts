import { readFileSync } from 'node:fs';
import path from 'node:path';
import { configFromObject } from '../src';
import { COMPLETION_FIELDS, PERF_COLUMN_NAMES, PERF_COLUMNS, PerfText } from '../src/host';
import type { PerfColumnChoice, PerfFormat } from '../src/host';

const CONTEXT = {
  functions: [{ tenant: 'a, "b"', name: 'fib', requestType: 7 }],
  startedMs: 1_700_000_000_000,
};
// request 9 on worker 2: arrived at 1000 us, ran from 1012, ended at 1050.5, due at 1050
const MISSED = [9, 2, 0, 0, 0, 4, 1, 1e6, 1.012e6, 1.0505e6, 30_250, 1.05e6, 25_000, 2_000, 1_500];
// request 10 was dropped at its deadline and has never started
const DROPPED = [10, -1, 0, 6, 404, 0, 0, 1e6, -1, 1.05e6, 0, 1.05e6, 25_000, 0, 0];

function linesOf(format: PerfFormat, choice: PerfColumnChoice): string[] {
  const text = new PerfText(format, choice, CONTEXT);
  const rows = text.rows(new Float64Array([...MISSED, ...DROPPED]), 2);
  return (text.head() + rows).trimEnd().split('\n');
}

/** Fields of a CSV line with quotes. */
const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)].map(([, field]) => field ?? '');

test("SLEdgeScale's columns are its own, in its order", () => {
  const [header, missed, dropped] = linesOf('csv', 'sledgescale');
  expect(header).toBe(
    'tid,rid,SLO,total,execution,queued,rtype,init,cleanup,deadline,queuelen,estimated',
  );
  expect(missed).toBe('2,9,miss,50.5,30.25,10,7,2,1.5,50,4,25');
  expect(dropped).toBe('-1,10,meet,50,0,50,7,0,0,50,0,25');
});

test('header and rows agree for every choice of columns', () => {
  const reversed = [...PERF_COLUMN_NAMES].reverse();
  const choices: PerfColumnChoice[] = ['all', 'sledgescale', reversed];
  for (const choice of [...choices, ...PERF_COLUMN_NAMES.map((name) => [name])]) {
    const [header = '', ...rows] = linesOf('csv', choice);
    const names = header.split(',');
    if (typeof choice !== 'string') expect(names).toEqual(choice);
    expect(rows.map((row) => fieldsOf(row).length)).toEqual([names.length, names.length]);
    for (const line of linesOf('ndjson', choice)) {
      expect(Object.keys(JSON.parse(line) as object)).toEqual(names);
    }
  }
});

test('both formats say the same', () => {
  const [header = '', missed = ''] = linesOf('csv', 'all');
  const json = JSON.parse(linesOf('ndjson', 'all')[0] ?? '') as Record<string, unknown>;
  const values = fieldsOf(missed).map((field) => field.replace(/^"|"$/g, '').replaceAll('""', '"'));
  expect(values).toEqual(header.split(',').map((name) => String(json[name])));
  expect(json).toMatchObject({ tenant: 'a, "b"', status: 'completed', detail: '', late: 0.5 });
});

test('the guide tells of every column, as it is declared', () => {
  const guide = readFileSync(path.join(__dirname, '../../docs/guides/observe.md'), 'utf8');
  const rows = guide.replace(/ +\|/g, ' |').split('\n');
  const declared = PERF_COLUMNS.map(({ name, about }) => `| \`${name}\` | ${about} |`);
  expect(rows.filter((row) => declared.includes(row))).toEqual(declared);
});

test('a completion has as many numbers as the native part writes', () => {
  expect(MISSED).toHaveLength(COMPLETION_FIELDS);
});

test('a wrong configuration of the perf log is refused by name', () => {
  const refusal = (perfLog: object): string => {
    try {
      configFromObject({ perfLog });
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal({ columns: ['tid', 'SLOW'] })).toMatch(/perfLog\.columns.*SLO/);
  expect(refusal({ format: 'xml' })).toMatch(/perfLog\.format/);
  expect(refusal({ bufferRows: 0 })).toMatch(/perfLog\.bufferRows/);
  expect(refusal({ pth: 'x' })).toMatch(/perfLog\.pth.*path/);
});
