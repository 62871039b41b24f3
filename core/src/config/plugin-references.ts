import type { PluginKind } from '../contracts/plugin';
import type { PluginReference } from '../plugins/resolve-plugin';
import type { PluginChoice, SledgeConfig } from './schema';

/** Every plugin that the config names, in the order in which they are created and started. */
export function pluginReferences(config: SledgeConfig): PluginReference[] {
  return [
    reference('sandbox', 'sandbox', config.sandbox),
    reference('scheduler', 'scheduler', config.scheduler),
    reference('dispatcher', 'dispatcher', config.dispatcher),
    ...config.transports.map((choice, index) =>
      reference(`transports[${index}]`, 'transport', choice),
    ),
  ];
}

function reference(place: string, kind: PluginKind, choice: PluginChoice): PluginReference {
  if (Array.isArray(choice)) return { place, kind, source: choice[0], options: choice[1] };
  return { place, kind, source: choice, options: undefined };
}
