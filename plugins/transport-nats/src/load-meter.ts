import type { Outcome, TransportHost } from '@sledge/core';
import type { NodeLoad } from '@sledge/nats-connection';

const WEIGHT = 0.1;
const NS_PER_US = 1_000;
/** Counting costs microseconds: what others have submitted may be told so late. */
const FRESH_MS = 1;

/**
 * What a request that comes now would have to wait for: those in flight beyond the workers, each
 * for the mean service time so far (a moving average with weight 1/10). Main thread.
 */
export class LoadMeter {
  #serviceUs = 0;
  #counted = { workers: 1, inFlight: 0 };
  #countedAtMs = -Infinity;

  constructor(private readonly host: TransportHost) {}

  note({ status, times }: Outcome): void {
    if (status !== 'completed') return;
    const runUs = times.runNs / NS_PER_US;
    this.#serviceUs += (runUs - this.#serviceUs) * (this.#serviceUs === 0 ? 1 : WEIGHT);
  }

  /** Mean service time. */
  get serviceUs(): number {
    return this.#serviceUs;
  }

  now(): NodeLoad {
    const nowMs = performance.now();
    if (nowMs - this.#countedAtMs >= FRESH_MS) {
      this.#counted = this.host.load?.() ?? this.#counted;
      this.#countedAtMs = nowMs;
    }
    const { workers } = this.#counted;
    const inFlight = Math.max(this.#counted.inFlight, this.host.invoker.inFlight);
    const ahead = Math.max(0, inFlight + 1 - workers);
    return { waitUs: (ahead * this.#serviceUs) / workers, inFlight, workers };
  }
}
