import type { z } from 'zod';
import type { PluginDefinition, PluginInstance } from '../contracts/plugin';

/** A decorated class as a plugin: its constructor's parameters come from the plugin's container. */
export interface PluginClass<Instance extends PluginInstance = PluginInstance> {
  // tsyringe's own constructor type; never[] would not be assignable to it
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  new (...dependencies: any[]): Instance;
  /** What `definePlugin` takes, without `create`. */
  readonly plugin: Omit<PluginDefinition<z.ZodType, Instance>, 'create'>;
}

/** True for a class with the static field `plugin`. */
export function isPluginClass(value: unknown): value is PluginClass {
  return typeof value === 'function' && 'plugin' in value && typeof value.plugin === 'object';
}

/** The definition of a class: `create` resolves the class from the plugin's container. */
export function definitionOfClass(PluginType: PluginClass): PluginDefinition {
  return { ...PluginType.plugin, create: (_options, ctx) => ctx.container.resolve(PluginType) };
}
