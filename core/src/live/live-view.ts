import type { Logger } from 'pino';
import type { MetricSources } from '../metrics/table';
import { reasonOf } from '../errors/reason';
import { captureLanes } from './lane-capture';
import type { LaneSource } from './lane-capture';
import type { Lanes, LiveReport, LiveSample } from './live-report';
import { sampleOf } from './sample';
import type { Snapshot } from './sample';

export const PERIOD_MS = 1000;
/** Nobody has asked for so long: nobody looks. */
const WATCHED_MS = 10_000;
const SAMPLES_KEPT = 120;

/** What it needs of a server. */
export interface LiveTarget {
  metricSources(): MetricSources;
  /** Undefined: lanes are not to be had. */
  laneSource(): LaneSource | undefined;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * What a server does, second by second, for the console and `sledge top`: samples are made while
 * somebody asks for them, once for all who do. Main thread.
 */
export class LiveView {
  private samples: LiveSample[] = [];
  private lanes: Lanes | null = null;
  private before: Snapshot | undefined;
  private sequence = 0;
  private timer: NodeJS.Timeout | undefined;
  private askedMs = 0;
  private isCapturing = false;

  constructor(private readonly target: LiveTarget) {}

  /** The samples behind `after`, at most the last two minutes; the first look has no rates. */
  report(after: number): LiveReport {
    this.askedMs = performance.now();
    if (this.timer === undefined) {
      this.look();
      this.timer = setInterval(() => this.tick(), PERIOD_MS).unref();
    }
    const { sequence, lanes } = this;
    // a server that was started anew counts from the beginning
    const from = after > sequence ? 0 : after;
    const samples = this.samples.filter((sample) => sample.sequence > from);
    return { sequence, periodMs: PERIOD_MS, samples, lanes };
  }

  /** Nothing is sampled any more until somebody asks. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.before = undefined;
    this.samples = [];
    this.lanes = null;
  }

  private tick(): void {
    if (performance.now() - this.askedMs > WATCHED_MS) return this.close();
    this.look();
    void this.capture();
  }

  private look(): void {
    const now = { atMs: performance.now(), sources: this.target.metricSources() };
    const sample = sampleOf(this.before, now);
    this.before = now;
    this.sequence += 1;
    const last = this.samples.at(-1);
    // of samples that are not the last one only what moves is of interest
    if (last !== undefined) last.functions = last.functions.filter(isActive);
    this.samples.push({ sequence: this.sequence, at: Date.now(), ...sample });
    if (this.samples.length > SAMPLES_KEPT) this.samples.shift();
  }

  private async capture(): Promise<void> {
    const source = this.isCapturing ? undefined : this.target.laneSource();
    if (source === undefined) return;
    this.isCapturing = true;
    try {
      this.lanes = await captureLanes(source);
    } catch (error) {
      this.target.logger.warn(`the lanes of the workers cannot be shown: ${reasonOf(error)}`);
    } finally {
      this.isCapturing = false;
    }
  }
}

function isActive({ ratePerS, inFlight, rejectedPerS }: LiveSample['functions'][number]): boolean {
  return ratePerS > 0 || inFlight > 0 || rejectedPerS > 0;
}
