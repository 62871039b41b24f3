/** The study in the repository: its report can be made again, and its page says what it found. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { citationsIn, formatStudy, keyOf, parseStudy, pointsOf, runStudy } from '@sledge/lab';
import type { Study, StudyFigures, StudyReport } from '@sledge/lab';
import dispatchers from '../../lab/studies/dispatchers/study';

const folder = path.join(__dirname, '../../lab/studies/dispatchers');
const LONG = process.env.SLEDGE_TEST_LONG === '1';
/** One that is quick, and a few that show what is special. */
const CELLS = [
  'tpcc/w8/0.7/darc',
  ...(LONG
    ? ['high-bimodal/w8/0.8/shinjuku', 'lognormal/w64/0.9/edf-interrupt', 'rocksdb/w512/0.8/lld']
    : []),
];

const read = (): StudyReport =>
  JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8')) as StudyReport;
const study: Study = parseStudy(dispatchers, 'study.ts');

test('the report has every point of the study as it stands, and nothing else', () => {
  const { figures, study: reported } = read();
  expect(reported).toEqual(study);
  expect(Object.keys(figures)).toEqual(pointsOf(study).map(keyOf));
});

test('a point that is run again is the same to the last digit', async () => {
  const points = pointsOf(study).filter((point) => CELLS.includes(keyOf(point)));
  expect(points).toHaveLength(CELLS.length);
  const again = await runStudy(study, points, folder);
  const { figures } = read();
  for (const key of CELLS) expect([key, again.figures[key]]).toEqual([key, figures[key]]);
});

test('every figure that the page cites is in the report', () => {
  const cited = citationsIn(readFileSync(path.join(folder, 'README.md'), 'utf8'));
  expect(cited.length).toBeGreaterThan(10);
  const { figures } = read();
  for (const { key, metric, value } of cited) {
    const found = figures[key]?.[metric as keyof StudyFigures];
    expect([key, metric, found]).toEqual([key, metric, value]);
  }
});

test('the file is as a run writes it', () => {
  const text = readFileSync(path.join(folder, 'report.json'), 'utf8');
  expect(formatStudy(JSON.parse(text) as StudyReport)).toBe(text);
  expect(existsSync(path.join(folder, 'README.md'))).toBe(true);
});

test('a study that depends on the machine, or is misspelt, is refused', () => {
  expect(() => parseStudy({ ...dispatchers, costs: 'this-machine' }, 'x')).toThrow(/repeated/);
  expect(() => parseStudy({ ...dispatchers, seed: 1 }, 'x')).toThrow(/seed/);
});
