import type { DataPlane } from '../contracts/data-plane';
import type { FunctionHandle, Outcome, OutcomeCallback } from '../contracts/invocation';
import type { NodeLoad } from '../contracts/placement';

/** Of the latest service time in the estimate of a function. */
const WEIGHT = 1 / 8;
/** Names of functions that are gone are among them: then all are learned anew. */
const ESTIMATES_MAX = 100_000;
/** Of a function of which nothing is known yet. */
const FIRST_ESTIMATE_NS = 1_000_000;
/** Counting costs microseconds: what native transports have submitted is seen so late. */
const FRESH_NS = 1_000_000;

/**
 * What a node knows of its own load, for its placement and for whoever asks it over a network.
 * Service times are learned by moving averages of weight 1/8. Main thread.
 */
export class LoadMeter {
  private readonly estimates = new Map<string, number>();
  private present = 0;
  private workNs = 0;
  private meanNs = FIRST_ESTIMATE_NS;
  private counted = { workers: 1, inFlight: 0 };
  private countedAtNs = -Infinity;

  /** Service time expected of a function. At least 1. @param expectedUs as configured. */
  estimateNs(fn: FunctionHandle, expectedUs: number | undefined): number {
    const known = this.estimates.get(fullName(fn));
    if (known !== undefined) return known;
    return expectedUs === undefined ? this.meanNs : Math.max(1, expectedUs * 1000);
  }

  /**
   * Runs a request here and learns from its outcome. What `run` throws goes through.
   * @returns what `run` returned.
   */
  measure(
    fn: FunctionHandle,
    expectedUs: number | undefined,
    onOutcome: OutcomeCallback,
    run: (onOutcome: OutcomeCallback) => number,
  ): number {
    const estimateNs = this.estimateNs(fn, expectedUs);
    const id = run((outcome) => {
      this.left(fullName(fn), estimateNs, outcome);
      onOutcome(outcome);
    });
    this.present += 1;
    this.workNs += estimateNs;
    return id;
  }

  private left(name: string, estimateNs: number, { status, times }: Outcome): void {
    this.present -= 1;
    this.workNs = this.present === 0 ? 0 : this.workNs - estimateNs;
    if (status !== 'completed') return;
    const before = this.estimates.get(name) ?? times.runNs;
    if (this.estimates.size >= ESTIMATES_MAX && !this.estimates.has(name)) this.estimates.clear();
    this.estimates.set(name, Math.max(1, before + (times.runNs - before) * WEIGHT));
    this.meanNs += (times.runNs - this.meanNs) * WEIGHT;
  }

  now(plane: Pick<DataPlane, 'stats'>, nowNs: number): NodeLoad {
    if (nowNs - this.countedAtNs >= FRESH_NS) {
      const { workers = 1, inFlight = 0 } = plane.stats();
      this.counted = { workers, inFlight };
      this.countedAtNs = nowNs;
    }
    const { workers } = this.counted;
    const inSystem = Math.max(this.counted.inFlight, this.present);
    const meanNs = this.present === 0 ? this.meanNs : this.workNs / this.present;
    const beyond = Math.max(0, inSystem + 1 - workers);
    return { workers, inSystem, expectedWaitNs: Math.round((beyond / workers) * meanNs) };
  }
}

const fullName = (fn: FunctionHandle): string => `${fn.tenant}/${fn.name}`;
