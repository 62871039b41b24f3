import type { BuiltModule } from '../contracts/kinds';
import { SledgeError } from '../errors/sledge-error';
import { LiveFunction } from '../functions/live-function';
import type { FunctionVersion } from '../functions/live-function';
import type { LiveTenant } from '../functions/live-tenant';
import { Arm, TrafficSplit } from '../functions/traffic-split';
import type { RollbackRule } from '../functions/traffic-split';
import { hint } from '../nearest';
import type { ControlParts } from './control-parts';
import { deployed, divided, rollbackTarget, serving, stateOf, takenBack } from './function-state';
import { weighted, withEvent } from './function-state';
import type { StoredFunction, StoredSplit } from './function-store';
import { functionReport } from './reports';
import type { FunctionReport } from './reports';
import { checkModule, functionInForce } from './settings';
import { watchSplit } from './split-watch';
import type { SettingsRules } from './settings';
import { VersionLoader } from './version-loader';

/** The native part has 32,768 places, and versions that end need one too. */
export const FUNCTIONS_MAX = 32_000;

export interface FunctionName {
  readonly tenant: string;
  readonly name: string;
}

export interface Deployment extends FunctionName {
  readonly wasm: Uint8Array;
  /** As in the configuration. Default: those of the version that serves, or the route /NAME. */
  readonly settings?: object | undefined;
  /** Percent of the requests for the new version; undefined: all of them. */
  readonly split?: number | undefined;
  readonly rollback?: RollbackRule | undefined;
  /** Aborted when who deploys has gone: what compiles is stopped. */
  readonly signal?: AbortSignal | undefined;
}

export interface SplitRequest extends FunctionName {
  /** One that serves alone, or two; the one that serves now is the stable one of the two. */
  readonly versions: readonly { version: number; weight: number }[];
  readonly rollback?: RollbackRule | undefined;
}

interface Found {
  readonly tenant: LiveTenant;
  readonly fn: LiveFunction;
}

/**
 * Functions of a server that runs: deployed, exchanged, taken out. Each change is kept in the store
 * first and then takes effect at once; requests in flight end on the version they began with.
 * Main thread.
 */
export class FunctionControl {
  readonly loader: VersionLoader;
  readonly rules: SettingsRules;
  private readonly ending = new AbortController();
  /** A version under trial was given up here by itself. */
  onGivenUp: (name: FunctionName, version: number, reason: string) => void = () => undefined;

  constructor(readonly parts: ControlParts) {
    this.loader = new VersionLoader(parts);
    this.rules = { config: parts.config, hasSlots: parts.sandbox.workers === 'native' };
  }

  /** Throws SLEDGE_ERR_CONTROL_..., _BUILD_..., _STORE_...; then nothing has changed. */
  async deploy(deployment: Deployment): Promise<FunctionReport> {
    const { wasm, split, rollback } = deployment;
    this.checkOpen();
    checkModule(wasm, this.parts.config.deploy.moduleBytes);
    this.prepare(deployment);
    const { signal } = this.ending;
    const either = deployment.signal ? AbortSignal.any([signal, deployment.signal]) : signal;
    const name = `${deployment.tenant}/${deployment.name}`;
    const module = await this.loader.build(name, wasm, either);
    this.checkOpen();
    // what was true before the compiler ran need not be true now; from here on nothing waits
    const { tenant, fn, settings, config } = this.prepare(deployment);
    const at = new Date().toISOString();
    const hash = module.contentHash;
    const version: FunctionVersion = { version: fn.nextVersion, hash, settings, config, at };
    const { version: number } = version;
    const added = { version: number, hash, settings, at };
    const state = deployed(stateOf(fn), added, { split, rollback });
    this.parts.registry.load(tenant, fn, version, module);
    return this.settle({ tenant, fn }, state, { version, wasm });
  }

