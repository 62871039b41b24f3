import { createRequire } from 'node:module';

const FIELDS = 7;
const EMPTY = Buffer.alloc(0);

interface NoopAddon {
  start(onBatch: (batch: number | TokenOutcome[]) => void): ArrayBuffer;
  submit(
    fn: number,
    args: readonly string[],
    environ: readonly string[],
    input: Uint8Array | undefined,
    deadlineUs: number,
  ): number;
  stop(): void;
}

export interface NoopRequest {
  readonly args: readonly string[];
  readonly environ: readonly string[];
  readonly input?: Uint8Array | undefined;
  readonly relativeDeadlineUs?: number | undefined;
}

export interface NoopOutcome {
  readonly status: string;
  readonly output: Buffer;
  readonly queueNs: number;
  readonly runNs: number;
  readonly totalNs: number;
}

interface TokenOutcome extends NoopOutcome {
  readonly token: number;
}

/** The same call as `Invoker.invoke`, of a worker thread that does nothing; see native/noop.c. */
export class Noop {
  readonly #addon: NoopAddon;
  readonly #records: Float64Array;
  readonly #callbacks: ((outcome: NoopOutcome) => void)[] = [];

  /** Once per process and file: the addon has one worker. */
  constructor(file: string) {
    this.#addon = createRequire(__filename)(file) as NoopAddon;
    const onBatch = (batch: number | TokenOutcome[]): void =>
      typeof batch === 'number' ? this.#deliverRecords(batch) : this.#deliverObjects(batch);
    this.#records = new Float64Array(this.#addon.start(onBatch));
  }

  /** @throws Error when the addon takes no more. */
  invoke(fn: number, request: NoopRequest, onOutcome: (outcome: NoopOutcome) => void): number {
    const { args, environ, input, relativeDeadlineUs = 0 } = request;
    const token = this.#addon.submit(fn, args, environ, input, relativeDeadlineUs);
    if (token < 0) throw new Error('the addon takes no more');
    this.#callbacks[token] = onOutcome;
    return token;
  }

  stop(): void {
    this.#addon.stop();
  }

  #deliverObjects(batch: readonly TokenOutcome[]): void {
    for (const outcome of batch) this.#callbacks[outcome.token]?.(outcome);
  }

  #deliverRecords(count: number): void {
    const records = this.#records;
    for (let at = 0; at < count * FIELDS; at += FIELDS) {
      this.#callbacks[records[at] as number]?.({
        status: 'completed',
        output: EMPTY,
        queueNs: records[at + 4] as number,
        runNs: records[at + 5] as number,
        totalNs: records[at + 6] as number,
      });
    }
  }
}
