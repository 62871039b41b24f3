import type { z } from 'zod';
import type { NativePolicyInstance } from '../contracts/kinds';
import type {
  NativePolicySpec,
  NativeReplayResult,
  NativeStageOptions,
  NativeTrialOptions,
  NativeTrialResult,
} from '../contracts/native';
import type { PluginContext, PluginKind } from '../contracts/plugin';
import type { Dispatcher, Scheduler } from '../contracts/policy';
import { loadBinding } from '../data-plane/binding';
import { nativePolicy } from '../data-plane/plane-options';
import type { PolicyClaims } from '../policies/define-policy';
import { hostPolicy, type HostedPolicy } from '../policies/hosted-policy';
import { policyContext } from '../policies/policy-context';

/** What `definePlugin`, `defineDispatcher` and `defineScheduler` give. */
export interface AnyPolicyPlugin {
  name: string;
  kind: PluginKind;
  options: z.ZodType;
  claims?: PolicyClaims;
  create(options: never, ctx: PluginContext): unknown;
}

/** A policy plugin of either form, with options as the config would give them. */
export interface PolicyUnderTest {
  plugin: AnyPolicyPlugin;
  options?: Readonly<Record<string, unknown>>;
}

/** The policies of one engine. */
export interface PolicyPair {
  dispatcher: PolicyUnderTest;
  scheduler: PolicyUnderTest;
}

export type TrialOptions = Partial<Omit<NativeTrialOptions, 'dispatcher' | 'scheduler'>>;

const DEFAULTS = {
  workers: 4,
  maxRequests: 512,
  queuePerWorker: 64,
  types: 4,
  preemption: true,
  migration: true,
  seed: 1,
  requests: 1000,
  load: 0.9,
  withDeadlines: true,
  withInterruptions: true,
  isRecorded: false,
  isWorkConserving: false,
  isFifoWithinType: false,
  ordersByDeadline: false,
};

/**
 * Runs a seeded random load through policies in virtual time, on this thread.
 * @throws Error with `code` when a policy cannot be made.
 */
export function runTrial(pair: PolicyPair, options: TrialOptions = {}): NativeTrialResult {
  const all = { ...DEFAULTS, ...options };
  return loadBinding().binding.policyTrial({ ...all, ...formsOf(pair, all.seed) });
}

/** Plays a recorded log again into fresh policies; `options` as when it was recorded. */
export function replayLog(
  pair: PolicyPair,
  log: Float64Array,
  options: TrialOptions = {},
): NativeReplayResult {
  const all = { ...DEFAULTS, ...options };
  const stage: NativeStageOptions = { ...all, ...formsOf(pair, all.seed) };
  return loadBinding().binding.policyReplay(stage, log);
}

function formsOf(pair: PolicyPair, seed: number) {
  return {
    dispatcher: policyForm(pair.dispatcher, seed),
    scheduler: policyForm(pair.scheduler, seed),
  };
}

/** What an engine takes: the native policy's library, or the TypeScript policy made and hosted. */
export function policyForm(
  { plugin, options = {} }: PolicyUnderTest,
  seed: number,
): NativePolicySpec | HostedPolicy {
  const made: unknown = plugin.create(
    plugin.options.parse(options) as never,
    policyContext(plugin.name, seed),
  );
  if (made instanceof Promise) throw new TypeError(`${plugin.name}: create must be synchronous`);
  const { native } = made as Partial<NativePolicyInstance>;
  if (native !== undefined) return nativePolicy(native);
  const kind = plugin.kind === 'scheduler' ? 'scheduler' : 'dispatcher';
  return hostPolicy(plugin.name, kind, made as Dispatcher | Scheduler);
}
