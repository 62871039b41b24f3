import { isDeepStrictEqual } from 'node:util';
import type { RegistryInstance } from '../contracts/registry';
import type { LiveControl } from '../control/live-control';
import { SledgeError } from '../errors/sledge-error';
import { adoptFunction } from './adopt-function';
import type { Adopter } from './convergence';
import { keys } from './entries';
import type { ClusterEntry, EntryKind, PolicyEntry, TenantEntry } from './entries';

/** What of a server the registry may change beside functions and tenants. */
export interface ClusterServer {
  readonly live: LiveControl;
  setPolicy(policy: PolicyEntry): Promise<void>;
  /** Makes it and changes nothing. Rejects as `setPolicy` does. */
  checkPolicy(policy: PolicyEntry): Promise<void>;
  /** This node takes work of the cluster, or no more; resolves when what it had has ended. */
  setTakingWork(isTaking: boolean): Promise<void>;
}

/** Takes entries of the registry over into one server. Main thread. */
export class ServerAdopter implements Adopter {
  readonly owned: Set<string>;
  /** What this node itself has just put there: it need not be fetched. */
  readonly stash = new Map<string, Uint8Array>();

  constructor(
    private readonly server: ClusterServer,
    private readonly registry: RegistryInstance,
  ) {
    this.owned = new Set(server.live.control.parts.store.clusterKeys());
  }

  async adopt(entry: ClusterEntry, signal: AbortSignal): Promise<void> {
    const { live } = this.server;
    switch (entry.kind) {
      case 'function': {
        this.own(keys.function(entry.value.tenant, entry.value.name));
        const source = async (hash: string): Promise<Uint8Array> =>
          this.stash.get(hash) ?? (await this.registry.getModule(hash));
        return adoptFunction(live.control, entry.value, source, signal);
      }
      case 'tenant':
        return this.adoptTenant(entry.value);
      case 'policy':
        return this.server.setPolicy(entry.value);
      case 'node':
        if (entry.value.node !== this.registry.node) return;
        // what it had may take long to end, and other entries need not wait for that
        void this.server.setTakingWork(entry.value.isTaking);
    }
  }

  async remove(key: string, kind: EntryKind): Promise<void> {
    const { control, tenantControl } = this.server.live;
    if (this.owned.has(key)) {
      const { byName } = control.parts.registry;
      if (kind === 'tenant') {
        const tenant = [...byName.keys()].find((name) => keys.tenant(name) === key);
        if (tenant !== undefined) await unlessOfConfig(() => tenantControl.remove(tenant));
      }
      if (kind === 'function') {
        const functions = [...byName.values()].flatMap((one) => [...one.functions.values()]);
        const found = functions.find(({ tenant, name }) => keys.function(tenant, name) === key);
        if (found !== undefined) await unlessOfConfig(() => control.undeploy(found));
      }
      control.parts.store.setClusterKey(key, false);
      this.owned.delete(key);
    }
  }

  private async adoptTenant({ name, settings }: TenantEntry): Promise<void> {
    const { tenantControl, control } = this.server.live;
    const before = control.parts.registry.byName.get(name);
    if (before?.source !== 'config') this.own(keys.tenant(name));
    const kept = control.parts.store.tenants().find((one) => one.name === name);
    if (before !== undefined && kept && isDeepStrictEqual(kept.settings, settings)) return;
    await tenantControl.set(name, settings);
  }

  /** It is noted before anything is changed: after a crash it is known whose a thing is. */
  private own(key: string): void {
    if (this.owned.has(key)) return;
    this.server.live.control.parts.store.setClusterKey(key, true);
    this.owned.add(key);
  }
}

/** Nothing was deployed any more: then nothing of the cluster is left to go. */
async function unlessOfConfig(change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    const isOfConfig =
      error instanceof SledgeError && error.code === 'SLEDGE_ERR_CONTROL_OF_CONFIG';
    if (!isOfConfig) throw error;
  }
}
