import type { RequestState, RequestView, WorkerView } from '../contracts/policy';

const STATES: readonly RequestState[] = ['held', 'queued', 'running', 'preempted', 'blocked'];
const HIGH_WORD = 4_294_967_296;
const NONE = 0xffff_ffff;

/** Places of sledge_request's fields, in 32-bit words (checked by the native part). */
const TYPE = 2;
const GROUP = 3;
const TENANT = 4;
const STATE = 5;
const ARRIVAL = 6;
const DEADLINE = 8;
const ESTIMATE = 10;
const RUN = 12;
const REMAINING = 14;
const PREEMPTIONS = 16;
const WORKER = 17;
const BOUND = 18;

/** Shared with the native part: [now, held work, and of a rank: valid until, overdue]. */
export const NOW = 0;
export const HELD_WORK = 1;
export const VALID_UNTIL = 2;
export const IS_OVERDUE = 3;
const FIRST_WORKER = 8;
const WORKER_FIELDS = 4;

/** The memory that a policy's views read, and the views themselves. */
export class Views {
  private words = new Uint32Array(0);
  private stride = 1;
  private readonly requests: (MappedRequest | undefined)[] = [];
  private readonly workers: (MappedWorker | undefined)[] = [];

  constructor(readonly shared: Float64Array) {}

  attach(memory: ArrayBuffer, strideWords: number): void {
    this.words = new Uint32Array(memory);
    this.stride = strideWords;
  }

  /** A view of its own for each request that uses this place. */
  request(index: number): MappedRequest {
    const { words } = this;
    const base = index * this.stride;
    const id = (words[base] as number) + (words[base + 1] as number) * HIGH_WORD;
    const known = this.requests[index];
    if (known?.id === id) return known;
    const view = new MappedRequest(words, base, index, id, this.shared);
    this.requests[index] = view;
    return view;
  }

  worker(id: number): MappedWorker {
    return (this.workers[id] ??= new MappedWorker(this, id));
  }
}

export class MappedRequest implements RequestView {
  note: unknown = undefined;

  constructor(
    private readonly words: Uint32Array,
    private readonly base: number,
    readonly index: number,
    readonly id: number,
    private readonly shared: Float64Array,
  ) {}

  get type(): number {
    return this.words[this.base + TYPE] as number;
  }
  get group(): number {
    return this.words[this.base + GROUP] as number;
  }
  get tenant(): number {
    return this.words[this.base + TENANT] as number;
  }
  get state(): RequestState {
    return STATES[this.words[this.base + STATE] as number] ?? 'held';
  }
  get arrivalNs(): number {
    return this.wide(ARRIVAL);
  }
  get deadlineNs(): number {
    if (this.words[this.base + DEADLINE + 1] === NONE) return Infinity;
    return this.wide(DEADLINE);
  }
  get estimateNs(): number {
    return this.wide(ESTIMATE);
  }
  get runNs(): number {
    return this.wide(RUN);
  }
  get remainingNs(): number {
    return this.wide(REMAINING);
  }
  get slackNs(): number {
    return this.deadlineNs - (this.shared[NOW] as number) - this.remainingNs;
  }
  get preemptions(): number {
    return this.words[this.base + PREEMPTIONS] as number;
  }
  get worker(): number {
    const worker = this.words[this.base + WORKER] as number;
    return worker === NONE ? -1 : worker;
  }
  get affinity(): number {
    return this.words[this.base + BOUND] === 1 ? this.worker : -1;
  }

  private wide(field: number): number {
    const at = this.base + field;
    return (this.words[at] as number) + (this.words[at + 1] as number) * HIGH_WORD;
  }
}

export class MappedWorker implements WorkerView {
  private readonly base: number;

  constructor(
    private readonly views: Views,
    readonly id: number,
  ) {
    this.base = FIRST_WORKER + id * WORKER_FIELDS;
  }

  get queueLength(): number {
    return this.views.shared[this.base] as number;
  }
  get running(): RequestView | null {
    const index = this.views.shared[this.base + 1] as number;
    return index < 0 ? null : this.views.request(index);
  }
  get runningSinceNs(): number {
    return this.views.shared[this.base + 2] as number;
  }
  get queuedWorkNs(): number {
    return this.views.shared[this.base + 3] as number;
  }
}
