import type { Histogram, MetricReport, Scope } from '@sledge/core/host';
import { askAdmin, findControl, METRICS, SCOPE_LABELS } from '@sledge/core/host';
import type { Command } from 'commander';
import { withCommon } from '../config-options';
import { printJson, printLine, printTable } from '../output';
import type { CommonOptions } from '../output';

interface MetricsOptions extends CommonOptions {
  socket?: string;
}

const TABLES: readonly Scope[] = ['tenant', 'function', 'worker', 'group'];
/** Of a node of a cluster: without samples they are not shown. */
const CLUSTER_TABLES: readonly Scope[] = ['placement', 'peer'];
const UNITS = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'us'],
] as const;

export function metricsCommand(program: Command): void {
  const command = program
    .command('metrics')
    .description('what a server that runs has counted, by tenant, function, worker, group and peer')
    .option('--socket <path>', "the server's control socket; default: your only server's");
  withCommon(command).action(async (options: MetricsOptions) => {
    const socket = findControl(options.socket);
    const report = (await askAdmin(socket, { path: '/metrics.json' })) as MetricReport[];
    if (options.json === true) return printJson(report);
    const isThere = (scope: Scope): boolean =>
      report.some((metric) => metric.scope === scope && metric.samples.length > 0);
    for (const [index, scope] of [...TABLES, ...CLUSTER_TABLES.filter(isThere)].entries()) {
      if (index > 0) printLine('');
      printScope(scope, report);
    }
  });
}

interface Column {
  title: string;
  name: string;
  show: (value: number | Histogram) => string;
}

/** As the table of metrics declares them. */
function columnsOf(scope: Scope): Column[] {
  return METRICS.filter((metric) => metric.scope === scope).flatMap(({ name, column = {} }) => {
    if (typeof column === 'string') {
      return [{ title: column, name, show: (value) => countText(value as number) }];
    }
    return Object.entries(column).map(([quantile, title]) => ({
      title,
      name,
      show: (value) => {
        const found = (value as Histogram).quantiles[quantile as 'p50'];
        return name.endsWith('_seconds') ? timeText(found) : ratioText(found);
      },
    }));
  });
}

function printScope(scope: Scope, report: readonly MetricReport[]): void {
  const labels = SCOPE_LABELS[scope];
  const columns = columnsOf(scope);
  const rows = new Map<string, string[]>();
  columns.forEach(({ name, show }, index) => {
    for (const sample of report.find((metric) => metric.name === name)?.samples ?? []) {
      const keys = labels.map((label) => sample.labels[label] ?? '');
      const row = rows.get(keys.join('\0')) ?? [...keys, ...columns.map(() => '-')];
      row[keys.length + index] = show(sample.value);
      rows.set(keys.join('\0'), row);
    }
  });
  const head = [...labels.map((label) => label.toUpperCase()), ...columns.map((of) => of.title)];
  printTable(head, [...rows.values()]);
}

function countText(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}

function ratioText(value: number | null): string {
  return value === null ? '-' : value.toFixed(2);
}

function timeText(seconds: number | null): string {
  if (seconds === null) return '-';
  const [factor, unit] = UNITS.find(([of]) => seconds >= of) ?? UNITS[2];
  return `${Number((seconds / factor).toPrecision(3))} ${unit}`;
}
