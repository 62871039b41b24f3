// What `sledge doctor` and `npm run bench` measured here, kept for runs in virtual time.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import path from 'node:path';
import type { NativeCosts } from '@sledge/core';
import { userCacheDirectory } from '@sledge/core/host';

/** As `npm run bench` writes a report, of which this is a part. */
export interface Measurement {
  /** 'preempt', 'sandbox', or 'doctor'. */
  readonly bench: string;
  readonly machine: { readonly cpu: string; readonly kernel: string };
  readonly figures: readonly { readonly name: string; readonly median: number }[];
}

const AREAS = ['doctor', 'preempt', 'sandbox'] as const;

const fileOf = (area: string): string =>
  path.join(userCacheDirectory(), 'measured', `${area}.json`);

const thisMachine = () => ({ cpu: cpus()[0]?.model.trim() ?? 'unknown', kernel: release() });

/** Keeps a report that costs are made of; others are ignored, and so is a cache without room. */
export function rememberMeasurement(report: Measurement): void {
  if (!(AREAS as readonly string[]).includes(report.bench)) return;
  const file = fileOf(report.bench);
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  } catch {
    // it is measured again next time
  }
}

/** Keeps what the native part measures of the machine, ns. */
export function rememberMachine(values: Readonly<Record<string, number>>): void {
  const figures = Object.entries(values).map(([name, median]) => ({ name, median }));
  rememberMeasurement({ bench: 'doctor', machine: thisMachine(), figures });
}

/**
 * Costs of which all parts were measured on this processor; others are left out. By signals, a
 * worker can leave anywhere and code has no polls.
 */
export function readMeasured(by: 'safepoints' | 'signals' = 'safepoints'): Partial<NativeCosts> {
  const figures = new Map(AREAS.flatMap((area) => [...figuresOf(area)]));
  const of = (name: string): number | undefined => figures.get(name);
  const startNs = of('slot_to_first_instruction');
  const switchNs = of('context_switch');
  const polls = of('poll_overhead');
  const known: { -readonly [Key in keyof NativeCosts]?: number | undefined } = {
    wakeNs: of('futexWakeNs'),
    startNs,
    finishNs: less(of('empty_on_worker'), startNs),
    switchNs,
    ...(by === 'signals'
      ? {
          noticeNs: less(of('signal_p50'), switchNs, startNs) ?? of('signalLatencyNs'),
          granularityNs: 0,
          inflation: 0,
        }
      : {
          noticeNs: less(of('safepoint_p50'), switchNs, startNs),
          granularityNs: of('max_poll_gap'),
          inflation: polls && Math.max(0, polls - 1),
        }),
  };
  const sound = Object.entries(known).filter(([, value]) => value !== undefined && value >= 0);
  return Object.fromEntries(
    sound.map(([key, value = 0]) => [key, key === 'inflation' ? value : Math.round(value)]),
  );
}

/** What is left of a time without those that it includes; undefined if one is not known. */
function less(whole: number | undefined, ...parts: (number | undefined)[]): number | undefined {
  return parts.reduce(
    (rest, part) =>
      rest === undefined || part === undefined ? undefined : Math.max(0, rest - part),
    whole,
  );
}

function figuresOf(area: string): [string, number][] {
  try {
    const report = JSON.parse(readFileSync(fileOf(area), 'utf8')) as Measurement;
    if (report.machine.cpu.trim() !== thisMachine().cpu) return [];
    return report.figures.map(({ name, median }) => [name, median]);
  } catch {
    return [];
  }
}
