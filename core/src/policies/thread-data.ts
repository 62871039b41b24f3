import type { NativePolicySpec } from '../contracts/native';

/** A policy in TypeScript: one file, and its options as the schema gave them. */
export interface ScriptPolicySpec {
  file: string;
  options: unknown;
}

/** `workerData` of a policy thread. */
export interface PolicyThreadData {
  bindingPath: string;
  handle: number;
  /** Index of the worker group that the policies lead. */
  workerGroup: number;
  dispatcher: NativePolicySpec | ScriptPolicySpec;
  scheduler: NativePolicySpec | ScriptPolicySpec;
  fallbackDispatcher: NativePolicySpec;
  fallbackScheduler: NativePolicySpec;
  decisionLimitMs: number;
  starvationLimitMs: number;
  seed: number;
}

/** What the thread says, once. */
export interface PolicyThreadMessage {
  isReady?: boolean;
  problem?: string;
  code?: unknown;
}
