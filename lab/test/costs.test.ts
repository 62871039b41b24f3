/** Where the costs of a simulated machine come from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import {
  COST_NAMES,
  costModel,
  loadCosts,
  rememberMachine,
  rememberMeasurement,
} from '@sledge/lab';

const before = process.env.XDG_CACHE_HOME;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'costs-'));
  process.env.XDG_CACHE_HOME = folder;
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
});

const machine = { cpu: cpus()[0]?.model ?? 'unknown', kernel: 'any' };

const remember = (bench: string, figures: Record<string, number>, of = machine): void =>
  rememberMeasurement({
    bench,
    machine: of,
    figures: Object.entries(figures).map(([name, median]) => ({ name, median })),
  });

const file = (text: string): string => {
  writeFileSync(path.join(folder, 'costs.json'), text);
  return 'costs.json';
};

test('every name has costs and says where they come from', () => {
  for (const name of COST_NAMES) {
    const { costs, source } = loadCosts(name, folder);
    expect(Object.values(costs)).toHaveLength(11);
    expect(Object.values(costs).every((value) => value >= 0)).toBe(true);
    expect(source).toMatch(/\w/);
  }
  expect(Object.values(costModel('ideal')?.costs ?? { none: 1 })).toEqual(Array(11).fill(0));
  expect(costModel('measured')).toBeUndefined();
});

test('this machine has what was measured on it, and says what is only assumed', () => {
  rememberMachine({ futexWakeNs: 40_000 });
  remember('preempt', { context_switch: 36, safepoint_p50: 630, max_poll_gap: 1984 });
  remember('sandbox', { slot_to_first_instruction: 59, empty_on_worker: 662 });
  const { costs, source } = loadCosts('this-machine', folder);
  expect(costs).toMatchObject({
    wakeNs: 40_000,
    startNs: 59,
    finishNs: 603,
    switchNs: 36,
    noticeNs: 535,
    granularityNs: 1984,
    inflation: 0.02,
  });
  expect(source).toMatch(/but for inflation: assumed/);
  remember('preempt', { poll_overhead: 0.98, context_switch: 36 });
  expect(loadCosts('this-machine', folder).costs.inflation).toBe(0);
});

test('signals are noticed later than safepoints, anywhere, and lengthen nothing', () => {
  rememberMachine({ futexWakeNs: 40_000, signalLatencyNs: 9000 });
  const { costs } = loadCosts('this-machine-signals', folder);
  expect(costs).toMatchObject({ noticeNs: 9000, granularityNs: 0, inflation: 0 });
  remember('preempt', { context_switch: 36, signal_p50: 14_311 });
  remember('sandbox', { slot_to_first_instruction: 59 });
  expect(loadCosts('this-machine-signals', folder).costs.noticeNs).toBe(14_216);
});

test('a signal is measured if only a wake-up was', () => {
  rememberMachine({ futexWakeNs: 40_000 });
  const { source } = loadCosts('this-machine-signals', folder);
  expect(source).not.toMatch(/noticeNs/);
});

test('a wake-up is measured once and then the same, so that runs can be repeated', () => {
  const first = loadCosts('this-machine', folder).costs;
  expect(first.wakeNs).toBeGreaterThan(0);
  expect(loadCosts('this-machine', folder).costs).toEqual(first);
});

test('what was measured on another processor is not of this machine', () => {
  remember('preempt', { context_switch: 1 }, { ...machine, cpu: 'another' });
  expect(loadCosts('this-machine', folder).costs.switchNs).toBe(20);
});

test('a file names the costs it has, the rest is free', () => {
  const text = '{"source": "mine", "canMigrate": false, "costs": {"interruptNs": 600}}';
  const { costs, source, canPreempt, canMigrate } = loadCosts(file(text), folder);
  expect(costs).toMatchObject({ interruptNs: 600, wakeNs: 0, inflation: 0 });
  expect({ source, canPreempt, canMigrate }).toEqual({
    source: 'mine',
    canPreempt: true,
    canMigrate: false,
  });
});

test.each([
  ['{"costs": {"interuptNs": 600}}', /interuptNs/],
  ['{"costs": {"interruptNs": -1}}', /costs.interruptNs/],
  ['{', /JSON/],
])('a file such as %s is refused with its place', (text, reason) => {
  expect(() => loadCosts(file(text), folder)).toThrow(reason);
});

test('an unknown name is refused with the nearest one', () => {
  expect(() => loadCosts('shinjuka', folder)).toThrow(/shinjuku/);
  expect(() => loadCosts('none.json', folder)).toThrow(/ENOENT/);
});
