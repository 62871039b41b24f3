import { groupWorkerCount } from '../config/cores';
import type { SledgeConfig } from '../config/schema';
import { workerGroups } from '../config/worker-groups';
import { capabilitiesOf } from '../plugins/capabilities';
import type { PluginHost } from '../plugins/plugin-host';

/**
 * Requests that can wait in all queues together: tenants have shares of that. A dispatcher that
 * holds requests itself holds any number; one that gives them to workers at once is bounded by
 * their run queues.
 */
export function queueRoom(host: PluginHost, { limits, workers }: SledgeConfig): number {
  const rooms = workerGroups({ workers }).map((of, group) => {
    const [dispatcher] = host.plugins('dispatcher', group);
    if (dispatcher === undefined) return limits.maxInvocations;
    const { definition, options } = dispatcher;
    const places = capabilitiesOf(definition.provides, options).includes('run-queues');
    return places ? groupWorkerCount(of) * limits.queuePerWorker : limits.maxInvocations;
  });
  return Math.min(
    limits.maxInvocations,
    rooms.reduce((sum, room) => sum + room, 0),
  );
}
