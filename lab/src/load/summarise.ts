import { LatencyHistogram } from '../statistics';
import type { LoadOutcome, LoadSample } from './outcomes';
import type { Protocol } from './protocol';
import type { LoadClass } from './run-load';

/** Slowdowns are kept as integers: thousandths. */
const SLOWDOWN_UNIT = 1000;
const SERIES_POINTS_MAX = 200;
type Failure = 'closed' | 'refused' | 'timedOut' | 'malformed' | 'unanswered';

/** Microseconds, or ratios of slowdown. */
export interface Distribution {
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export interface LoadCounts {
  planned: number;
  /** Handed to the kernel. */
  sent: number;
  /** Sent more than `lateUs` after their time. */
  late: number;
  /** Given up, because no connection was free. */
  dropped: number;
  /** The run ended before their turn. */
  neverSent: number;
  answered: number;
  /** Answers by HTTP status, or by `completed` and names of errors. */
  statuses: Record<string, number>;
  /** What was sent and not answered, by reason. */
  failures: Record<Failure, number>;
}

export interface ClassReport extends LoadCounts {
  name: string;
  /** From the intended send time (open loop) or the send time (closed loop), good answers only. */
  latencyUs: Distribution;
  /** latency / the request's own service time; undefined: not known. */
  slowdown?: Distribution | undefined;
  /** Of those planned: not answered well by their deadline; undefined: there is none. */
  missRate?: number | undefined;
  /** Points of the distribution of slowdown, or of latency where that is not known. */
  cdf: CdfPoint[];
}

/** Share of requests (0 to 1) whose value is at most this. */
export type CdfPoint = [value: number, share: number];

export interface SeriesPoint {
  /** Middle of its interval, by intended send time. */
  atS: number;
  answered: number;
  missed: number;
  p50Us: number;
  p99Us: number;
}

/** Percentiles at which a distribution is drawn. */
const CDF_PERCENTS = [
  0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97, 98, 99, 99.3, 99.5, 99.7, 99.8,
  99.9, 99.93, 99.95, 99.97, 99.99, 100,
];

export function distributionOf(histogram: LatencyHistogram, unit: number): Distribution {
  const at = (percent: number): number => histogram.percentile(percent) / unit;
  return {
    mean: histogram.mean / unit,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.max / unit,
  };
}

export function cdfOf(histogram: LatencyHistogram, unit: number): CdfPoint[] {
  if (histogram.count === 0) return [];
  return CDF_PERCENTS.map((percent) => [histogram.percentile(percent) / unit, percent / 100]);
}

const noCounts = (): LoadCounts => ({
  planned: 0,
  sent: 0,
  late: 0,
  dropped: 0,
  neverSent: 0,
  answered: 0,
  statuses: {},
  failures: { closed: 0, refused: 0, timedOut: 0, malformed: 0, unanswered: 0 },
});

/** Counts and distributions of one run; memory does not grow with its requests. */
export class LoadSummary {
  private readonly classes;
  private readonly lag = new LatencyHistogram();
  private readonly series = new Map<number, { histogram: LatencyHistogram; missed: number }>();
  private readonly total = {
    counts: noCounts(),
    latency: new LatencyHistogram(),
    slowdown: new LatencyHistogram(),
  };

  constructor(
    classes: readonly LoadClass[],
    private readonly settings: {
      protocol: Protocol;
      isOpen: boolean;
      lateNs: number;
      durationNs: number;
    },
  ) {
    this.classes = classes.map((one) => ({
      one,
      counts: noCounts(),
      latency: new LatencyHistogram(),
      slowdown: new LatencyHistogram(),
      missed: 0,
    }));
  }

