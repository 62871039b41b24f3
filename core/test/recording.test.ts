import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import type { DataPlane } from '../src';
import { COMPLETION_FIELDS, RECORD_FIELDS, Recording } from '../src/host';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-recording-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const START = {
  workers: 1,
  functions: [{ tenant: 't', name: 'f', requestType: 0 }],
  startedMs: 0,
  about: {},
};
const ARRIVE = 0;
const START_RUN = 2;
const FINISH = 5;

/** A data plane that has recorded so many requests, one after the other, and nothing else. */
function planeWith(requests: number): DataPlane {
  let events = 0;
  let rows = 0;
  const fill = (out: Float64Array, fields: number, left: number, write: (at: number) => void) => {
    const count = Math.min(left, Math.floor(out.length / fields));
    out.fill(0);
    for (let at = 0; at < count; at += 1) write(at);
    return count;
  };
  const plane: Partial<DataPlane> = {
    takeEvents: (out) =>
      fill(out, RECORD_FIELDS, 3 * requests - events, (at) => {
        const [request, step] = [Math.floor(events / 3) + 1, events % 3];
        out.set(
          [events * 1000, [ARRIVE, START_RUN, FINISH][step] ?? 0, request],
          at * RECORD_FIELDS,
        );
        events += 1;
      }),
    takeCompletions: (out) =>
      fill(out, COMPLETION_FIELDS, requests - rows, (at) => {
        rows += 1;
        out[at * COMPLETION_FIELDS] = rows;
      }),
    stats: () => ({ traceEventsLost: 5 }),
  };
  return plane as DataPlane;
}

function logger(): { lines: string[]; log: pino.Logger } {
  const lines: string[] = [];
  return { lines, log: pino({}, { write: (line: string) => void lines.push(line) }) };
}

test('what is left when the data plane stops is written, however much it is', async () => {
  const file = path.join(folder, 'perf.csv');
  const perfLog = { path: file, format: 'csv', columns: ['rid'], bufferRows: 16 } as const;
  const recording = await Recording.open({ perfLog }, logger().log);
  recording?.begin(planeWith(100_000), START);
  await recording?.end();
  const rows = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(rows).toHaveLength(100_001);
  expect(rows.slice(0, 3)).toEqual(['rid', '1', '2']);
  expect(rows.at(-1)).toBe('100000');
});

test('a trace that is full stays valid, and counts what it has lost', async () => {
  const file = path.join(folder, 'trace.json');
  const { lines, log } = logger();
  const recording = await Recording.open({ trace: { path: file, events: 1000 } }, log);
  recording?.begin(planeWith(100_000), START);
  await recording?.end();
  const trace = JSON.parse(readFileSync(file, 'utf8')) as {
    lostEvents: number;
    traceEvents: unknown[];
  };
  const written = trace.traceEvents.length;
  expect(written).toBeGreaterThan(1000);
  expect(written).toBeLessThan(50_000);
  expect(trace.lostEvents).toBeGreaterThan(5);
  expect(lines.join('')).toContain('the trace is full');
});

test('a pipe is refused: it could hold up the server', async () => {
  const pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const opened = Recording.open({ trace: { path: pipe, events: 1 } }, logger().log);
  await expect(opened).rejects.toThrow(/pipe cannot be written: it is a pipe/);
});
