import type {
  Dispatcher,
  Rank,
  RemovalReason,
  RequestView,
  Scheduler,
  WorkerView,
  Workers,
} from '../contracts/policy';
import type { MappedRequest } from './views';
import { HELD_WORK, IS_OVERDUE, NOW, VALID_UNTIL, Views } from './views';

/** Callbacks by bit, as native/binding/hosted_policy.cpp names them. */
export const CALLBACKS = {
  arrive: 1,
  idle: 2,
  preempted: 4,
  completed: 8,
  removed: 16,
  tick: 32,
  rank: 64,
  preempts: 128,
} as const;
const CLOSE = 256;
const REASONS: readonly RemovalReason[] = ['killed', 'cancelled', 'late', 'killed'];
const KEY_MAX = Number.MAX_SAFE_INTEGER;

/** What the native part gives a hosted policy; valid during a callback only. */
export interface NativeWorkers {
  count: number;
  /** Refreshes the worker's row. */
  at(worker: number): void;
  assign(worker: number, index: number, id: number): boolean;
  interrupt(worker: number, runningId: number): void;
  waitNs(worker: number, index: number, id: number): number;
  wouldPreempt(worker: number, index: number, id: number): boolean;
  take(index: number, id: number): boolean;
  rerank(index: number, id: number): boolean;
  reject(index: number, id: number): boolean;
  nextIdle(from: number): number;
  leastWait(from: number, index: number, id: number): number;
  leastWorkYielding(from: number, index: number, id: number): number;
  rotate(): number;
  random(): number;
}

/** What the native part calls instead of a native policy. Made by `hostPolicy`. */
export interface HostedPolicy {
  readonly name: string;
  readonly kind: 'dispatcher' | 'scheduler';
  readonly callbacks: number;
  readonly tickNs: number;
  readonly quantumNs: number;
  readonly overdueSharePpm: number;
  /** Once, before any callback. */
  bind(shared: ArrayBuffer, native: NativeWorkers): void;
  /** The memory of the requests, once it is known. */
  attach(requests: ArrayBuffer, strideWords: number): void;
  /** One callback; for `rank` the key. What it throws is the policy's failure. */
  call(code: number, index: number, other: number): number;
}

/**
 * Wraps a policy so that an engine on this thread can drive it: the synchronous form, in virtual
 * time and on the policy thread. @throws TypeError when it is not a policy of this kind.
 */
export function hostPolicy(
  name: string,
  kind: 'dispatcher' | 'scheduler',
  policy: Dispatcher | Scheduler,
): HostedPolicy {
  const problem = policyProblem(kind, policy);
  if (problem !== undefined) throw new TypeError(`${name}: ${problem}`);
  return kind === 'dispatcher'
    ? new HostedDispatcher(name, policy as Dispatcher)
    : new HostedScheduler(name, policy as Scheduler);
}

/** What is wrong with the object as a policy of this kind, in words; undefined: nothing. */
export function policyProblem(
  kind: 'dispatcher' | 'scheduler',
  policy: unknown,
): string | undefined {
  const fields = policy as Readonly<Record<string, unknown>>;
  const required = kind === 'dispatcher' ? 'arrive' : 'rank';
  if (typeof fields[required] !== 'function') return `it has no function ${required}`;
  const optional =
    kind === 'dispatcher' ? ['idle', 'preempted', 'completed', 'removed', 'tick'] : ['preempts'];
  for (const callback of optional) {
    const value = fields[callback];
    if (value !== undefined && typeof value !== 'function') return `${callback} is no function`;
  }
  for (const number of ['tickUs', 'quantumUs', 'overdueShare']) {
    const value = fields[number];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(value >= 0 && value <= 1e12)) return `${number} is no time`;
  }
  return undefined;
}

/** One bit for each callback that the policy has. */
function callbacksOf(policy: Dispatcher | Scheduler): number {
  const fields = policy as unknown as Readonly<Record<string, unknown>>;
  let bits = 0;
  for (const [name, bit] of Object.entries(CALLBACKS)) {
    if (typeof fields[name] === 'function') bits |= bit;
  }
  return bits;
}

class HostedDispatcher implements HostedPolicy {
  readonly kind = 'dispatcher';
  readonly callbacks: number;
  readonly tickNs: number;
  readonly quantumNs: number;
  readonly overdueSharePpm = 0;
  private views = new Views(new Float64Array(0));
  private workers: HostedWorkers | undefined;

  constructor(
    readonly name: string,
    private readonly policy: Dispatcher,
  ) {
    this.callbacks = callbacksOf(policy);
    this.quantumNs = Math.round((policy.quantumUs ?? 0) * 1000);
    this.tickNs = this.callbacks & CALLBACKS.tick ? Math.round((policy.tickUs ?? 0) * 1000) : 0;
  }

  bind(shared: ArrayBuffer, native: NativeWorkers): void {
    this.views = new Views(new Float64Array(shared));
    this.workers = new HostedWorkers(this.views, native);
  }

  attach(requests: ArrayBuffer, strideWords: number): void {
    this.views.attach(requests, strideWords);
  }

