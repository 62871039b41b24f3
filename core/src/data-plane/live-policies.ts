import { Worker } from 'node:worker_threads';
import type {
  DataPlanePolicy,
  DataPlaneScriptPolicy,
  GroupPolicyStatus,
  PolicyChange,
  PolicyEjection,
  PolicyLimits,
  ServingPolicy,
} from '../contracts/data-plane';
import type { NativeDataPlane, NativePolicySpec } from '../contracts/native';
import { SledgeError } from '../errors/sledge-error';
import { threadScript } from '../policies/thread-data';
import type {
  PolicyThreadData,
  PolicyThreadMessage,
  ScriptPolicySpec,
} from '../policies/thread-data';
import { nativeError } from './native-error';
import { nativePolicy } from './plane-options';

const WATCH_MS = 25;
const READY_LIMIT_MS = 10_000;
const EJECTIONS_KEPT = 16;

type Place = 'dispatcher' | 'scheduler';
const PLACES: readonly Place[] = ['dispatcher', 'scheduler'];

export interface LivePoliciesOptions {
  /** Index of the worker group. */
  workerGroup: number;
  name: string | undefined;
  dispatcher: ServingPolicy;
  scheduler: ServingPolicy;
  limits: PolicyLimits | undefined;
  seed: number;
  onEjected: ((ejection: PolicyEjection) => void) | undefined;
}

/**
 * Which policies decide in one worker group, and the thread of those in TypeScript. The native part
 * watches them; this ends the thread of one that was ejected, and says why.
 */
export class LivePolicies {
  private readonly serving: Record<Place, ServingPolicy>;
  private readonly ejections: PolicyEjection[] = [];
  private thread: Worker | undefined;
  private watch: NodeJS.Timeout | undefined;
  private queue: Promise<void> = Promise.resolve();
  private isStopped = false;
  /** A successor may have been ejected by now, before we know of it: not the one before. */
  private isTakingOver = false;

  constructor(
    private readonly native: NativeDataPlane,
    private readonly bindingPath: string,
    private readonly options: LivePoliciesOptions,
  ) {
    this.serving = { dispatcher: options.dispatcher, scheduler: options.scheduler };
  }

  /** One change at a time; while it is made, the policies before decide. */
  set(change: PolicyChange): Promise<void> {
    const done = this.queue.then(() => this.change(change));
    this.queue = done.catch(() => undefined);
    return done;
  }

