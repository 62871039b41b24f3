import type { RequestView, Workers } from '@sledge/core';

const GROUPS_MAX = 1024;
/** Behind all others. */
const UNKNOWN_GROUP = 2 ** 32 - 1;

export interface DarcOptions {
  readonly reservation: 'profiled' | 'by-hand';
  readonly reserved: readonly number[];
  readonly windowRequests: number;
  readonly similarity: number;
  readonly slowdownTarget: number;
  readonly demandChange: number;
}

/** What is known of a type. Sums are of the current window, the mean of the last that counted. */
class Type {
  readonly queue = new Set<RequestView>();
  /** Its order; UNKNOWN_GROUP: none yet. */
  group = 0;
  isSeen = false;
  windowCount = 0;
  windowRunNs = 0;
  /** Mean; 0: unknown. */
  serviceNs = 0;
  /** Share of all run time in the last window. */
  demand = 0;
}

/** The state of dispatch-darc: queues by type, groups in order, and the profile; as ../native. */
export class Darc {
  readonly #types: Type[] = [];
  /** Numbers of the types that have completed, in order of appearance. */
  readonly #seen: number[] = [];
  readonly #first: number[] = [];
  #groupCount = 0;
  #workerCount = 0;
  #hasReserved = false;
  /** In this window a type has completed that has no reservation. */
  #isNew = false;
  /** In this window a request has waited beyond the slowdown target. */
  #isSlow = false;
  #windowCount = 0;

  constructor(private readonly options: DarcOptions) {}

  hold(request: RequestView, workers: Workers): void {
    if (this.#workerCount === 0) this.begin(workers.length);
    const type = this.typeOf(request.type);
    if (!this.profiles) type.group = request.group;
    else if (this.#hasReserved && !type.isSeen) type.group = UNKNOWN_GROUP;
    type.queue.add(request);
  }

  forget(request: RequestView): void {
    this.#types[request.type]?.queue.delete(request);
  }

  /** The first worker that the type may use; it may use all that follow too. */
  firstWorker(type: number): number {
    if (this.profiles && !this.#hasReserved) return 0;
    const { group } = this.typeOf(type);
    return group < this.#groupCount ? (this.#first[group] as number) : this.spillway;
  }

  /** Of the groups that may use the worker the first, of its requests the oldest. */
  select(worker: number): RequestView | undefined {
    let best: RequestView | undefined;
    let bestGroup = 0;
    this.#types.forEach(({ queue, group }, type) => {
      const head = queue.values().next().value;
      if (head === undefined || this.firstWorker(type) > worker) return;
      if (best !== undefined && group > bestGroup) return;
      if (best !== undefined && group === bestGroup && head.id >= best.id) return;
      [best, bestGroup] = [head, group];
    });
    return best;
  }

  /** Notes how long it has waited. */
  hasStarted({ type, arrivalNs }: RequestView, nowNs: number): void {
    const { serviceNs } = this.typeOf(type);
    const isLate = nowNs - arrivalNs > this.options.slowdownTarget * serviceNs;
    if (serviceNs > 0 && isLate) this.#isSlow = true;
  }

  /** Counts a request that has ended. True: the reservation has changed. */
  profile({ type: number, runNs }: RequestView): boolean {
    if (!this.profiles) return false;
    const type = this.typeOf(number);
    if (!type.isSeen) this.#seen.push(number);
    type.isSeen = true;
    this.#isNew ||= type.group === UNKNOWN_GROUP;
    type.windowCount += 1;
    type.windowRunNs += runNs;
    this.#windowCount += 1;
    if (this.#windowCount < this.options.windowRequests) return false;
    const hasMoved = this.#isNew || (this.#isSlow && this.demandHasMoved());
    const isDue = !this.#hasReserved || hasMoved;
    if (isDue) this.regroup();
    this.closeWindow();
    return isDue;
  }

  private get profiles(): boolean {
    return this.options.reservation === 'profiled';
  }

  private get spillway(): number {
    return this.#workerCount - 1;
  }

  private typeOf(number: number): Type {
    for (let next = this.#types.length; next <= number; next += 1) this.#types.push(new Type());
    return this.#types[number] as Type;
  }

  private seenTypes(): Type[] {
    return this.#seen.map((number) => this.typeOf(number));
  }

  private begin(workerCount: number): void {
    this.#workerCount = workerCount;
    this.reserve(this.options.reserved.map((count) => Math.min(count, workerCount)));
  }

  /** Gives each group its workers, in order; those for which none is left share the last. */
  private reserve(wanted: readonly number[]): void {
    let next = 0;
    this.#groupCount = wanted.length;
    wanted.forEach((count, group) => {
      this.#first[group] = Math.min(next, this.spillway);
      next = Math.min(next + count, this.#workerCount);
    });
    if (this.profiles || wanted.length >= GROUPS_MAX) return;
    // By hand, groups without a reservation use what is not reserved.
    const rest = Math.min(next, this.spillway);
    for (let group = wanted.length; group < GROUPS_MAX; group += 1) this.#first[group] = rest;
    this.#groupCount = GROUPS_MAX;
  }

  /** The share of a type in all run time is no longer what its workers were reserved for. */
  private demandHasMoved(): boolean {
    const types = this.seenTypes();
    const totalNs = types.reduce((sum, { windowRunNs }) => sum + windowRunNs, 0);
    return types.some(({ windowRunNs, demand }) => {
      const now = windowRunNs / Math.max(totalNs, 1);
      return Math.abs(now - demand) > this.options.demandChange;
    });
  }

  /** Groups types of similar service times and reserves by demand: Algorithm 2 of the paper. */
  private regroup(): void {
    const totalNs = this.seenTypes().reduce((sum, { windowRunNs }) => sum + windowRunNs, 0);
    for (const type of this.seenTypes()) {
      if (type.windowCount !== 0) type.serviceNs = type.windowRunNs / type.windowCount;
    }
    this.#seen.sort((a, b) => this.typeOf(a).serviceNs - this.typeOf(b).serviceNs || a - b);
    const types = this.seenTypes();
    const wanted: number[] = [];
    for (let at = 0; at < types.length && wanted.length < GROUPS_MAX;) {
      const longestNs = (types[at] as Type).serviceNs * this.options.similarity;
      let demand = 0;
      for (; at < types.length; at += 1) {
        const type = types[at] as Type;
        if (type.serviceNs > longestNs && wanted.length !== GROUPS_MAX - 1) break;
        type.group = wanted.length;
        type.demand = type.windowRunNs / Math.max(totalNs, 1);
        demand += type.demand;
      }
      wanted.push(Math.max(1, Math.floor(demand * this.#workerCount + 0.5)));
    }
    this.reserve(wanted);
    this.#hasReserved = true;
  }

  private closeWindow(): void {
    for (const type of this.seenTypes()) {
      if (type.serviceNs === 0 && type.windowCount !== 0) {
        type.serviceNs = type.windowRunNs / type.windowCount;
      }
      type.windowCount = 0;
      type.windowRunNs = 0;
    }
    this.#windowCount = 0;
    this.#isNew = false;
    this.#isSlow = false;
  }
}
