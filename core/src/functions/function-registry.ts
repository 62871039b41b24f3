import type { DataPlane } from '../contracts/data-plane';
import type { FunctionHandle } from '../contracts/invocation';
import type { BuiltModule, TenantView } from '../contracts/kinds';
import type { FunctionConfig, SledgeConfig, TenantConfig } from '../config/schema';
import { workerGroupOf } from '../config/worker-groups';
import { SledgeError } from '../errors/sledge-error';
import { hint } from '../nearest';
import type { BuildJob, BuildReport } from './build-functions';

const PAGE_BYTES = 65_536;

/** A handle that knows its function in the data plane. */
export class LoadedFunction implements FunctionHandle {
  readonly name: string;
  readonly route: string | undefined;
  readonly requestType: number | undefined;
  readonly responseContentType: string;
  readonly responseFormat: 'raw' | 'cgi';
  readonly relativeDeadlineUs: number | undefined;
  readonly maxBodyBytes: number;
  readonly methods: readonly string[] | undefined;

  constructor(
    readonly tenant: string,
    /** Id in the data plane. */
    readonly id: number,
    config: FunctionConfig,
  ) {
    this.name = config.name;
    this.route = config.route;
    this.requestType = config.requestType;
    this.responseContentType = config.responseContentType;
    this.responseFormat = config.responseFormat;
    this.relativeDeadlineUs = config.relativeDeadlineUs;
    this.maxBodyBytes = config.limits.bodyBytes;
    this.methods = config.methods;
  }
}

/** One job for each function of the config, in its order. */
export function buildJobs(tenants: readonly TenantConfig[]): BuildJob[] {
  return tenants.flatMap((tenant) =>
    tenant.functions.map((fn) => ({ name: `${tenant.name}/${fn.name}`, file: fn.path })),
  );
}

/** Tenants and their functions, loaded into a data plane. */
export class FunctionRegistry {
  private constructor(readonly tenants: readonly TenantView[]) {}

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
    let next = 0;
    const views = config.tenants.map((tenant, index) => ({
      name: tenant.name,
      port: tenant.port,
      host: tenant.host,
      functions: tenant.functions.map((fn) => {
        const module = modules[next++] as BuiltModule;
        checkMemory(module, fn);
        const { artifactPath } = module;
        const workerGroup = workerGroupOf(config, tenant, fn);
        const placed = { tenant: index, workerGroup, artifactPath };
        const id = plane.addFunction({ ...dataPlaneFields(fn), ...placed });
        return new LoadedFunction(tenant.name, id, fn);
      }),
    }));
    return new FunctionRegistry(views);
  }

  /** The function that the data plane knows as `id`. */
  byId(id: number): FunctionHandle | undefined {
    const all = this.tenants.flatMap((tenant) => tenant.functions);
    return all.find((fn) => (fn as LoadedFunction).id === id);
  }

  /**
   * A function by `name` or `tenant/name`.
   * @throws SledgeError SLEDGE_ERR_INVOKE_UNKNOWN, also when two tenants have that name.
   */
  find(name: string): FunctionHandle {
    const all = this.tenants.flatMap((tenant) => tenant.functions);
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
  };
}