  status(): GroupPolicyStatus {
    this.look();
    const { native, serving, ejections, options } = this;
    const status = native.policyStatus(options.workerGroup);
    const { live, events, orders, batches, callbacks, ignored, swaps, held } = status;
    return {
      group: options.name,
      dispatcher: described(serving.dispatcher),
      scheduler: described(serving.scheduler),
      live,
      events,
      orders,
      meanRoundTripUs: batches === 0 ? 0 : status.roundTripNs / batches / 1000,
      meanCallbackUs: callbacks === 0 ? 0 : status.callbackNs / callbacks / 1000,
      ignored,
      swaps,
      held,
      ejections: [...ejections],
    };
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.watch);
    await this.queue;
    const { thread } = this;
    this.thread = undefined;
    await thread?.terminate();
  }

  private async change(change: PolicyChange): Promise<void> {
    if (this.isStopped) throw new SledgeError('SLEDGE_ERR_NATIVE_STOPPED');
    this.look();
    const wanted = { ...this.serving };
    for (const place of PLACES) {
      const policy = change[place];
      if (policy !== undefined) wanted[place] = policy;
    }
    if (isScript(wanted.dispatcher) || isScript(wanted.scheduler)) await this.goLive(wanted);
    else await this.goNative(wanted);
    this.exchangeOthers(change);
  }

  private async goNative(wanted: Record<Place, ServingPolicy>): Promise<void> {
    const changed = PLACES.filter((place) => wanted[place] !== this.serving[place]);
    if (changed.length === 0) return;
    const specs = changed.map((place) => [place, nativePolicy(wanted[place] as DataPlanePolicy)]);
    const choices = Object.fromEntries(specs) as Record<Place, NativePolicySpec>;
    try {
      this.native.setPolicies(choices, this.options.workerGroup);
    } catch (error) {
      throw nativeError(error, {
        path: changed.map((place) => pathOf(wanted[place])).join(' or '),
      });
    }
    Object.assign(this.serving, wanted);
    clearInterval(this.watch);
    const before = this.thread;
    this.thread = undefined;
    await this.retire(before);
  }

  private exchangeOthers({ estimator, admission }: PolicyChange): void {
    const specs: Record<string, NativePolicySpec | null> = {};
    if (estimator !== undefined) specs.estimator = estimator && nativePolicy(estimator);
    if (admission !== undefined) specs.admission = admission && nativePolicy(admission);
    if (Object.keys(specs).length === 0) return;
    try {
      this.native.setPolicies(specs, this.options.workerGroup);
    } catch (error) {
      throw nativeError(error, { path: 'the estimator or admission policy' });
    }
  }

  private async goLive(wanted: Record<Place, ServingPolicy>): Promise<void> {
    const { limits, workerGroup, seed } = this.options;
    if (limits === undefined) {
      throw new SledgeError('SLEDGE_ERR_NATIVE_ARGUMENT', {
        reason: 'there is no fallback policy',
      });
    }
    const { fallback, decisionLimitMs, starvationLimitMs } = limits;
    const workerData: PolicyThreadData = {
      bindingPath: this.bindingPath,
      handle: this.native.handle,
      workerGroup,
      dispatcher: specOf(wanted.dispatcher),
      scheduler: specOf(wanted.scheduler),
      fallbackDispatcher: nativePolicy(fallback.dispatcher),
      fallbackScheduler: nativePolicy(fallback.scheduler),
      decisionLimitMs,
      starvationLimitMs,
      seed,
    };
    const before = this.thread;
    const thread = new Worker(threadScript('policy-thread'), {
      workerData,
      name: `sledge-policy${workerGroup}`,
    });
    thread.unref();
    this.isTakingOver = true;
    try {
      await untilReady(thread);
    } catch (error) {
      await thread.terminate();
      const names = PLACES.map((place) => wanted[place]).filter(isScript);
      const details = { plugin: names.map(pathOf).join(' or '), reason: (error as Error).message };
      throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', details, { cause: error });
    } finally {
      this.isTakingOver = false;
    }
    this.thread = thread;
    Object.assign(this.serving, wanted);
    thread.on('exit', () => this.look()); // what drove is ejected by then, and only that
    clearInterval(this.watch);
    this.watch = setInterval(() => this.look(), WATCH_MS);
    this.watch.unref();
    await this.retire(before);
    this.look();
  }

  /** It decides no longer: it may end by itself, and has a moment for that. */
  private async retire(thread: Worker | undefined): Promise<void> {
    await thread?.terminate();
  }

  /** What the native part has ejected meanwhile is taken note of. */
  private look(): void {
    const { thread } = this;
    if (thread === undefined || this.isTakingOver) return;
    const { limits, workerGroup, name } = this.options;
    const { live, reason } = this.native.policyStatus(workerGroup);
    if (live !== 'ejected') return;
    this.thread = undefined;
    clearInterval(this.watch);
    const policy = PLACES.map((place) => this.serving[place])
      .filter(isScript)
      .map(({ name }) => name)
      .join(' and ');
    const ejection = { group: name, policy, reason, at: new Date().toISOString() };
    for (const place of PLACES) {
      if (limits !== undefined && isScript(this.serving[place])) {
        this.serving[place] = limits.fallback[place];
      }
    }
    this.ejections.push(ejection);
    if (this.ejections.length > EJECTIONS_KEPT) this.ejections.shift();
    void thread.terminate();
    this.options.onEjected?.(ejection);
  }
}

export function isScript(policy: ServingPolicy): policy is DataPlaneScriptPolicy {
  return 'script' in policy;
}

function described(policy: ServingPolicy) {
  const form = isScript(policy) ? ('typescript' as const) : ('native' as const);
  return {
    name: policy.name ?? pathOf(policy),
    form,
    path: pathOf(policy),
    options: policy.options,
  };
}

function pathOf(policy: ServingPolicy): string {
  return isScript(policy) ? policy.script : policy.library;
}

function specOf(policy: ServingPolicy): NativePolicySpec | ScriptPolicySpec {
  if (!isScript(policy)) return nativePolicy(policy);
  return { file: policy.script, options: policy.options };
}

function untilReady(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`its thread is not ready after ${READY_LIMIT_MS} ms`)),
      READY_LIMIT_MS,
    );
    const settle = (problem?: string): void => {
      clearTimeout(timer);
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    };
    thread.once('message', ({ problem }: PolicyThreadMessage) => settle(problem));
    thread.once('error', (error) => settle(error.message));
    thread.once('exit', (code) => settle(`its thread has ended with code ${code}`));
  });
}
