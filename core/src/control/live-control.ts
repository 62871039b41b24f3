import type { ListenerInfo } from '../contracts/kinds';
import type { ControlParts } from './control-parts';
import { SecretWatch } from '../security/secret-watch';
import type { SecretUser } from '../security/secret-watch';
import type { WatchFiles } from '../security/tls';
import { FunctionControl } from './function-control';
import type { Deployment, FunctionName, SplitRequest } from './function-control';
import { brokenStore, emptyStore, openStore, storeFile, unusable } from './function-store';
import type { FunctionStore } from './function-store';
import { functionSummary } from './reports';
import type { FunctionReport, FunctionSummary, TenantReport } from './reports';
import { restore } from './restore';
import { TenantControl } from './tenant-control';

/** What the admin API and the command line can do to tenants and functions. */
export interface ControlTarget {
  functions(): FunctionSummary[];
  tenants(): TenantReport[];
  setTenant(name: string, settings: object): Promise<TenantReport>;
  removeTenant(name: string): Promise<void>;
  deploy(deployment: Deployment): Promise<FunctionReport>;
  rollback(name: FunctionName, version?: number): Promise<FunctionReport>;
  split(request: SplitRequest): Promise<FunctionReport>;
  undeploy(name: FunctionName): Promise<void>;
  report(name: FunctionName): FunctionReport;
  /** A place among the deployments, to be given back. Throws SLEDGE_ERR_CONTROL_BUSY. */
  enterQueue(): () => void;
  /** Bytes that a module may have. */
  readonly moduleBytes: number;
  readonly store: StoreReport;
}

export interface StoreReport {
  /** Null: what is deployed ends with the process. */
  path: string | null;
  /** Why nothing can be deployed; null: it can. */
  failure: string | null;
}

/** Live control of one server: its store, its functions, its tenants. Main thread. */
export class LiveControl implements ControlTarget {
  /** Behind the checks of whose a thing is: for what converges to a registry. */
  readonly control: FunctionControl;
  readonly tenantControl: TenantControl;
  private secrets: SecretWatch | undefined;
  /** Throws when a function, or a tenant alone, is changed elsewhere. */
  checkOwner: (tenant: string, name?: string) => void = () => undefined;

  /** @param listeners where transports listen now. */
  constructor(
    private readonly parts: ControlParts,
    listeners: () => readonly ListenerInfo[],
  ) {
    this.control = new FunctionControl(parts);
    this.tenantControl = new TenantControl(this.control, listeners);
  }

  /**
   * Brings back what was deployed; what cannot be is logged, and the rest serves. From then on
   * functions have their secrets as their files are.
   */
  async begin(watch: WatchFiles): Promise<void> {
    await restore(this.control, this.tenantControl);
    const renew = (user: SecretUser): Promise<void> => this.control.renew(user);
    this.secrets = new SecretWatch(this.secretUsers(), watch, renew, this.parts.logger);
  }

  /** What was read again: `secrets.reloads`, `secrets.reload_failures`. */
  secretCounts(): Record<string, number> {
    return this.secrets?.stats() ?? {};
  }

  /** Only the configuration names files. */
  private secretUsers(): SecretUser[] {
    const all = [...this.parts.registry.byName.values()].flatMap(({ functions }) => [
      ...functions.values(),
    ]);
    return all.flatMap((fn) => {
      const { tenant, name, versions } = fn;
      const { secrets = {} } = versions.get(0)?.config ?? {};
      const inForce = () =>
        [...fn.inUse()].flatMap((number) => {
          const { id, secretDigest } = versions.get(number) ?? {};
          return id === undefined ? [] : [secretDigest];
        });
      return Object.keys(secrets).length === 0 ? [] : [{ tenant, name, secrets, inForce }];
    });
  }

  functions(): FunctionSummary[] {
    const tenants = [...this.parts.registry.byName.values()];
    return tenants.flatMap(({ functions }) => [...functions.values()].map(functionSummary));
  }

  tenants(): TenantReport[] {
    return this.tenantControl.reports();
  }

  async setTenant(name: string, settings: object): Promise<TenantReport> {
    this.checkOwner(name);
    return this.tenantControl.set(name, settings);
  }

  async removeTenant(name: string): Promise<void> {
    this.checkOwner(name);
    return this.tenantControl.remove(name);
  }

  async deploy(deployment: Deployment): Promise<FunctionReport> {
    this.checkOwner(deployment.tenant, deployment.name);
    return this.control.deploy(deployment);
  }

  async rollback(name: FunctionName, version?: number): Promise<FunctionReport> {
    this.checkOwner(name.tenant, name.name);
    return this.control.rollback(name, version);
  }

  async split(request: SplitRequest): Promise<FunctionReport> {
    this.checkOwner(request.tenant, request.name);
    return this.control.split(request);
  }

  async undeploy(name: FunctionName): Promise<void> {
    this.checkOwner(name.tenant, name.name);
    return this.control.undeploy(name);
  }

  report(name: FunctionName): FunctionReport {
    return this.control.report(name);
  }

  /** Of a version whose module has vanished, see `FunctionControl.rebuild`. */
  rebuild(id: number): Promise<void> {
    return this.control.rebuild(id);
  }

  enterQueue(): () => void {
    this.control.checkOpen();
    return this.control.loader.queue.enter();
  }

  get moduleBytes(): number {
    return this.parts.config.deploy.moduleBytes;
  }

  get store(): StoreReport {
    const { path = null, failure } = this.parts.store;
    return { path, failure: failure?.message ?? null };
  }

  /** Takes no change any more. */
  close(): void {
    this.secrets?.close();
    this.control.close();
  }

  /** Call it when nothing is in flight any more. */
  end(): void {
    this.close();
    this.control.loader.close();
    this.tenantControl.end();
    this.parts.store.close();
  }
}

export interface LiveControlOptions extends Omit<ControlParts, 'config' | 'store'> {
  /** With the store that the configuration names. */
  readonly isServer: boolean;
  /** Where transports listen now. */
  readonly listeners: () => readonly ListenerInfo[];
}

/** A store that cannot be used is logged, and refuses changes. */
export function openLiveControl(
  { config, folder }: { config: ControlParts['config']; folder: string },
  { isServer, listeners, ...parts }: LiveControlOptions,
): LiveControl {
  const file = isServer ? storeFile(config.store, folder) : undefined;
  const store = file === undefined ? emptyStore() : usableStore(file, parts.logger);
  return new LiveControl({ ...parts, config, store }, listeners);
}

function usableStore(file: string, logger: ControlParts['logger']): FunctionStore {
  try {
    return openStore(file);
  } catch (error) {
    const failure = unusable(file, error);
    logger.error({ code: failure.code, solve: failure.solve }, failure.message);
    return brokenStore(file, failure);
  }
}