  /** Whether `deploy` could take this module: it is loaded, and taken out. Throws as `deploy`. */
  rehearse(deployment: Deployment, module: BuiltModule): void {
    const { registry } = this.parts;
    const { tenant, settings, config } = this.prepare(deployment);
    const fn = new LiveFunction(tenant.name, deployment.name);
    const version = { version: 0, hash: module.contentHash, settings, config, at: '' };
    registry.load(tenant, fn, version, module);
    for (const id of fn.target.ids) registry.unload(fn, id);
  }

  /**
   * Back to what served before, or to `version`; with a split, to its stable version.
   * @throws SledgeError SLEDGE_ERR_CONTROL_NO_EARLIER, _VERSION, _MODULE_GONE, ...
   */
  async rollback(name: FunctionName, version?: number): Promise<FunctionReport> {
    this.checkOpen();
    const found = this.find(name);
    const wanted = rollbackTarget(stateOf(found.fn), version);
    await this.bringIn(found, [wanted]);
    return this.settle(found, takenBack(stateOf(found.fn), wanted, version !== undefined));
  }

  /** @throws SledgeError SLEDGE_ERR_CONTROL_VERSION, _MODULE_GONE, ... */
  async split(request: SplitRequest): Promise<FunctionReport> {
    this.checkOpen();
    const found = this.find(request);
    const numbers = weighted(request.versions).flatMap((arm) => arm?.version ?? []);
    await this.bringIn(found, numbers);
    const { versions, rollback } = request;
    return this.settle(found, divided(stateOf(found.fn), versions, rollback));
  }

  /**
   * Takes out everything that was deployed. What the configuration names serves again.
   * @throws SledgeError SLEDGE_ERR_CONTROL_OF_CONFIG when nothing was deployed.
   */
  async undeploy(name: FunctionName): Promise<void> {
    this.checkOpen();
    const found = this.find(name);
    const { fn } = found;
    const own = fn.versions.get(0);
    if (own !== undefined && fn.versions.size === 1) {
      const what = `The function ${name.tenant}/${name.name}`;
      throw new SledgeError('SLEDGE_ERR_CONTROL_OF_CONFIG', { what });
    }
    if (own !== undefined) await this.bringIn(found, [0]);
    this.parts.store.removeFunction(name.tenant, name.name);
    if (own === undefined) return this.takeOut(found);
    const clean = { ...serving(stateOf(fn), 0), previous: [], versions: [] };
    this.take(found, withEvent(clean, { action: 'serve-config', version: 0 }));
    await this.publish();
  }

  /**
   * What was built of the version that the data plane knows as `id` has vanished: it is built again
   * and takes its own place. @throws SledgeError SLEDGE_ERR_CONTROL_..., SLEDGE_ERR_BUILD_...
   */
  async rebuild(id: number): Promise<void> {
    this.checkOpen();
    const owner = this.parts.registry.ownerOf(id);
    const version = [...(owner?.versions.values() ?? [])].find((one) => one.id === id);
    if (owner === undefined || version === undefined) return;
    const found = this.find(owner);
    if (found.fn !== owner || !(await this.loader.reload(found.tenant, owner, version))) return;
    this.take(found, stateOf(owner));
    await this.publish();
  }

  /**
   * What a function has besides its code is another: its versions that serve are loaded anew, and
   * take their own places. @throws SledgeError SLEDGE_ERR_SECRET_FILE, _CONTROL_..., _BUILD_...
   */
  async renew(name: FunctionName): Promise<void> {
    this.checkTakesChanges(); // nothing is stored
    const { tenant, fn } = this.find(name);
    for (const number of fn.inUse()) {
      const version = fn.versions.get(number);
      if (version?.id === undefined) continue;
      await this.loader.loadAnew(tenant, fn, version);
      const isThere = tenant.functions.get(fn.name) === fn && fn.serving !== undefined;
      if (isThere) this.take({ tenant, fn }, stateOf(fn));
      else this.loader.retire(fn);
    }
    await this.publish();
  }

  report(name: FunctionName): FunctionReport {
    return functionReport(this.find(name).fn);
  }