  call(code: number, index: number, other: number): number {
    const { policy, views } = this;
    const workers = this.workers as HostedWorkers;
    switch (code) {
      case CALLBACKS.arrive:
        policy.arrive(views.request(index), workers);
        break;
      case CALLBACKS.idle:
        policy.idle?.(workers.at(other), workers);
        break;
      case CALLBACKS.preempted:
        policy.preempted?.(views.request(index), workers.at(other), workers);
        break;
      case CALLBACKS.completed:
        policy.completed?.(views.request(index), workers.at(other), workers);
        break;
      case CALLBACKS.removed:
        policy.removed?.(views.request(index), REASONS[other] ?? 'killed', workers);
        break;
      case CALLBACKS.tick:
        policy.tick?.(workers);
        break;
      case CLOSE:
        workers.close();
        break;
    }
    return 0;
  }
}

class HostedScheduler implements HostedPolicy {
  readonly kind = 'scheduler';
  readonly callbacks: number;
  readonly tickNs = 0;
  readonly quantumNs: number;
  readonly overdueSharePpm: number;
  private views = new Views(new Float64Array(0));

  constructor(
    readonly name: string,
    private readonly policy: Scheduler,
  ) {
    const { quantumUs = 0, overdueShare = 0 } = policy;
    this.callbacks = callbacksOf(policy);
    this.quantumNs = Math.round(quantumUs * 1000);
    this.overdueSharePpm = Math.floor(overdueShare * 1e6);
  }

  bind(shared: ArrayBuffer): void {
    this.views = new Views(new Float64Array(shared));
  }

  attach(requests: ArrayBuffer, strideWords: number): void {
    this.views.attach(requests, strideWords);
  }

  call(code: number, index: number, other: number): number {
    const { policy, views } = this;
    const nowNs = views.shared[NOW] as number;
    if (code === CALLBACKS.rank) return this.answer(policy.rank(views.request(index), nowNs));
    if (code !== CALLBACKS.preempts) return 0;
    return policy.preempts?.(views.request(index), views.request(other), nowNs) === true ? 1 : 0;
  }

  private answer(rank: number | Rank): number {
    const { shared } = this.views;
    const isPlain = typeof rank === 'number';
    const key = isPlain ? rank : rank.key;
    const validUntilNs = isPlain ? 0 : (rank.validUntilNs ?? 0);
    if (!(key >= 0 && key <= KEY_MAX)) {
      throw new RangeError(`rank gave ${key}, not an integer from 0 to 2^53 - 1`);
    }
    shared[VALID_UNTIL] = validUntilNs === Infinity ? 0 : validUntilNs;
    shared[IS_OVERDUE] = !isPlain && rank.isOverdue === true ? 1 : 0;
    return key;
  }
}

/** `Workers` over the native calls. */
class HostedWorkers implements Workers {
  readonly length: number;

  constructor(
    private readonly views: Views,
    private native: NativeWorkers | undefined,
  ) {
    this.length = native?.count ?? 0;
  }

  get nowNs(): number {
    return this.views.shared[NOW] as number;
  }
  get heldWorkNs(): number {
    return this.views.shared[HELD_WORK] as number;
  }

  at(worker: number): WorkerView {
    this.open('at').at(this.checked('at', worker));
    return this.views.worker(worker);
  }

  assign(worker: number | WorkerView, request: RequestView): boolean {
    const { index, id } = request as MappedRequest;
    return this.open('assign').assign(this.checked('assign', worker), index, id);
  }

  interrupt(worker: number | WorkerView, runningId: number): void {
    this.open('interrupt').interrupt(this.checked('interrupt', worker), runningId);
  }

  waitNs(worker: number | WorkerView, request: RequestView): number {
    const { index, id } = request as MappedRequest;
    return this.open('waitNs').waitNs(this.checked('waitNs', worker), index, id);
  }

  wouldPreempt(worker: number | WorkerView, request: RequestView): boolean {
    const { index, id } = request as MappedRequest;
    const native = this.open('wouldPreempt');
    return native.wouldPreempt(this.checked('wouldPreempt', worker), index, id);
  }

  leastWait(from: number | WorkerView, request: RequestView): number {
    const { index, id } = request as MappedRequest;
    return this.open('leastWait').leastWait(this.checked('leastWait', from), index, id);
  }

  leastWorkYielding(from: number | WorkerView, request: RequestView): number {
    const { index, id } = request as MappedRequest;
    const native = this.open('leastWorkYielding');
    return native.leastWorkYielding(this.checked('leastWorkYielding', from), index, id);
  }

  take(request: RequestView): boolean {
    const { index, id } = request as MappedRequest;
    return this.open('take').take(index, id);
  }

  rerank(request: RequestView): boolean {
    const { index, id } = request as MappedRequest;
    return this.open('rerank').rerank(index, id);
  }

  reject(request: RequestView): boolean {
    const { index, id } = request as MappedRequest;
    return this.open('reject').reject(index, id);
  }

  nextIdle(from: number): number {
    return this.open('nextIdle').nextIdle(from);
  }

  rotate(): number {
    return this.open('rotate').rotate();
  }

  random(): number {
    return this.open('random').random();
  }

  close(): void {
    this.native = undefined;
  }

  private open(call: string): NativeWorkers {
    if (this.native === undefined) throw new Error(`workers.${call} after the policy's end`);
    return this.native;
  }

  private checked(call: string, worker: number | WorkerView): number {
    const id = typeof worker === 'number' ? worker : worker.id;
    if (Number.isInteger(id) && id >= 0 && id < this.length) return id;
    throw new RangeError(`workers.${call} names worker ${id}; there are ${this.length}`);
  }
}
