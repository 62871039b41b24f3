import type { Distribution, LoadReport } from '@sledge/lab';
import { printLine, printTable } from '../output';

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits });

function shape(distribution: Distribution | undefined, digits: number): string[] {
  if (distribution === undefined) return ['-', '-', '-'];
  const { p50, p99, p999 } = distribution;
  return [p50, p99, p999].map((value) => number(value, digits));
}

/** What a run of the load generator found, as text. */
export function printLoadReport(report: LoadReport): void {
  const { mode, counts, sendLagUs: lag } = report;
  const label =
    mode === 'closed-loop' ? 'CLOSED LOOP (latency hides waiting clients)' : 'open loop';
  printLine(
    `${report.target}  ${label}, ${number(report.durationS, 1)} s: ` +
      `${number(report.offeredRps)} planned/s, ${number(report.answeredRps)} answered/s, ` +
      `${number(report.goodputRps)} good/s`,
  );
  printLine(
    `planned ${number(counts.planned)}  sent ${number(counts.sent)}  late ${number(counts.late)}` +
      `  dropped ${number(counts.dropped)}  never sent ${number(counts.neverSent)}` +
      `  answered ${number(counts.answered)}`,
  );
  const failed = Object.entries(counts.failures).filter(([, count]) => count > 0);
  if (failed.length > 0) {
    printLine(`failed: ${failed.map(([why, count]) => `${why} ${number(count)}`).join('  ')}`);
  }
  printLine(`generator behind its schedule: p50 ${number(lag.p50)} us, p99 ${number(lag.p99)} us`);
  printTable(
    ['CLASS', 'STATUSES', 'P50 us', 'P99 us', 'P99.9 us', 'SLOWDOWN P50', 'P99', 'P99.9', 'MISSED'],
    report.classes.map((one) => [
      one.name,
      Object.entries(one.statuses)
        .map(([status, count]) => `${status}: ${number(count)}`)
        .join(' ') || '-',
      ...shape(one.latencyUs, 0),
      ...shape(one.slowdown, 1),
      one.missRate === undefined ? '-' : `${(one.missRate * 100).toFixed(2)} %`,
    ]),
  );
  printLine('');
}
