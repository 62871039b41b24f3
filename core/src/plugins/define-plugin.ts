import type { z } from 'zod';
import type { HostInstance, NativePolicyInstance } from '../contracts/kinds';
import type { SandboxInstance, TransportInstance } from '../contracts/kinds';
import type { Placement } from '../contracts/placement';
import type { RegistryInstance } from '../contracts/registry';
import type { WorkloadInstance } from '../contracts/workload';
import type { PluginDefinition, PluginInstance, PluginKind } from '../contracts/plugin';

/** What `create` of each kind must return. */
export interface InstancesByKind {
  transport: TransportInstance;
  dispatcher: NativePolicyInstance;
  scheduler: NativePolicyInstance;
  sandbox: SandboxInstance;
  estimator: NativePolicyInstance;
  admission: NativePolicyInstance;
  workload: WorkloadInstance;
  placement: Placement;
  host: HostInstance;
  registry: RegistryInstance;
}

export type InstanceOf<Kind extends PluginKind> = Kind extends keyof InstancesByKind
  ? InstancesByKind[Kind]
  : PluginInstance;

/**
 * Declares a plugin: returns the definition as it is, with its types inferred from `kind` and
 * `options`. Export the result as default. Nothing is checked here; the plugin host checks it
 * when it loads, each step with its own error.
 */
export function definePlugin<
  Kind extends PluginKind,
  Options extends z.ZodType,
  Instance extends InstanceOf<Kind>,
>(
  definition: PluginDefinition<Options, Instance> & { kind: Kind },
): PluginDefinition<Options, Instance> & { kind: Kind } {
  return definition;
}