  /** Takes a function out of memory alone. */
  async takeOut({ tenant, fn }: Found): Promise<void> {
    tenant.functions.delete(fn.name);
    fn.end();
    tenant.changed();
    await this.publish();
    this.loader.retire(fn);
  }

  /** @throws SledgeError SLEDGE_ERR_CONTROL_TENANT, _FUNCTION. */
  find({ tenant: tenantName, name }: FunctionName): Found {
    const tenant = this.tenant(tenantName);
    const fn = tenant.functions.get(name);
    if (fn !== undefined) return { tenant, fn };
    const details = { tenant: tenantName, name, hint: hint(name, [...tenant.functions.keys()]) };
    throw new SledgeError('SLEDGE_ERR_CONTROL_FUNCTION', details);
  }

  /** @throws SledgeError SLEDGE_ERR_CONTROL_TENANT. */
  tenant(name: string): LiveTenant {
    const { byName } = this.parts.registry;
    const tenant = byName.get(name);
    if (tenant !== undefined) return tenant;
    const details = { tenant: name, hint: hint(name, [...byName.keys()]) };
    throw new SledgeError('SLEDGE_ERR_CONTROL_TENANT', details);
  }

  /** @throws SledgeError SLEDGE_ERR_CONTROL_UNAVAILABLE, SLEDGE_ERR_STORE_UNUSABLE. */
  checkOpen(): void {
    const { failure } = this.parts.store;
    if (failure !== undefined) throw failure;
    this.checkTakesChanges();
  }

  private checkTakesChanges(): void {
    if (!this.ending.signal.aborted) return;
    throw new SledgeError('SLEDGE_ERR_CONTROL_UNAVAILABLE', { reason: 'the server drains' });
  }

  /** Aborted when it takes no change any more. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** Takes no change any more, and stops what compiles. */
  close(): void {
    this.ending.abort();
  }

  /** State that is kept already takes effect; every version that it uses is loaded. */
  take({ tenant, fn }: Found, state: StoredFunction): void {
    const { registry } = this.parts;
    const kept = new Set([0, ...state.versions.map(({ version }) => version)]);
    for (const number of fn.versions.keys()) if (!kept.has(number)) fn.versions.delete(number);
    const { previous, nextVersion, events, split } = state;
    Object.assign(fn, { previous, nextVersion, events });
    tenant.functions.set(fn.name, fn);
    registry.serve(tenant, fn, fn.versions.get(state.current) as FunctionVersion);
    if (split !== null) this.beginSplit({ tenant, fn }, split);
    this.loader.retire(fn);
  }

  async publish(): Promise<void> {
    const { publish, logger } = this.parts;
    await publish().catch((error: unknown) => logger.error({ err: error }, 'a transport failed'));
  }

  private prepare({ tenant: tenantName, name, settings: given }: Deployment) {
    const tenant = this.tenant(tenantName);
    const { byName } = this.parts.registry;
    const count = [...byName.values()].reduce((sum, one) => sum + one.functions.size, 0);
    const found = tenant.functions.get(name);
    if (found === undefined && count >= FUNCTIONS_MAX) {
      const details = { limit: FUNCTIONS_MAX, what: 'functions' };
      throw new SledgeError('SLEDGE_ERR_CONTROL_TOO_MANY', details);
    }
    const fn = found ?? new LiveFunction(tenantName, name);
    const settings = given ?? carriedOver(fn);
    const path = `${name}.wasm`;
    const config = functionInForce(this.rules, tenant, { name, path, settings });
    return { tenant, fn, settings, config };
  }

  /** Loads what is to serve, and finds the function as it was. Else nothing of it stays loaded. */
  private async bringIn(found: Found, numbers: readonly number[]): Promise<void> {
    try {
      await this.loadAll(found, numbers);
    } catch (error) {
      this.loader.retire(found.fn);
      throw error;
    }
  }

