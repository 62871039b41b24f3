import type { Logger } from 'pino';
import { SledgeError } from '../errors/sledge-error';
import { asSledgeError } from '../functions/build-functions';
import { LiveFunction } from '../functions/live-function';
import type { LiveTenant } from '../functions/live-tenant';
import type { FunctionControl } from './function-control';
import type { StoredFunction } from './function-store';
import { functionInForce } from './settings';
import type { TenantControl } from './tenant-control';

/**
 * Brings back what a store has, before anything is served: tenants, then the versions of each
 * function that serve. A function whose version cannot be brought back is served by the
 * configuration's, if that names it; else it is there, and says why it does not serve.
 */
export async function restore(control: FunctionControl, tenants: TenantControl): Promise<void> {
  const { store, registry, logger } = control.parts;
  tenants.forgetEnded();
  for (const { name, settings } of store.tenants()) {
    if (registry.byName.has(name)) {
      logger.warn({ tenant: name }, 'is in the configuration now, which takes its place');
      continue;
    }
    try {
      await tenants.restore(name, settings);
    } catch (error) {
      const { code, message } = asSledgeError(error);
      logger.error({ code, tenant: name }, `is not served: ${message}`);
    }
  }
  const states = store.functions();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < states.length; at = next++) {
      await restoreFunction(control, tenants, states[at] as StoredFunction);
    }
  };
  await Promise.all(Array.from({ length: control.parts.config.build.parallel }, work));
}

async function restoreFunction(
  control: FunctionControl,
  tenants: TenantControl,
  state: StoredFunction,
): Promise<void> {
  const { registry, logger } = control.parts;
  const { name } = state;
  const tenant = registry.byName.get(state.tenant) ?? (await homeless(tenants, state, logger));
  if (tenant === undefined) return;
  const fn = tenant.functions.get(name) ?? new LiveFunction(tenant.name, name);
  const own = fn.versions.get(0);
  try {
    addVersions(control, { tenant, fn }, state);
    for (const version of versionsInUse(state)) {
      const found = fn.versions.get(version);
      if (found === undefined) throw gone(version, name);
      await control.loader.ensure(tenant, fn, found);
    }
    control.take({ tenant, fn }, state);
  } catch (error) {
    const { code, message } = asSledgeError(error);
    const instead = own === undefined ? 'nothing serves' : 'the configuration serves';
    logger.error({ code, tenant: tenant.name, function: name }, `${instead}: ${message}`);
    tenant.functions.set(name, fn);
    if (own === undefined) fn.end(message);
  }
}

/** What must be loaded so that it serves. */
export function versionsInUse({ current, split }: StoredFunction): number[] {
  return split === null ? [current] : [split.stable.version, split.trial.version];
}

function gone(version: number, name: string): SledgeError {
  const reason = 'the configuration does not name it any more';
  return new SledgeError('SLEDGE_ERR_CONTROL_MODULE_GONE', { version, name, reason });
}

/** Settings that this Sledge does not take any more leave out the versions that have them. */
function addVersions(
  control: FunctionControl,
  { tenant, fn }: { tenant: LiveTenant; fn: LiveFunction },
  state: StoredFunction,
): void {
  const inUse = versionsInUse(state);
  for (const { version, hash, settings, at } of state.versions) {
    try {
      const given = { name: state.name, path: `${state.name}.wasm`, settings };
      const config = functionInForce(control.rules, tenant, given);
      fn.versions.set(version, { version, hash, settings, config, at });
    } catch (error) {
      if (inUse.includes(version)) throw error;
    }
  }
  const { previous, nextVersion, events } = state;
  Object.assign(fn, { previous, nextVersion, events });
}

/**
 * The configuration does not name it any more: it has no listener, and its functions stay.
 * @returns undefined: this Sledge takes no tenant of that name any more; said in the log.
 */
async function homeless(
  tenants: TenantControl,
  { tenant, name }: StoredFunction,
  logger: Logger,
): Promise<LiveTenant | undefined> {
  try {
    return await tenants.make(tenants.plain(tenant));
  } catch (error) {
    const { code, message } = asSledgeError(error);
    logger.error({ code, tenant, function: name }, `nothing serves: ${message}`);
    return undefined;
  }
}
