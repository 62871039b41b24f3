import type { PluginDefinition } from '../contracts/plugin';
import { SledgeError } from '../errors/sledge-error';

/** Every need of every plugin is provided by some plugin that the config names. */
export function checkCapabilities(
  definitions: readonly PluginDefinition[],
  providersOf: (capability: string) => readonly string[],
): void {
  const provided = new Set(definitions.flatMap((definition) => definition.provides ?? []));
  for (const definition of definitions) {
    for (const capability of definition.needs ?? []) {
      if (provided.has(capability)) continue;
      const providers = providersOf(capability);
      throw new SledgeError('SLEDGE_ERR_PLUGIN_CAPABILITY', {
        plugin: definition.name,
        capability,
        hint: providers.length > 0 ? ` (these would: ${providers.join(', ')})` : '',
      });
    }
  }
}
