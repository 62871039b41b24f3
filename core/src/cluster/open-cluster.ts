import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { PluginChoice } from '../config/schema';
import type { ListenerInfo, TransportInstance } from '../contracts/kinds';
import type { RegistryInstance } from '../contracts/registry';
import type { LiveControl } from '../control/live-control';
import type { PluginHost } from '../plugins/plugin-host';
import type { PolicyKind } from '../server/policy-kinds';
import type { ServerPolicies } from '../server/server-policies';
import { Cluster } from './cluster';
import type { NodeSaid } from './node-report';

/** What a cluster needs of the server that is one of its nodes. */
export interface ClusterMember {
  readonly logger: Logger;
  listeners(): readonly ListenerInfo[];
  stats(): Record<string, number>;
  setPolicy(kind: PolicyKind, choice: PluginChoice, group?: string): Promise<void>;
}

const ADDRESSES_TOLD = 8;

/**
 * Call it before transports start: whether this node is drained says the registry, and until then
 * it takes no work of the cluster. Without a registry it does nothing.
 */
export async function holdWork(host: PluginHost): Promise<void> {
  if (host.instances('registry').length === 0) return;
  const transports = host.instances('transport').map(({ instance }) => instance);
  await Promise.all(
    (transports as TransportInstance[]).map(async (one) => one.setTakingWork?.(false)),
  );
}

/** The node of the cluster that the configuration names; undefined: it names none. */
export function openCluster(
  member: ClusterMember,
  live: LiveControl,
  host: PluginHost,
  policies: Pick<ServerPolicies, 'check'>,
): Cluster | undefined {
  const [found] = host.instances('registry');
  if (found === undefined) return undefined;
  const transports = () => host.instances('transport').map(({ instance }) => instance);
  return new Cluster({
    registry: found.instance as RegistryInstance,
    logger: member.logger,
    parallel: live.control.parts.config.build.parallel,
    server: {
      live,
      checkPolicy: ({ kind, choice, group }) => policies.check(kind, choice, group),
      setPolicy: ({ kind, choice, group }) => member.setPolicy(kind, choice, group),
      setTakingWork: async (isTaking) => {
        const all = transports() as TransportInstance[];
        await Promise.all(all.map(async (transport) => transport.setTakingWork?.(isTaking)));
      },
    },
    about: () => {
      const stats = member.stats();
      const { inFlight = 0, workers = 0 } = stats;
      const addresses = member.listeners().map(({ url }) => url.slice(0, 300));
      return {
        version: sledgeVersion,
        addresses: addresses.slice(0, ADDRESSES_TOLD),
        functions: live.functions().length,
        load: { inFlight, workers },
        ...placedOf(stats),
      };
    },
  });
}

/** Nothing without a placement. */
function placedOf(stats: Readonly<Record<string, number>>): Pick<NodeSaid, 'placed'> {
  const of = (name: string): number => stats[`placement.${name}`] ?? 0;
  if (stats['placement.local'] === undefined) return {};
  const failedOver = of('run_here');
  const local = of('local') - failedOver;
  const [sent, refused, lost] = [of('forwarded'), of('refused_there'), of('lost')];
  return { placed: { local, sent, refused, lost, failedOver } };
}

const { version: sledgeVersion } = JSON.parse(
  readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8'),
) as { version: string };
