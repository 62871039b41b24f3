import type { DataPlane } from '../contracts/data-plane';
import type { FunctionHandle } from '../contracts/invocation';
import type { BuiltModule, TenantView } from '../contracts/kinds';
import type { FunctionConfig, SledgeConfig, TenantConfig } from '../config/schema';
import { workerGroupOf } from '../config/worker-groups';
import { SledgeError } from '../errors/sledge-error';
import { addMetrics } from '../metrics/add-metrics';
import { hint } from '../nearest';
import type { PerfFunction } from '../recording/columns';
import { digestOf, secretEnviron } from '../security/secrets';
import type { BuildJob, BuildReport } from './build-functions';
import { LiveFunction, LoadedFunction } from './live-function';
import type { FunctionVersion } from './live-function';
import { LiveTenant } from './live-tenant';

export { LoadedFunction } from './live-function';

const PAGE_BYTES = 65_536;

/** One job for each function of the config, in its order. */
export function buildJobs(tenants: readonly TenantConfig[]): BuildJob[] {
  return tenants.flatMap((tenant) =>
    tenant.functions.map((fn) => ({ name: `${tenant.name}/${fn.name}`, file: fn.path })),
  );
}

/** Tenants and their functions, loaded into a data plane. Main thread. */
export class FunctionRegistry {
  readonly byName = new Map<string, LiveTenant>();
  private readonly owners = new Map<number, LiveFunction>();
  private onLoaded: (id: number, fn: PerfFunction) => void = () => undefined;

  constructor(
    private readonly config: Pick<SledgeConfig, 'workers'>,
    private readonly plane: DataPlane,
  ) {}

  /**
   * @param reports of `buildJobs(config.tenants)`, all built.
   * @throws SledgeError when one cannot be loaded.
   */
  static load(
    config: Pick<SledgeConfig, 'tenants' | 'workers'>,
    reports: readonly BuildReport[],
    plane: DataPlane,
  ): FunctionRegistry {
    const modules = reports.map((report) => {
      if (report.module === undefined) throw report.error ?? notBuilt(report);
      return report.module;
    });
    const at = new Date().toISOString();
    const registry = new FunctionRegistry(config, plane);
    let next = 0;
    config.tenants.forEach(({ functions, ...settings }, index) => {
      const tenant = new LiveTenant(settings, index, 'config');
      registry.byName.set(tenant.name, tenant);
      for (const fn of functions) {
        const module = modules[next++] as BuiltModule;
        const hash = module.contentHash;
        const version = { version: 0, hash, settings: fn, config: fn, at, module };
        const live = new LiveFunction(tenant.name, fn.name);
        live.versions.set(0, version);
        tenant.functions.set(fn.name, live);
        registry.load(tenant, live, version, module);
        registry.serve(tenant, live, version);
      }
    });
    return registry;
  }

  get tenants(): readonly TenantView[] {
    return [...this.byName.values()].map((tenant) => tenant.view);
  }

  /** Every function that something serves, or has served. */
  handles(): LoadedFunction[] {
    return [...this.byName.values()].flatMap((tenant) => tenant.handles());
  }

  /** Whose version the data plane knows as `id`. */
  ownerOf(id: number): LiveFunction | undefined {
    return this.owners.get(id);
  }

  /** The function that the data plane knows as `id`. */
  byId(id: number): FunctionHandle | undefined {
    return this.owners.get(id)?.handle;
  }

  /** Brings a version into the data plane. @throws SledgeError when it cannot be loaded. */
  load(tenant: LiveTenant, fn: LiveFunction, version: FunctionVersion, module: BuiltModule): void {
    const { config } = version;
    checkMemory(module, config);
    const workerGroup = workerGroupOf(this.config, { ...tenant.settings, functions: [] }, config);
    const { artifactPath } = module;
    const { index, name: tenantName } = tenant;
    const placed = { tenant: index, tenantName, workerGroup, artifactPath };
    const environ = secretEnviron(config.secrets ?? {});
    const id = this.plane.addFunction({ ...dataPlaneFields(config), environ, ...placed });
    const secretDigest = environ.length === 0 ? undefined : digestOf(environ);
    Object.assign(version, { id, module, secretDigest });
    fn.target.ids.add(id);
    this.owners.set(id, fn);
    this.onLoaded(id, { tenant: fn.tenant, name: fn.name, requestType: config.requestType ?? 0 });
  }

