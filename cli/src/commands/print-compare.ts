import { changeText } from '@sledge/lab';
import type { CompareDocument } from '@sledge/lab';
import { printLine, printTable } from '../output';

const SHOWN = ['slowdown.p50', 'slowdown.p99', 'slowdown.p999', 'missRate'];

/** Medians per load, then what can be said of the differences. */
export function printComparison(document: CompareDocument): void {
  const { cells, comparisons, labels, runs } = document;
  for (const label of labels) printLine(`note: ${label}`);
  const doubtful = runs.filter(({ doubts }) => doubts.length > 0);
  if (doubtful.length > 0) {
    const such = doubtful[0]?.doubts.join('; ') ?? '';
    printLine(`note: ${doubtful.length} of ${runs.length} runs are doubtful, such as: ${such}`);
  }
  const loads = [...new Set(runs.map(({ load }) => load))];
  const workloads = [...new Set(runs.map(({ workload }) => workload))];
  const rows = workloads.flatMap((workload) =>
    loads.flatMap((load) =>
      document.variants.map(({ name }) => [
        workload,
        String(load),
        name,
        ...SHOWN.map((metric) => {
          const found = cells.find(
            (one) =>
              one.workload === workload &&
              one.load === load &&
              one.variant === name &&
              one.metric === metric,
          );
          return found === undefined ? '-' : medianText(metric, found.median);
        }),
      ]),
    ),
  );
  printTable(['WORKLOAD', 'LOAD', 'VARIANT', 'P50 [interval]', 'P99', 'P99.9', 'MISSED'], rows);
  if (comparisons.length === 0) return;
  printLine('');
  printTable(
    ['WORKLOAD', 'LOAD', 'METRIC', 'BESIDE', 'CHANGE [interval]', 'VERDICT'],
    comparisons
      .filter(({ metric }) => SHOWN.includes(metric))
      .map(({ workload, load, metric, a, b, kind, change, verdict }) => [
        workload,
        String(load),
        metric,
        `${b} : ${a}`,
        changeText(change, kind),
        verdict,
      ]),
  );
}

function medianText(
  metric: string,
  { estimate, low, high }: { estimate: number; low: number; high: number },
): string {
  const text = (value: number): string => {
    if (Math.abs(value) >= 1e308) return '?';
    return metric === 'missRate' ? `${(value * 100).toFixed(2)} %` : value.toPrecision(3);
  };
  return `${text(estimate)} [${text(low)}, ${text(high)}]`;
}
