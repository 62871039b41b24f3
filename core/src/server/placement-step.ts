import type { Logger } from 'pino';
import type { DataPlane } from '../contracts/data-plane';
import type { FunctionHandle } from '../contracts/invocation';
import type { Placement } from '../contracts/placement';
import type { LoadedFunction } from '../functions/live-function';
import { NodePlacement, type RunLocally } from '../placement/node-placement';
import type { PluginHost } from '../plugins/plugin-host';
import { seededRandom, seedFor } from '../plugins/random';

export interface PlacementParts {
  readonly host: PluginHost;
  readonly plane: Pick<DataPlane, 'stats' | 'cancel'>;
  readonly runLocally: RunLocally;
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
    expectedUs: (fn: FunctionHandle) => (fn as LoadedFunction).expectedExecutionUs,
    nowNs: () => Math.round(performance.now() * 1e6),
  });
}