  private async loadAll(found: Found, numbers: readonly number[]): Promise<void> {
    const { tenant, fn } = found;
    for (const number of numbers) {
      await this.loader.ensure(tenant, fn, this.versionOf(fn, number));
    }
    this.checkOpen();
    // nothing has waited since, but for what the compiler took
    for (const number of numbers) {
      if (this.versionOf(fn, number).id === undefined) return this.loadAll(found, numbers);
    }
    if (this.find({ tenant: tenant.name, name: fn.name }).fn === fn) return;
    const details = { tenant: tenant.name, name: fn.name, hint: ' any more' };
    throw new SledgeError('SLEDGE_ERR_CONTROL_FUNCTION', details);
  }

  private versionOf(fn: LiveFunction, number: number): FunctionVersion {
    const version = fn.versions.get(number);
    if (version !== undefined) return version;
    const known = [...fn.versions.keys()].join(', ');
    throw new SledgeError('SLEDGE_ERR_CONTROL_VERSION', { version: number, name: fn.name, known });
  }

  private async settle(
    found: Found,
    state: StoredFunction,
    added?: { version: FunctionVersion; wasm: Uint8Array },
  ): Promise<FunctionReport> {
    const { fn } = found;
    try {
      this.parts.store.saveFunction(state, added?.wasm);
    } catch (error) {
      if (added?.version.id !== undefined) this.parts.registry.unload(fn, added.version.id);
      this.loader.retire(fn);
      throw error;
    }
    if (added !== undefined) fn.versions.set(added.version.version, added.version);
    this.take(found, state);
    await this.publish();
    return functionReport(fn);
  }

  private beginSplit({ tenant, fn }: Found, { stable, trial, rule }: StoredSplit): void {
    const arm = ({ version, weight }: StoredSplit['stable']): Arm => {
      const { id = -1, config } = fn.versions.get(version) as FunctionVersion;
      const { relativeDeadlineUs, limits } = config;
      return new Arm({ version, id, weight, relativeDeadlineUs, maxBodyBytes: limits.bodyBytes });
    };
    const split = new TrafficSplit(arm(stable), arm(trial), rule, (reason) => {
      this.giveUp({ tenant, fn }, trial.version, reason);
    });
    fn.target.split = split;
    // outcomes of RPCs never get here
    if (fn.handle?.requestType === undefined) return;
    const { plane, logger } = this.parts;
    watchSplit(plane, { target: fn.target, split }, this.ending.signal, (error) => {
      logger.error({ err: error, tenant: fn.tenant, function: fn.name }, 'a split is not watched');
    });
  }

  /** On the way of an outcome: it takes effect at once, and is kept a little later. */
  private giveUp(found: Found, version: number, reason: string): void {
    const { store, logger } = this.parts;
    const { tenant, name, current } = found.fn;
    logger.warn({ tenant, function: name, version }, `version ${version} is given up: ${reason}`);
    const state = serving(stateOf(found.fn), current);
    this.take(found, withEvent(state, { action: 'given-up', version, reason }));
    this.onGivenUp({ tenant, name }, version, reason);
    setImmediate(() => {
      void this.publish(); // what answers RPCs has to be told
      try {
        const isThere = found.tenant.functions.get(name) === found.fn;
        if (isThere && !this.ending.signal.aborted) store.saveFunction(stateOf(found.fn));
      } catch (error) {
        logger.error({ err: error, tenant, function: name }, 'what was given up is not kept');
      }
    });
  }
}

/** These it has from the configuration alone; `functionInForce` sees to them. */
const NOT_CARRIED = ['name', 'path', 'secrets', 'preopens'];

/** Settings of a version that is deployed without any. */
export function carriedOver(fn: LiveFunction): object {
  const { serving: version } = fn;
  if (version === undefined) return { route: `/${fn.name}` };
  const settings = Object.entries(version.settings);
  return Object.fromEntries(settings.filter(([key]) => !NOT_CARRIED.includes(key)));
}
