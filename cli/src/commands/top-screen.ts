import type { LiveReport, LiveSample } from '@sledge/core/host';
import stringWidth from 'string-width';
import { tableText } from '../output';

export interface TopScreen {
  readonly phase: string;
  readonly sample: LiveSample;
}

type Row = LiveSample['functions'][number];

interface Column {
  title: string;
  /** Those with the lowest stay when the terminal is narrow. */
  rank: number;
  text: (row: Row) => string;
}

const US_PER: readonly (readonly [number, string])[] = [
  [1e6, 's'],
  [1e3, 'ms'],
  [1, 'us'],
];
const GAP = 2;
const NAME_MAX = 40;
const NAME_START = 12;

const COLUMNS: readonly Column[] = [
  { title: 'FUNCTION', rank: 0, text: (row) => cut(`${row.tenant}/${row.function}`) },
  { title: 'PER S', rank: 1, text: (row) => short(row.ratePerS) },
  { title: 'P50', rank: 4, text: (row) => time(row.sojournUs.p50) },
  { title: 'P99', rank: 2, text: (row) => time(row.sojournUs.p99) },
  { title: 'SLOWDOWN P99', rank: 5, text: (row) => ratio(row.slowdown.p99) },
  { title: 'MISSED/S', rank: 3, text: (row) => short(row.missedPerS) },
  { title: 'REFUSED/S', rank: 7, text: (row) => short(row.rejectedPerS) },
  { title: 'PREEMPTED/S', rank: 9, text: (row) => short(row.preemptionsPerS) },
  { title: 'IN FLIGHT', rank: 6, text: (row) => String(row.inFlight) },
  { title: 'QUEUED', rank: 8, text: (row) => String(row.queued) },
  { title: 'ENDED', rank: 10, text: (row) => String(row.ended) },
];

/** A look as text, no wider than `columns` and no higher than `rows`. */
export function screenText({ phase, sample }: TopScreen, columns: number, rows: number): string {
  const { total, workers, groups } = sample;
  const lines = [
    ...wrapped(
      [
        `${phase}`,
        `${short(total.ratePerS)} per s`,
        `sojourn p50 ${time(total.sojournUs.p50)}, p99 ${time(total.sojournUs.p99)}`,
        `slowdown p99 ${ratio(total.slowdown.p99)}`,
        `${short(total.missedPerS)} missed/s`,
        `${total.inFlight} in flight, ${total.queued} queued`,
      ],
      columns,
    ),
    ...wrapped(workers.map(workerText), columns),
    ...groups.flatMap((group) => wrapped(groupParts(group), columns)),
    '',
  ];
  const room = Math.max(1, rows - lines.length - 2);
  const shown = sample.functions.slice(0, room);
  const leftOff = sample.functions.length - shown.length + sample.functionsLeftOff;
  lines.push(functionTable(shown, columns));
  if (leftOff > 0) lines.push(`and ${leftOff} more`);
  return lines.join('\n');
}

/** The sample that is to be shown; undefined: it has no rates yet. */
export function sampleWithRates({ samples }: LiveReport): LiveSample | undefined {
  const last = samples.at(-1);
  return last !== undefined && last.seconds > 0 ? last : undefined;
}

function functionTable(rows: readonly Row[], columns: number): string {
  const byRank = COLUMNS.toSorted((a, b) => a.rank - b.rank);
  let width = 0;
  const kept = new Set<Column>();
  for (const column of byRank) {
    width += Math.max(
      stringWidth(column.title),
      ...rows.map((row) => stringWidth(column.text(row))),
    );
    if (kept.size > 1 && width > columns) break;
    kept.add(column);
    width += GAP;
  }
  const shown = COLUMNS.filter((column) => kept.has(column));
  return tableText(
    shown.map(({ title }) => title),
    rows.map((row) => shown.map(({ text }) => text(row))),
  );
}

function workerText(row: LiveSample['workers'][number], at: number): string {
  const state = `${row.isIdle ? 'idle' : 'runs'} ${(row.sandboxShare * 100).toFixed(0)} %`;
  const preempted = row.preemptionsPerS > 0 ? `, ${short(row.preemptionsPerS)} preempted/s` : '';
  return `worker ${at} ${state}, ${row.queued} queued${preempted}`;
}

function groupParts({ group, held, queued, running, blocked }: LiveSample['groups'][number]) {
  return [`${group}: ${held} held`, `${queued} queued`, `${running} running`, `${blocked} blocked`];
}

/** Parts with two blanks between them, in as many lines as they need. */
function wrapped(parts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && stringWidth(last) + GAP + stringWidth(part) <= columns) {
      lines[lines.length - 1] = `${last}  ${part}`;
    } else lines.push(part.slice(0, columns));
  }
  return lines;
}

function cut(name: string): string {
  // a name may hold what moves the cursor
  const clean = name.replaceAll(/\p{C}/gu, '?');
  if (clean.length <= NAME_MAX) return clean;
  return `${clean.slice(0, NAME_START)}~${clean.slice(NAME_START + 1 - NAME_MAX)}`;
}

function short(value: number): string {
  return value >= 1e5 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function ratio(value: number | null): string {
  return value === null ? '-' : short(value);
}

function time(us: number | null): string {
  if (us === null) return '-';
  const [factor, unit] = US_PER.find(([of]) => us >= of) ?? [1, 'us'];
  return `${short(us / factor)} ${unit}`;
}
