import type { Histogram } from './histogram';
import { METRICS } from './table';
import type { Metric, MetricSources, Sample } from './table';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Made between two turns of the event loop: some 0.5 ms of histograms. */
const FUNCTIONS_PER_PART = 32;

/**
 * Prometheus' text format 0.0.4, in parts that each take little time. Written here and not by a
 * client library: those keep values of their own that a program adds to, and have no way to give
 * them a histogram that was counted elsewhere.
 */
export function* exposition(sources: MetricSources): Generator<string> {
  for (const metric of METRICS) {
    let head = headOf(metric);
    for (const samples of parts(metric, sources)) {
      if (samples.length > 0) yield head + samples.map((sample) => lines(metric, sample)).join('');
      head = samples.length > 0 ? '' : head;
    }
  }
}

function* parts(metric: Metric, sources: MetricSources): Generator<Sample[]> {
  if (metric.scope !== 'function') yield metric.samples(sources);
  const functions = metric.scope === 'function' ? sources.functions : [];
  for (let from = 0; from < functions.length; from += FUNCTIONS_PER_PART) {
    const part = functions.slice(from, from + FUNCTIONS_PER_PART);
    yield metric.samples({ ...sources, functions: part });
  }
}

function headOf({ name, type, help }: Metric): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
}

function lines({ name }: Metric, { labels, value }: Sample): string {
  return typeof value === 'number'
    ? `${name}${labelText(labels)} ${numberText(value)}\n`
    : histogramText(name, labels, value);
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

/** A JSON array of `MetricReport`, in parts likewise. */
export function* metricsReport(sources: MetricSources): Generator<string> {
  let comma = '[';
  for (const metric of METRICS) {
    const { name, type, scope, help } = metric;
    yield `${comma}${JSON.stringify({ name, type, scope, help }).slice(0, -1)},"samples":[`;
    comma = '';
    for (const samples of parts(metric, sources)) {
      if (samples.length === 0) continue;
      yield comma + JSON.stringify(samples).slice(1, -1);
      comma = ',';
    }
    yield ']}';
    comma = ',';
  }
  yield ']';
}
