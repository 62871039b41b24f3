import { SledgeError } from '@sledge/core';
import type { RpcListenerOptions, RpcTenantOptions, TenantView } from '@sledge/core';
import type { ErpcOptions } from './options';

/** A listener as it is opened, with the names of its tenants in their order. */
export interface PlannedListener {
  readonly tenants: readonly string[];
  readonly options: RpcListenerOptions;
}

/**
 * One listener for each tenant that can be called over RPC, or one for all of them.
 * @throws SledgeError SLEDGE_ERR_RPC_ROUTES, SLEDGE_ERR_RPC_LISTEN
 */
export function planListeners(
  options: ErpcOptions,
  tenants: readonly TenantView[],
): PlannedListener[] {
  const served = servedTenants(options, tenants);
  const listeners =
    options.tenantBy === 'listener'
      ? served.map((tenant, at) => ownListener(options, tenant, at))
      : [sharedListener(options, served)];
  if (options.backend === 'dpdk' && options.pollers === 'inline') {
    throw new SledgeError('SLEDGE_ERR_RPC_LISTEN', {
      address: options.device,
      reason: "the queues of a device are counted beforehand: pollers 'inline' needs backend 'udp'",
    });
  }
  if (options.backend === 'dpdk' && listeners.length > 1) {
    throw new SledgeError('SLEDGE_ERR_RPC_LISTEN', {
      address: options.device,
      reason: "a device serves one tenant; tenantBy 'clientPort' serves several",
    });
  }
  return listeners;
}

/** It is named in the options, or has functions to call. */
export function isServed(options: ErpcOptions, { name, functions }: TenantView): boolean {
  return name in options.tenants || functions.some((fn) => fn.requestType !== undefined);
}

function servedTenants(options: ErpcOptions, tenants: readonly TenantView[]): TenantView[] {
  for (const name of Object.keys(options.tenants)) {
    if (!tenants.some((tenant) => tenant.name === name)) {
      throw new SledgeError('SLEDGE_ERR_RPC_ROUTES', { tenant: name, reason: 'there is no such' });
    }
  }
  const served = tenants.filter((tenant) => isServed(options, tenant));
  if (served.length > 0) return served;
  const tenant = tenants.map(({ name }) => name).join(', ') || '(there is none)';
  throw new SledgeError('SLEDGE_ERR_RPC_ROUTES', { tenant, reason: 'no function has a type' });
}

function ownListener(options: ErpcOptions, tenant: TenantView, at: number): PlannedListener {
  const { name, functions } = tenant;
  const own = options.tenants[name] ?? {};
  const where = {
    host: own.host ?? options.host,
    port: own.port ?? (options.port === 0 ? 0 : options.port + at),
    dataPort: own.dataPort ?? options.dataPort,
    advertiseHost: own.advertiseHost ?? options.advertiseHost,
  };
  return plan({ ...options, ...where }, [name], [{ clientPort: 0, functions }]);
}

function sharedListener(options: ErpcOptions, tenants: readonly TenantView[]): PlannedListener {
  const names = tenants.map(({ name }) => name);
  const rows = tenants.map((tenant) => {
    const clientPort = checkClientPort(tenant);
    return { clientPort, functions: tenant.functions };
  });
  return plan(options, names, rows);
}

/** @throws SledgeError SLEDGE_ERR_RPC_ROUTES when its clients cannot be told by their port. */
export function checkClientPort({ name, port }: TenantView): number {
  if (port !== undefined && port !== 0) return port;
  const reason = 'its port, which tells its clients by theirs, is not set';
  throw new SledgeError('SLEDGE_ERR_RPC_ROUTES', { tenant: name, reason });
}

function plan(
  options: ErpcOptions,
  names: readonly string[],
  tenants: readonly RpcTenantOptions[],
): PlannedListener {
  const { backend, host, dataHost, advertiseHost, port, dataPort, busyPollUs } = options;
  const { library, device, hugePages, memoryMib } = options;
  const { requestWindow, credits, ringEntries, rssQueues } = options;
  const addresses = { backend, host, dataHost, advertiseHost, port, dataPort, busyPollUs };
  const queues = options.pollers === 'inline' ? 1 : options.pollers;
  const hardware = { library, device, queues, hugePages, memoryMib };
  const protocol = { requestWindow, credits, ringEntries, rssQueues };
  // Another one in each life: peers must not take this server for an earlier one.
  const seed = Math.floor(Math.random() * 2 ** 53);
  return { tenants: names, options: { ...addresses, ...hardware, ...protocol, seed, tenants } };
}
