import { join } from 'node:path';
import type { NativePolicySpec } from '../contracts/native';
import type { PluginReference } from '../plugins/resolve-plugin';

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

/** `workerData` of a thread that tries a policy before it is made to serve. */
export interface ProbeThreadData {
  reference: PluginReference;
  /** Of the configuration: what paths are relative to. */
  folder: string;
  seed: number;
}

/** The script of a thread in this folder; from sources the built one. */
export function threadScript(name: 'policy-thread' | 'probe-thread'): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '../../dist/policies') : __dirname;
  return join(folder, `${name}.js`);
}
