import type { DataPlane } from '../contracts/data-plane';
import type { InvocationRequest, Outcome, OutcomeCallback } from '../contracts/invocation';

const NS_PER_US = 1000;

/** When the version under trial is given up: a rate above its limit over `requests` outcomes. */
export interface RollbackRule {
  readonly requests: number;
  /** Part of them that may end otherwise than completed; undefined: any. */
  readonly errorRate?: number | undefined;
  /** Part of those with a deadline that may end after it; undefined: any. */
  readonly missRate?: number | undefined;
}

export interface ArmOptions {
  readonly version: number;
  /** In the data plane. */
  readonly id: number;
  /** Its share, relative to that of the other. */
  readonly weight: number;
  /** Its own; a request may bring another. */
  readonly relativeDeadlineUs: number | undefined;
  /** Its own; undefined: any. */
  readonly maxBodyBytes?: number | undefined;
}

/** What became of requests. */
export interface ArmCounts {
  readonly requests: number;
  readonly errors: number;
  readonly misses: number;
}

/** One of the two versions, with what became of its requests since the split began. */
export class Arm {
  readonly version: number;
  readonly id: number;
  readonly weight: number;
  readonly maxBodyBytes: number;
  requests = 0;
  errors = 0;
  misses = 0;
  private readonly deadlineUs: number | undefined;

  constructor({ version, id, weight, relativeDeadlineUs, maxBodyBytes = Infinity }: ArmOptions) {
    this.version = version;
    this.id = id;
    this.weight = weight;
    this.deadlineUs = relativeDeadlineUs;
    this.maxBodyBytes = maxBodyBytes;
  }

  count(outcome: Outcome, requestDeadlineUs: number | undefined): void {
    // who leaves says nothing about the version, nor does a file that has vanished from the cache
    if (outcome.status === 'cancelled') return;
    if (outcome.error?.code === 'SLEDGE_ERR_INVOKE_MODULE') return;
    this.requests += 1;
    const deadlineUs = requestDeadlineUs ?? this.deadlineUs;
    const isLate = deadlineUs !== undefined && outcome.times.totalNs > deadlineUs * NS_PER_US;
    if (isLate) this.misses += 1;
    if (outcome.status !== 'completed' && outcome.status !== 'dropped') this.errors += 1;
  }
}

/**
 * Requests of one function between two versions, in the proportion of their weights: request by
 * request, as even as whole requests can be (Bresenham's line), without chance and without memory
 * of its own. Main thread.
 */
export class TrafficSplit {
  private credit = 0;
  private isOver = false;
  private isCountedElsewhere = false;
  private windowFrom = { requests: 0, errors: 0, misses: 0 };

  /** @param onGivenUp once, with the reason, when `rule` gives `trial` up. */
  constructor(
    readonly stable: Arm,
    readonly trial: Arm,
    readonly rule: RollbackRule | undefined,
    private readonly onGivenUp: (reason: string) => void,
  ) {}

  /** The version under trial in the data plane, and its share of the requests. */
  get trialShare(): [id: number, share: number] {
    const { trial, stable } = this;
    return [trial.id, trial.weight / (trial.weight + stable.weight)];
  }

  /**
   * For requests of which no outcome comes by here: what native counters say of all of a version's.
   * From now on they alone count.
   */
  countAll(arm: Arm, counted: ArmCounts): void {
    this.isCountedElsewhere = true;
    Object.assign(arm, counted);
    if (arm === this.trial && this.rule !== undefined && !this.isOver) this.judge(this.rule);
  }

  /** The version of the next request. */
  pick(): Arm {
    this.credit += this.trial.weight;
    const sum = this.trial.weight + this.stable.weight;
    if (this.credit < sum) return this.stable;
    this.credit -= sum;
    return this.trial;
  }

  /** As `DataPlane.submit`; what is too large for the version under trial is not for it. */
  submit(plane: DataPlane, request: InvocationRequest, onOutcome: OutcomeCallback): number {
    const { relativeDeadlineUs, input } = request;
    const fits = (input?.length ?? 0) <= this.trial.maxBodyBytes;
    const arm = fits ? this.pick() : this.stable;
    return plane.submit(arm.id, request, (outcome) => {
      this.count(arm, outcome, relativeDeadlineUs);
      onOutcome(outcome);
    });
  }

  count(arm: Arm, outcome: Outcome, requestDeadlineUs?: number): void {
    if (this.isCountedElsewhere) return;
    arm.count(outcome, requestDeadlineUs);
    if (arm === this.trial && this.rule !== undefined && !this.isOver) this.judge(this.rule);
  }

  /** Nothing is given up from here on. */
  end(): void {
    this.isOver = true;
  }

  /** Over windows that follow each other; what is certain before the end of one is not awaited. */
  private judge(rule: RollbackRule): void {
    const { trial, windowFrom } = this;
    const count = trial.requests - windowFrom.requests;
    const reason =
      overLimit('errors', trial.errors - windowFrom.errors, rule.errorRate, rule, count) ??
      overLimit('missed deadlines', trial.misses - windowFrom.misses, rule.missRate, rule, count);
    if (reason !== undefined) {
      this.isOver = true;
      this.onGivenUp(reason);
      return;
    }
    if (count < rule.requests) return;
    const { requests, errors, misses } = trial;
    this.windowFrom = { requests, errors, misses };
  }
}

function overLimit(
  what: string,
  bad: number,
  rate: number | undefined,
  { requests }: RollbackRule,
  count: number,
): string | undefined {
  const window = Math.max(count, requests); // counted together, they may be more than one window
  if (rate === undefined || bad <= rate * window) return undefined;
  const most = Math.floor(rate * window);
  return `${bad} ${what} in ${count} requests, where ${most} of ${window} are allowed`;
}
