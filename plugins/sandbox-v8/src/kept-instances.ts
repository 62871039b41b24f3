/** Over all functions of one worker; the one that waits longest goes first. */
const INSTANCES_MAX = 64;

interface Kept {
  readonly instance: WebAssembly.Instance;
  readonly untilMs: number;
}

/** Instances of this worker that go on, by the function that they belong to: one for each. */
export class KeptInstances {
  readonly #kept = new Map<number, Kept>();

  /** Takes it out: what is not put back is gone. */
  take(key: number): WebAssembly.Instance | undefined {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    return kept !== undefined && performance.now() < kept.untilMs ? kept.instance : undefined;
  }

  put(key: number, instance: WebAssembly.Instance, idleMs: number): void {
    this.#kept.set(key, { instance, untilMs: performance.now() + idleMs });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > INSTANCES_MAX && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Between requests. */
  dropExpired(): void {
    const nowMs = performance.now();
    for (const [key, { untilMs }] of this.#kept) if (nowMs >= untilMs) this.#kept.delete(key);
  }
}
