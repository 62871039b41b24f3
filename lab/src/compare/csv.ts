import type { CompareDocument } from './document';

const QUANTILES = ['mean', 'p50', 'p90', 'p99', 'p999', 'max'] as const;

const COLUMNS = [
  ...['workload', 'variant', 'load', 'repeat', 'order', 'seed', 'class', 'requests', 'missRate'],
  ...QUANTILES.map((name) => `sojournUs_${name}`),
  ...QUANTILES.map((name) => `slowdown_${name}`),
];

/** Raw samples: a row for each class of each run, as it was measured. */
export function csvOf({ runs }: CompareDocument): string {
  const rows = runs.flatMap((run) =>
    run.classes.map((one) => [
      ...[
        quoted(run.workload),
        quoted(run.variant),
        run.load,
        run.repeat,
        run.order,
        run.seed,
        quoted(one.name),
      ],
      ...[one.requests, one.missRate],
      ...QUANTILES.map((name) => one.sojournUs[name]),
      ...QUANTILES.map((name) => one.slowdown[name]),
    ]),
  );
  return `${[COLUMNS, ...rows].map((row) => row.join(',')).join('\n')}\n`;
}

const quoted = (text: string): string =>
  /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
