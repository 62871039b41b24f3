import { join } from 'node:path';
import type { LoweredModule } from '../../plugins/sandbox-awsm/src/compiler/lower';
import { Coverage } from './coverage';
import { observe, observeInV8, openStore, SledgeEngine } from './engines';
import { type Case, type Difference, firstDifference, type Found } from './fuzzer';
import { smallCase } from './small';
import { buildUnit, type Change, descriptorName, lowerPart, removeUnit, type Unit } from './unit';

interface UnitSize extends Unit {
  readonly modules: number;
}

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const [AT_O0, AT_O1, AT_O2, AT_O3] = isLong ? [200, 300, 100, 100] : [390, 170, 30, 70];

/**
 * Units in turn: most at the level that compiles fast, and every fifth module as production does;
 * in the long run more than half of them.
 */
const ROUND: readonly UnitSize[] = [
  { modules: AT_O0, level: 'O0', polled: true },
  { modules: AT_O0, level: 'O0', polled: false },
  { modules: AT_O0, level: 'O0', polled: true, isDirect: false },
  { modules: AT_O0, level: 'O0', polled: true },
  ...[true, false].map((polled) => ({ modules: AT_O1, level: 'O1', polled }) as const),
  { modules: AT_O2, level: 'O2', polled: true },
  { modules: AT_O3, level: 'O3', polled: true },
];
export const ROUND_MODULES = ROUND.reduce((sum, { modules }) => sum + modules, 0);

/** How a module of this number is built, and how many from it on are built with it. */
export function unitOf(index: number): { unit: Unit; left: number } {
  let at = index % ROUND_MODULES;
  for (const unit of ROUND) {
    if (at < unit.modules) return { unit, left: unit.modules - at };
    at -= unit.modules;
  }
  throw new Error('a round ends where the next begins');
}

/** A module, its C and what V8 shows of it. */
export interface Ready {
  readonly subject: Case;
  readonly lowered: LoweredModule;
  readonly v8: readonly string[];
}

export function prepare(subject: Case): Ready {
  const { wasm, plan, choice } = subject;
  const lowered = lowerPart(wasm, choice.polled);
  const seen = observeInV8(wasm, plan);
  return { subject: { ...subject, plan: seen.plan }, lowered, v8: seen.v8 };
}

/** Builds modules as one unit and compares each with V8; undefined where nothing differs. */
export async function compareUnit(
  folder: string,
  ready: readonly Ready[],
  unit: Unit,
  changes: readonly Change[] = [],
): Promise<(Difference | undefined)[]> {
  const parts = ready.map(({ lowered }) => lowered);
  const path = await buildUnit(folder, parts, unit, changes);
  const store = openStore();
  try {
    return ready.map(({ subject: { draft, plan }, v8 }, place) => {
      const grows = draft.exports.some(({ name }) => name === 'pages');
      const engine = new SledgeEngine(path, store, descriptorName(place), grows);
      return firstDifference(v8, observe(engine, plan));
    });
  } finally {
    store.close();
    removeUnit(folder);
  }
}

export interface SmallTotals {
  modules: number;
  calls: number;
  traps: number;
  /** By level. */
  readonly levels: Map<string, number>;
}

/** Small modules by number, compared unit by unit. */
export class SmallRun {
  readonly coverage = new Coverage();
  readonly totals: SmallTotals = { modules: 0, calls: 0, traps: 0, levels: new Map() };
  readonly found: Found[] = [];
  private units = 0;

  constructor(
    private readonly directory: string,
    private readonly seed: number,
    /** Gets every module that was compared. */
    private readonly keep: (ready: Ready) => void = () => undefined,
  ) {}

  /** Two units at a time: a compiler runs in a process of its own. Stops after `most` found. */
  async run(first: number, count: number, most: number): Promise<void> {
    let next = first;
    const lane = async (): Promise<void> => {
      while (next < first + count && this.found.length < most) {
        const { unit, left } = unitOf(next);
        const modules = Math.min(left, first + count - next);
        const from = next;
        next += modules;
        await this.runUnit(from, modules, unit);
      }
    };
    await Promise.all([lane(), lane()]);
  }

  private async runUnit(first: number, count: number, unit: Unit): Promise<void> {
    const ready = Array.from({ length: count }, (_, i) =>
      prepare(smallCase(this.seed, first + i, unit)),
    );
    const folder = join(this.directory, `unit-${this.units++}`);
    const differences = await compareUnit(folder, ready, unit);
    ready.forEach((each, i) => {
      this.count(each, unit);
      const difference = differences[i];
      if (difference !== undefined) this.found.push({ subject: each.subject, difference });
    });
  }

  private count(ready: Ready, { level }: Unit): void {
    const { totals, coverage } = this;
    totals.modules++;
    totals.calls += ready.subject.plan.calls.length;
    totals.traps += ready.v8.filter((line) => / = [a-z]/.test(line)).length;
    totals.levels.set(level, (totals.levels.get(level) ?? 0) + 1);
    for (const { body } of ready.subject.draft.functions) coverage.add(body);
    this.keep(ready);
  }
}
