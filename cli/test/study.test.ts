import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sledge } from './support/sledge';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-study-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STUDY = `export default {
  name: 'small',
  variants: [
    { name: 'fifo', dispatcher: 'global-queue', scheduler: 'fifo' },
    { name: 'mine', dispatcher: './mine.ts', scheduler: 'fifo' },
  ],
  workloads: ['high-bimodal'],
  workers: [2, 4],
  loads: [0.5],
  requests: 2000,
  requestsPerWorker: 0,
};
`;

const MINE = `import { defineDispatcher } from '@sledge/core';
export default defineDispatcher({
  name: 'mine',
  create: () => ({
    arrive(request, workers) {
      workers.assign(request.id % workers.length, request);
    },
  }),
});
`;

test('a study writes its report beside itself, and one of its points again', () => {
  writeFileSync(path.join(folder, 'study.ts'), STUDY);
  writeFileSync(path.join(folder, 'mine.ts'), MINE);
  const whole = sledge(folder, ['study', 'study.ts']);
  expect([whole.status, whole.stderr]).toEqual([0, expect.stringContaining('4 points written')]);
  const { schema, figures } = JSON.parse(
    readFileSync(path.join(folder, 'report.json'), 'utf8'),
  ) as { schema: string; figures: Record<string, unknown> };
  expect(schema).toBe('sledge-study/1');
  const key = 'high-bimodal/w4/0.5/mine';
  expect(Object.keys(figures)).toHaveLength(4);
  const one = sledge(folder, ['study', 'study.ts', '--cell', key, '--threads', '1']);
  expect((JSON.parse(one.stdout) as { figures: object }).figures).toEqual({ [key]: figures[key] });
});

test('a point that the study has not is refused with the nearest one', () => {
  const { status, stderr } = sledge(folder, [
    'study',
    'study.ts',
    '--cell',
    'high-bimodal/w4/0.5/mina',
  ]);
  expect([status, stderr]).toEqual([2, expect.stringContaining('high-bimodal/w4/0.5/mine')]);
});
