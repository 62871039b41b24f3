import type { DataPlaneTenant } from '../contracts/data-plane';
import { SledgeError } from '../errors/sledge-error';
import type { ListenerInfo } from '../contracts/kinds';
import { LiveTenant, viewOf } from '../functions/live-tenant';
import type { TenantSettings } from '../functions/live-tenant';
import type { FunctionControl } from './function-control';
import { tenantReport } from './reports';
import type { TenantReport } from './reports';
import { tenantInForce } from './settings';

const TENANTS_MAX = 1024;

/** Tenants of a server that runs: made, changed, taken away with their functions. Main thread. */
export class TenantControl {
  /** Removed, with requests in flight: what they still do is not to meet a new tenant's data. */
  private readonly ending = new Set<string>();
  /** Changes follow each other: what one is checked against is what the one before has left. */
  private changing: Promise<void> | undefined;

  constructor(
    private readonly functions: FunctionControl,
    private readonly listeners: () => readonly ListenerInfo[],
  ) {}

  reports(): TenantReport[] {
    const { byName } = this.functions.parts.registry;
    const listeners = this.listeners();
    return [...byName.values()].map((tenant) => tenantReport(tenant, listeners));
  }

  /**
   * Makes a tenant, or changes one that was made here: settings as in the configuration, without
   * functions. New limits hold for what is deployed from then on, and those over all functions for
   * every request.
   * @throws SledgeError SLEDGE_ERR_CONTROL_..., _STORE_..., or why a transport cannot serve it, as
   * SLEDGE_ERR_HTTP_LISTEN; nothing has changed then, and nobody has been cut.
   */
  set(name: string, given: object): Promise<TenantReport> {
    return this.alone(() => this.setNow(name, given));
  }

  /** With everything that was deployed for it. @throws SledgeError SLEDGE_ERR_CONTROL_... */
  remove(name: string): Promise<void> {
    return this.alone(async () => {
      const { functions } = this;
      functions.checkOpen();
      const tenant = functions.tenant(name);
      if (tenant.source === 'config') throw ofConfig(name);
      functions.parts.store.removeTenant(name);
      await this.takeOut(tenant);
    });
  }

  /** Begins at once when nothing else is being changed. */
  private async alone<Of>(change: () => Promise<Of>): Promise<Of> {
    while (this.changing !== undefined) await this.changing;
    const changed = change();
    const end = (): void => (this.changing = undefined);
    this.changing = changed.then(end, end);
    return changed;
  }

  private async setNow(name: string, given: object): Promise<TenantReport> {
    const { functions } = this;
    functions.checkOpen();
    const { registry, store } = functions.parts;
    if (this.ending.has(name)) {
      throw new SledgeError('SLEDGE_ERR_CONTROL_TENANT_ENDS', { tenant: name });
    }
    const before = registry.byName.get(name);
    if (before?.source === 'config') throw ofConfig(name);
    if (before === undefined && registry.byName.size >= TENANTS_MAX) {
      const details = { limit: TENANTS_MAX, what: 'tenants' };
      throw new SledgeError('SLEDGE_ERR_CONTROL_TOO_MANY', details);
    }
    const all = [...registry.byName.values()];
    const settings = tenantInForce(functions.rules, all, { name, settings: given });
    const view = viewOf(settings, before?.view.functions ?? []);
    const giveBack = await functions.parts.prepareTenant(view);
    let tenant: LiveTenant;
    try {
      functions.checkOpen(); // it need not be so any more
      tenant = before ?? this.begun(settings);
      store.saveTenant({ name, settings: given });
    } catch (error) {
      await giveBack();
      throw error;
    }
    if (before === undefined) await this.take(tenant);
    else await this.change(before, settings);
    return tenantReport(tenant, this.listeners());
  }

  /** With its functions, and what host plugins keep of it; the store is not asked. */
  private async takeOut({ name, functions }: LiveTenant): Promise<void> {
    const { parts, loader } = this.functions;
    this.ending.add(name);
    parts.plane.forgetTenant?.(name);
    parts.registry.byName.delete(name);
    const all = [...functions.values()];
    functions.clear();
    for (const fn of all) fn.end();
    await this.functions.publish();
    for (const fn of all) loader.retire(fn);
    loader.whenRetired(name, () => this.endOf(name));
  }

  /** Nothing is in flight any more, and the store is still open. */
  end(): void {
    for (const name of [...this.ending]) this.endOf(name);
  }

  /** Those that had not ended when the process did. Before anything is served. */
  forgetEnded(): void {
    const { plane, store, logger } = this.functions.parts;
    for (const tenant of store.endingTenants()) {
      try {
        plane.forgetTenant?.(tenant);
        store.setTenantEnded(tenant);
      } catch (error) {
        logger.error({ err: error, tenant }, 'what it has kept goes at the next start');
      }
    }
  }

  /** What was called since it was removed may have begun it anew. */
  private endOf(name: string): void {
    const { plane, store, logger } = this.functions.parts;
    plane.forgetTenant?.(name);
    this.ending.delete(name);
    try {
      store.setTenantEnded(name);
    } catch (error) {
      logger.error({ err: error, tenant: name }, 'is forgotten once more at the next start');
    }
  }

  /** What a tenant has that says nothing of itself. */
  plain(name: string): TenantSettings {
    return tenantInForce(this.functions.rules, [], { name, settings: {} });
  }

  /** One that was kept, before transports listen. */
  async restore(name: string, given: object): Promise<void> {
    const all = [...this.functions.parts.registry.byName.values()];
    await this.make(tenantInForce(this.functions.rules, all, { name, settings: given }));
  }

  /** In memory alone; resolves when transports serve it. */
  async make(settings: TenantSettings): Promise<LiveTenant> {
    const tenant = this.begun(settings);
    await this.take(tenant);
    return tenant;
  }

  private async take(tenant: LiveTenant): Promise<void> {
    this.functions.parts.registry.byName.set(tenant.name, tenant);
    await this.functions.publish();
  }

  private async change(tenant: LiveTenant, settings: TenantSettings): Promise<void> {
    this.functions.parts.plane.setTenant?.(tenant.index, planeTenant(settings));
    tenant.settings = settings;
    tenant.changed();
    await this.functions.publish();
  }

  /** Known to the data plane alone. @throws SledgeError SLEDGE_ERR_NATIVE_ARGUMENT: no place. */
  private begun(settings: TenantSettings): LiveTenant {
    const { plane, registry } = this.functions.parts;
    const inFlight = (index: number) => plane.tenantStats?.(index)['inFlight'] ?? 0;
    const index = freeIndex([...registry.byName.values()], inFlight);
    plane.beginTenant?.(index);
    plane.setTenant?.(index, planeTenant(settings));
    return new LiveTenant(settings, index, 'deployed');
  }
}

/** The least number that no tenant has in the data plane, nor requests of one that is gone. */
function freeIndex(tenants: readonly LiveTenant[], inFlight: (index: number) => number): number {
  const taken = new Set(tenants.map(({ index }) => index));
  let index = 0;
  while (taken.has(index) || inFlight(index) > 0) index += 1;
  return index;
}

function ofConfig(name: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CONTROL_OF_CONFIG', { what: `The tenant ${name}` });
}

/** What the data plane holds a tenant to, and what it promises it. */
function planeTenant({ limits, budget }: TenantSettings): DataPlaneTenant {
  return { ...limits, budget };
}
