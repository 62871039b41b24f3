import type { Logger } from 'pino';
import type { Placement } from '../contracts/placement';
import { NodePlacement, type NodePlacementOptions } from '../placement/node-placement';
import type { PluginHost } from '../plugins/plugin-host';
import { seededRandom, seedFor } from '../plugins/random';

type Given = 'plane' | 'runLocally' | 'estimateNs' | 'load';

export interface PlacementParts extends Pick<NodePlacementOptions, Given> {
  readonly host: PluginHost;
  readonly logger: Logger;
  readonly seed: number;
}

/** The placement of the configuration, on a server that has a data plane; undefined: none. */
export function openPlacement(parts: PlacementParts): NodePlacement | undefined {
  const [created] = parts.host.instances('placement');
  if (created === undefined) return undefined;
  const { name, instance } = created;
  return new NodePlacement({
    ...parts,
    name,
    placement: instance as Placement,
    random: seededRandom(seedFor(parts.seed, `nodes/${name}`)),
    nowNs: () => Math.round(performance.now() * 1e6),
  });
}
