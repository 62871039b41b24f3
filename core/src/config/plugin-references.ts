import type { PluginKind } from '../contracts/plugin';
import type { PluginReference } from '../plugins/resolve-plugin';
import type { PluginChoice, SledgeConfig } from './schema';
import { workerGroups } from './worker-groups';

/** Every plugin that the config names, in the order in which they are created and started. */
export function pluginReferences(config: SledgeConfig): PluginReference[] {
  return [
    reference('sandbox', 'sandbox', config.sandbox),
    ...config.hosts.map((choice, index) => reference(`hosts[${index}]`, 'host', choice)),
    ...workerGroups(config).flatMap((_, index) => policiesOf(config, index)),
    ...placementOf(config),
    ...config.transports.map((choice, index) =>
      reference(`transports[${index}]`, 'transport', choice),
    ),
    ...(config.registry === 'none' ? [] : [reference('registry', 'registry', config.registry)]),
  ];
}

/** Asked before dispatchers; one for all worker groups. */
function placementOf({ placement }: SledgeConfig): PluginReference[] {
  return placement === 'none' ? [] : [reference('placement', 'placement', placement)];
}

const POLICIES = ['estimator', 'admission', 'scheduler', 'dispatcher'] as const;

/** A group's own policies, and the configuration's for those that it does not name. */
function policiesOf(config: SledgeConfig, workerGroup: number): PluginReference[] {
  const own = config.workers.groups?.[workerGroup];
  return POLICIES.flatMap((kind) => {
    const isOwn = own?.[kind] !== undefined;
    const place = isOwn ? `workers.groups[${workerGroup}].${kind}` : kind;
    const choice = own?.[kind] ?? config[kind];
    if (choice === 'none' && (kind === 'estimator' || kind === 'admission')) return [];
    return [{ ...reference(place, kind, choice), workerGroup }];
  });
}

/** One plugin as the config names it at `place`. */
export function referenceOf(
  place: string,
  kind: PluginKind,
  choice: PluginChoice,
): PluginReference {
  return reference(place, kind, choice);
}

function reference(place: string, kind: PluginKind, choice: PluginChoice): PluginReference {
  if (Array.isArray(choice)) return { place, kind, source: choice[0], options: choice[1] };
  return { place, kind, source: choice, options: undefined };
}
