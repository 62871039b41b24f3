import { stripVTControlCharacters } from 'node:util';
import { screenText } from '../src/commands/top-screen';
import type { TopScreen } from '../src/commands/top-screen';

const quantiles = { p50: 12.3, p99: 4_560, p999: null };
const counted = {
  ...{ ended: 9_000, completed: 9_000, rejected: 0, missed: 3, inFlight: 2, queued: 1 },
  ...{ ratePerS: 1234.5, missedPerS: 1.5, rejectedPerS: 0, preemptionsPerS: 7 },
  sojournUs: quantiles,
  slowdown: quantiles,
};
const functionOf = (name: string) => ({
  ...{ tenant: 'edge', function: name, accepted: 9_002, preemptions: 7, serviceP50Us: 10 },
  ...counted,
});

function lookAt(names: readonly string[]): TopScreen {
  const worker = { group: 'default', isIdle: false, queued: 6, runsPerS: 1, preemptionsPerS: 5 };
  const group = { group: 'default', held: 1, queued: 2, running: 3, blocked: 4 };
  return {
    phase: 'serving',
    sample: {
      ...{ sequence: 2, at: 0, seconds: 1, total: counted },
      functions: names.map(functionOf),
      functionsLeftOff: 5,
      workers: [{ ...worker, sandboxShare: 0.5, cpuShare: 0.6 }],
      groups: [{ ...group, interruptsPerS: 0, refusedPerS: 0 }],
    },
  };
}

const names = Array.from({ length: 40 }, (_, at) => `function-${at}`);

test.each([40, 60, 80, 200])('%d columns hold every line, the telling ones first', (columns) => {
  const lines = stripVTControlCharacters(screenText(lookAt(names), columns, 24)).split('\n');
  expect(lines.filter((line) => line.length > columns)).toEqual([]);
  expect(lines.length).toBeLessThanOrEqual(24);
  const head = lines.find((line) => line.includes('FUNCTION')) ?? '';
  expect(head).toMatch(/FUNCTION +PER S/);
  expect(head.includes('ENDED')).toBe(columns === 200);
  expect(lines.at(-1)).toMatch(/^and \d+ more$/);
});

test('figures are short, with their units, and what is unknown is a dash', () => {
  const text = screenText(lookAt(['f']), 200, 50);
  expect(text).toMatch(/^serving {2}1230 per s {2}sojourn p50 12.3 us, p99 4.56 ms/);
  expect(text).toContain('worker 0 runs 50 %, 6 queued, 5 preempted/s');
  expect(text).toContain('default: 1 held  2 queued  3 running  4 blocked');
});

test('a name cannot move the cursor, and the function of a long one can still be told', () => {
  const text = screenText(lookAt(['\u001b[2J', `${'x'.repeat(60)}-last`]), 200, 50);
  expect(text.includes('\u001b[2J')).toBe(false);
  expect(text).toContain('edge/?[2J');
  expect(text).toMatch(/edge\/x+~x+-last/);
});