  add(sample: LoadSample): void {
    const entry = this.classes[sample.type];
    if (entry === undefined) return;
    const { protocol, isOpen, lateNs } = this.settings;
    // A closed loop plans nothing: what it did not come to is no loss.
    if (!isOpen && sample.outcome === 'neverSent') return;
    const lagNs = isOpen && wasSent(sample.outcome) ? sample.sentNs - sample.atNs : 0;
    for (const counts of [entry.counts, this.total.counts]) {
      count(counts, sample, protocol.nameOf(sample.status), lagNs > lateNs);
    }
    if (wasSent(sample.outcome)) this.lag.record(lagNs);
    const fromNs = isOpen ? sample.atNs : sample.sentNs;
    const latencyNs = sample.endNs - fromNs;
    const isGood = sample.outcome === 'answered' && protocol.isSuccess(sample.status);
    const deadlineNs = (entry.one.deadlineUs?.(sample.argument) ?? Infinity) * 1000;
    const isMissed = !isGood || latencyNs > deadlineNs;
    if (isMissed) entry.missed += 1;
    if (isGood) {
      entry.latency.record(latencyNs);
      this.total.latency.record(latencyNs);
      const knownUs = entry.one.serviceUs?.(sample.argument);
      const serviceNs = knownUs === undefined ? sample.serviceNs : knownUs * 1000;
      if (serviceNs > 0) {
        const slowdown = (latencyNs / serviceNs) * SLOWDOWN_UNIT;
        entry.slowdown.record(slowdown);
        this.total.slowdown.record(slowdown);
      }
    }
    this.addToSeries(fromNs, isGood ? latencyNs : undefined, isMissed);
  }

  classReports(): ClassReport[] {
    return this.classes.map(({ one, counts, latency, slowdown, missed }) => ({
      name: one.name,
      ...counts,
      latencyUs: distributionOf(latency, 1000),
      slowdown: slowdown.count > 0 ? distributionOf(slowdown, SLOWDOWN_UNIT) : undefined,
      missRate: one.deadlineUs && counts.planned > 0 ? missed / counts.planned : undefined,
      cdf: slowdown.count > 0 ? cdfOf(slowdown, SLOWDOWN_UNIT) : cdfOf(latency, 1000),
    }));
  }

  get counts(): LoadCounts {
    return this.total.counts;
  }

  get latencyUs(): Distribution {
    return distributionOf(this.total.latency, 1000);
  }

  /** Of all classes together; undefined: no service time is known. */
  get slowdown(): Distribution | undefined {
    const { slowdown } = this.total;
    return slowdown.count > 0 ? distributionOf(slowdown, SLOWDOWN_UNIT) : undefined;
  }

  get sendLagUs(): Distribution {
    return distributionOf(this.lag, 1000);
  }

  /** Answers within their deadlines. */
  get inTime(): number {
    const { counts } = this.total;
    return counts.planned - this.classes.reduce((sum, { missed }) => sum + missed, 0);
  }

  seriesPoints(): SeriesPoint[] {
    const stepNs = this.stepNs;
    return [...this.series]
      .sort(([a], [b]) => a - b)
      .map(([slot, { histogram, missed }]) => ({
        atS: ((slot + 0.5) * stepNs) / 1e9,
        answered: histogram.count,
        missed,
        p50Us: histogram.percentile(50) / 1000,
        p99Us: histogram.percentile(99) / 1000,
      }));
  }

  private get stepNs(): number {
    return Math.max(1e8, this.settings.durationNs / SERIES_POINTS_MAX);
  }

  private addToSeries(fromNs: number, latencyNs: number | undefined, isMissed: boolean): void {
    const slot = Math.floor(fromNs / this.stepNs);
    const point = this.series.get(slot) ?? { histogram: new LatencyHistogram(), missed: 0 };
    this.series.set(slot, point);
    if (latencyNs !== undefined) point.histogram.record(latencyNs);
    if (isMissed) point.missed += 1;
  }
}

const wasSent = (outcome: LoadOutcome): boolean =>
  outcome !== 'neverSent' && outcome !== 'dropped' && outcome !== 'refused';

function count(into: LoadCounts, { outcome }: LoadSample, status: string, isLate: boolean): void {
  into.planned += 1;
  if (wasSent(outcome)) into.sent += 1;
  if (isLate) into.late += 1;
  if (outcome === 'answered') {
    into.answered += 1;
    into.statuses[status] = (into.statuses[status] ?? 0) + 1;
  } else if (outcome === 'neverSent' || outcome === 'dropped') {
    into[outcome] += 1;
  } else {
    into.failures[outcome] += 1;
  }
}
