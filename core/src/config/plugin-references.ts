import type { PluginKind } from '../contracts/plugin';
import type { PluginReference } from '../plugins/resolve-plugin';
import type { PluginChoice, SledgeConfig } from './schema';

/** Every plugin that the config names, in the order in which they are created and started. */
export function pluginReferences(config: SledgeConfig): PluginReference[] {
  return [
    reference('sandbox', 'sandbox', config.sandbox),
    ...optional('estimator', config.estimator),
    ...optional('admission', config.admission),
    reference('scheduler', 'scheduler', config.scheduler),
    reference('dispatcher', 'dispatcher', config.dispatcher),
    ...config.transports.map((choice, index) =>
      reference(`transports[${index}]`, 'transport', choice),
    ),
  ];
}

function optional(kind: 'estimator' | 'admission', choice: PluginChoice): PluginReference[] {
  return choice === 'none' ? [] : [reference(kind, kind, choice)];
}

function reference(place: string, kind: PluginKind, choice: PluginChoice): PluginReference {
  if (Array.isArray(choice)) return { place, kind, source: choice[0], options: choice[1] };
  return { place, kind, source: choice, options: undefined };
}