  /** Calls back for all that the data plane has, and with what it gets from now on. */
  eachLoaded(onLoaded: (id: number, fn: PerfFunction) => void): void {
    this.onLoaded = onLoaded;
    for (const [id, { tenant, name, handle }] of this.owners) {
      onLoaded(id, { tenant, name, requestType: handle?.requestType ?? 0 });
    }
  }

  /**
   * From now on a loaded version serves alone. @returns whether transports must be told: what they
   * see of the function has changed, or they know it by its id.
   */
  serve(tenant: LiveTenant, fn: LiveFunction, version: FunctionVersion): boolean {
    const before = fn.handle === undefined ? undefined : fn.serving;
    fn.serve(version);
    const isSame = before !== undefined && looksSame(before.config, version.config);
    if (!isSame) fn.handle = new LoadedFunction(tenant.name, fn.target, version.config);
    const isToTell = !isSame || version.config.requestType !== undefined;
    if (isToTell) tenant.changed();
    return isToTell;
  }

  /** Takes from the data plane what has nothing in flight any more, and keeps what it counted. */
  unload(fn: LiveFunction, id: number): void {
    const counted = this.plane.functionMetrics?.(id);
    if (counted !== undefined) fn.target.past = addMetrics(fn.target.past, counted);
    this.plane.removeFunction(id);
    fn.target.ids.delete(id);
    this.owners.delete(id);
  }

  /**
   * A function by `name` or `tenant/name`.
   * @throws SledgeError SLEDGE_ERR_INVOKE_UNKNOWN, also when two tenants have that name.
   */
  find(name: string): FunctionHandle {
    const all = this.handles();
    const found = all.filter((fn) => fn.name === name || `${fn.tenant}/${fn.name}` === name);
    if (found.length === 1) return found[0] as FunctionHandle;
    const full = all.map((fn) => `${fn.tenant}/${fn.name}`);
    const own = found.map((fn) => `${fn.tenant}/${fn.name}`);
    throw new SledgeError('SLEDGE_ERR_INVOKE_UNKNOWN', {
      name,
      hint:
        own.length > 0
          ? ` alone: say ${own.join(' or ')}`
          : hint(name, [...all.map((fn) => fn.name), ...full]),
    });
  }
}

function notBuilt(report: BuildReport): SledgeError {
  return new SledgeError('SLEDGE_ERR_INTERNAL', { reason: `${report.name} was not built.` });
}

/** To transports. */
function looksSame(one: FunctionConfig, other: FunctionConfig): boolean {
  return JSON.stringify(shown(one)) === JSON.stringify(shown(other));
}

function shown(config: FunctionConfig): unknown[] {
  const { route, methods, requestType, relativeDeadlineUs } = config;
  const { responseContentType, responseFormat, limits, keys } = config;
  const answer = [responseContentType, responseFormat, limits.bodyBytes, keys];
  return [route, methods, requestType, relativeDeadlineUs, ...answer];
}

/** Sandboxes whose artifact is not loaded here would find out only when it is called. */
function checkMemory(module: BuiltModule, fn: FunctionConfig): void {
  const limitPages = Math.floor(fn.limits.memoryBytes / PAGE_BYTES);
  const pages = module.memoryMinPages ?? 0;
  if (pages <= limitPages) return;
  throw new SledgeError('SLEDGE_ERR_MODULE_MEMORY', { path: fn.path, pages, limitPages });
}

function dataPlaneFields(fn: FunctionConfig) {
  return {
    name: fn.name,
    group: fn.group,
    relativeDeadlineUs: fn.relativeDeadlineUs,
    expectedExecutionUs: fn.expectedExecutionUs,
    onLate: fn.onLate,
    onDisconnect: fn.onDisconnect,
    wallTimeUs: fn.limits.wallTimeUs,
    cpuTimeUs: fn.limits.cpuTimeUs,
    memoryBytes: fn.limits.memoryBytes,
    outputBytes: fn.limits.outputBytes,
    stackBytes: fn.limits.stackBytes,
    concurrency: fn.limits.concurrency,
    queued: fn.limits.queued,
    preopens: fn.preopens,
    warm: fn.instance === 'warm' ? fn.warm : undefined,
  };
}
