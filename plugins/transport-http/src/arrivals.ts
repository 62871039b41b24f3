import { performance } from 'node:perf_hooks';

const NS_PER_MS = 1e6;

/** What tells the time of the event loop; replaced in tests. */
export interface LoopTimes {
  /** Of the data plane's clock, ns. */
  nowNs(): number;
  /** How long the event loop has waited for something to happen since it began, ns. */
  idleNs(): number;
  /** Calls back when this turn of the event loop has read what there was. */
  atTurnEnd(callback: () => void): void;
}

/** Those of the thread that asks. */
export function loopTimes(clock: Pick<LoopTimes, 'nowNs'>): LoopTimes {
  return {
    nowNs: () => clock.nowNs(),
    idleNs: () => performance.nodeTiming.idleTime * NS_PER_MS,
    atTurnEnd: (callback) => setImmediate(callback),
  };
}

/** Of the time since the turn before: who waited for more of it was not behind with reading. */
const RESTED_SHARE = 0.1;

/**
 * When the requests that are read now had arrived. All that one turn of the event loop reads was
 * there when the turn began. A loop that has not waited since the turn before was busy meanwhile:
 * they came at any moment of that, the middle on average. So deadlines count from there, and not
 * from when there was time to read. One clock reading and one immediate for each turn.
 */
export class Arrivals {
  #isInTurn = false;
  #arrivalNs = 0;
  #beganNs = 0;
  #endedNs = 0;
  #idleNs = 0;

  constructor(private readonly times: LoopTimes) {}

  /** Of the request at hand, ns of the data plane's clock. */
  get nowNs(): number {
    if (!this.#isInTurn) this.#begin();
    return this.#arrivalNs;
  }

  #begin(): void {
    const { times } = this;
    const nowNs = times.nowNs();
    const idleNs = times.idleNs();
    const waitedNs = idleNs - this.#idleNs;
    // Without a wait it is busy since the turn before began, else at most since its end. What
    // has rested for long knows nothing of when its work was: the request may have come after it.
    const hasRested = waitedNs > (nowNs - this.#endedNs) * RESTED_SHARE;
    const sinceNs = waitedNs > 0 ? this.#endedNs + waitedNs : this.#beganNs;
    const unreadNs = hasRested || this.#beganNs === 0 ? 0 : Math.max(0, nowNs - sinceNs);
    this.#arrivalNs = Math.round(nowNs - unreadNs / 2);
    this.#beganNs = nowNs;
    this.#idleNs = idleNs;
    this.#isInTurn = true;
    times.atTurnEnd(this.#end);
  }

  readonly #end = (): void => {
    this.#isInTurn = false;
    this.#endedNs = this.times.nowNs();
  };
}
