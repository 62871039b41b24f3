import type { Histogram } from './histogram';
import { METRICS } from './table';
import type { Metric, MetricSources, Sample } from './table';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Prometheus' text format 0.0.4. Written here and not by a client library: those keep values of
 * their own that a program adds to, and have no way to give them a histogram that was counted
 * elsewhere.
 */
export function exposition(sources: MetricSources): string {
  return METRICS.map((metric) => family(metric, metric.samples(sources))).join('');
}

function family({ name, type, help }: Metric, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  const lines = samples.map(({ labels, value }) =>
    typeof value === 'number'
      ? `${name}${labelText(labels)} ${numberText(value)}\n`
      : histogramText(name, labels, value),
  );
  return head + lines.join('');
}

function histogramText(name: string, labels: Sample['labels'], histogram: Histogram): string {
  const bucket = (le: string, count: number): string =>
    `${name}_bucket${labelText({ ...labels, le })} ${count}\n`;
  const buckets = histogram.buckets.map(([bound, count]) => bucket(numberText(bound), count));
  const text = labelText(labels);
  return (
    buckets.join('') +
    bucket('+Inf', histogram.count) +
    `${name}_sum${text} ${numberText(histogram.sum)}\n` +
    `${name}_count${text} ${histogram.count}\n`
  );
}

function labelText(labels: Sample['labels']): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value === Infinity ? '+Inf' : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** A metric with its values, for `GET /metrics.json` and `sledge metrics`. */
export interface MetricReport extends Pick<Metric, 'name' | 'type' | 'scope' | 'help'> {
  samples: Sample[];
}

export function metricsReport(sources: MetricSources): MetricReport[] {
  return METRICS.map((metric) => {
    const { name, type, scope, help } = metric;
    return { name, type, scope, help, samples: metric.samples(sources) };
  });
}
