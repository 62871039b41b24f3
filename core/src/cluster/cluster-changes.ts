import type { RegistryEntry, RegistryInstance } from '../contracts/registry';
import { carriedOver } from '../control/function-control';
import type { Deployment, FunctionName, SplitRequest } from '../control/function-control';
import { deployed, divided, rollbackTarget, serving } from '../control/function-state';
import { takenBack, withEvent } from '../control/function-state';
import type { StoredFunction } from '../control/function-store';
import type { LiveControl } from '../control/live-control';
import { checkModule, functionInForce, tenantInForce } from '../control/settings';
import { SledgeError } from '../errors/sledge-error';
import { isPolicyName, keys, parseEntry } from './entries';
import type { PolicyEntry, TenantEntry } from './entries';

const TURNS_MAX = 50;

/** What a change has made, and where in the order of all changes it stands. */
export interface Changed<Of> {
  readonly value: Of;
  readonly key: string;
  readonly revision: number;
}

/**
 * Changes of what all nodes serve. Each reads an entry, makes the next one of it, and exchanges it
 * if nobody else was faster; else it begins again with what is there then. So of two deployments
 * at once both get a version, one after the other. Main thread.
 */
export class ClusterChanges {
  constructor(
    private readonly registry: RegistryInstance,
    private readonly live: LiveControl,
    /** Keeps a module at hand while it is put. */
    private readonly stash: Map<string, Uint8Array>,
  ) {}

  /** Built and loaded here first: what no node could serve is never told to others. */
  async deploy(deployment: Deployment): Promise<Changed<StoredFunction>> {
    const { control } = this.live;
    const { tenant, name, wasm, signal, split, rollback } = deployment;
    control.checkOpen();
    checkModule(wasm, Math.min(this.live.moduleBytes, this.registry.moduleBytes));
    const key = keys.function(tenant, name);
    const before = (await this.readSound(key)).value;
    this.checkSettings(deployment, this.settingsOf(deployment, before));
    const both = signal ? AbortSignal.any([control.signal, signal]) : control.signal;
    const module = await control.loader.build(`${tenant}/${name}`, wasm, both);
    control.checkOpen();
    control.rehearse({ ...deployment, settings: this.settingsOf(deployment, before) }, module);
    const { contentHash: hash } = module;
    this.stash.set(hash, wasm);
    try {
      await this.registry.putModule(hash, wasm);
      return await this.change(key, (state) => {
        const settings = this.settingsOf(deployment, state);
        this.checkSettings(deployment, settings); // its tenant may have gone meanwhile
        const at = new Date().toISOString();
        const next = state ?? emptyFunction(tenant, name);
        const added = { version: next.nextVersion, hash, settings, at };
        return deployed(next, added, { split, rollback });
      });
    } finally {
      setTimeout(() => this.stash.delete(hash), STASH_MS).unref();
    }
  }

  rollback(fn: FunctionName, version?: number): Promise<Changed<StoredFunction>> {
    return this.changeFunction(fn, (state) => {
      const wanted = rollbackTarget(state, version);
      checkVersions(state, [wanted]);
      return takenBack(state, wanted, version !== undefined);
    });
  }

  split({ tenant, name, versions, rollback }: SplitRequest): Promise<Changed<StoredFunction>> {
    return this.changeFunction({ tenant, name }, (state) => {
      const numbers = versions.filter(({ weight }) => weight > 0).map((one) => one.version);
      checkVersions(state, numbers);
      return divided(state, versions, rollback);
    });
  }

  /** A node has seen too many errors of the version under trial: it is given up on all of them. */
  async giveUp(fn: FunctionName, version: number, reason: string): Promise<void> {
    await this.changeFunction(fn, (state) => {
      if (state.split?.trial.version !== version) return state;
      const event = { action: 'given-up', version, reason: reason.slice(0, 300) } as const;
      return withEvent(serving(state, state.current), event);
    });
  }

  async undeploy(fn: FunctionName): Promise<Changed<undefined>> {
    const key = keys.function(fn.tenant, fn.name);
    return this.remove(key, () => unknownFunction(fn));
  }

  async report(fn: FunctionName): Promise<StoredFunction> {
    const { value } = await this.read(keys.function(fn.tenant, fn.name));
    if (value !== undefined) return value;
    throw unknownFunction(fn);
  }

  async setTenant(name: string, settings: object): Promise<Changed<TenantEntry>> {
    const { control } = this.live;
    control.checkOpen();
    const { byName } = control.parts.registry;
    if (byName.get(name)?.source === 'config') {
      throw new SledgeError('SLEDGE_ERR_CONTROL_OF_CONFIG', { what: `The tenant ${name}` });
    }
    tenantInForce(control.rules, [...byName.values()], { name, settings });
    const value = { name, settings: settings as TenantEntry['settings'] };
    return this.write(keys.tenant(name), value);
  }

  /**
   * It goes last: what comes between leaves a tenant that can be removed again, and no function
   * that would wait for the next of its name.
   * @param functions keys of its functions, as they are now.
   */
  async removeTenant(
    name: string,
    functions: () => readonly string[],
  ): Promise<Changed<undefined>> {
    const key = keys.tenant(name);
    const unknown = () => new SledgeError('SLEDGE_ERR_CONTROL_TENANT', { tenant: name, hint: '' });
    if ((await this.registry.get(key))?.value === undefined) throw unknown();
    for (const one of functions()) await this.remove(one, () => undefined);
    const removed = await this.remove(key, unknown);
    for (const one of functions()) await this.remove(one, () => undefined);
    return removed;
  }

  /**
   * @param check as far as this node can tell before it is told to others.
   * @throws SledgeError SLEDGE_ERR_CLUSTER_LOCAL_FILE, and what `check` throws.
   */
  async setPolicy(
    policy: PolicyEntry,
    check: (policy: PolicyEntry) => Promise<void>,
  ): Promise<Changed<PolicyEntry>> {
    const { kind, choice, group } = policy;
    const source = typeof choice === 'string' ? choice : choice[0];
    if (!isPolicyName(source)) {
      throw new SledgeError('SLEDGE_ERR_CLUSTER_LOCAL_FILE', { choice: source });
    }
    const key = keys.policy(kind, group);
    await this.registry.get(key); // that it is away is said before what may be mended meanwhile
    await check(policy);
    return this.write(key, policy);
  }

  setNode(node: string, isTaking: boolean): Promise<Changed<{ node: string; isTaking: boolean }>> {
    return this.write(keys.node(node), { node, isTaking });
  }

  private checkSettings({ tenant, name }: Deployment, settings: object): void {
    const { control } = this.live;
    const path = `${name}.wasm`;
    functionInForce(control.rules, control.tenant(tenant), { name, path, settings });
  }

  /** As given; else those of the version that serves; else its own route. */
  private settingsOf({ settings, name, tenant }: Deployment, state?: StoredFunction): object {
    if (settings !== undefined) return settings;
    const serving = state?.versions.find(({ version }) => version === state.current);
    if (serving !== undefined) return serving.settings;
    const here = this.live.control.tenant(tenant).functions.get(name);
    return here === undefined ? { route: `/${name}` } : carriedOver(here);
  }

  private changeFunction(
    fn: FunctionName,
    next: (state: StoredFunction) => StoredFunction,
  ): Promise<Changed<StoredFunction>> {
    return this.change(keys.function(fn.tenant, fn.name), (state) => {
      if (state === undefined) throw unknownFunction(fn);
      return next(state);
    });
  }

  private async change(
    key: string,
    next: (state: StoredFunction | undefined) => StoredFunction,
  ): Promise<Changed<StoredFunction>> {
    return this.persist(key, async () => {
      const { value: before, revision } = await this.readSound(key);
      const value = next(before);
      if (value === before) return { value, key, revision };
      const text = JSON.stringify(value);
      // what another node would refuse is not put there
      parseEntry({ key, value: text });
      return { value, key, revision: await this.registry.put(key, text, revision) };
    });
  }

  private write<Of extends object>(key: string, value: Of): Promise<Changed<Of>> {
    const text = JSON.stringify(value);
    parseEntry({ key, value: text });
    return this.persist(key, async () => {
      const { revision = 0 } = (await this.registry.get(key)) ?? {};
      return { value, key, revision: await this.registry.put(key, text, revision) };
    });
  }

  private remove(key: string, missing: () => SledgeError | undefined): Promise<Changed<undefined>> {
    return this.persist(key, async () => {
      const { value, revision = 0 } = (await this.registry.get(key)) ?? {};
      const error = value === undefined ? missing() : undefined;
      if (error !== undefined) throw error;
      if (value === undefined) return { value: undefined, key, revision };
      const next = await this.registry.put(key, undefined, revision);
      return { value: undefined, key, revision: next };
    });
  }

  /** Again while others are faster. */
  private async persist<Of>(key: string, turn: () => Promise<Of>): Promise<Of> {
    for (let turns = 0; turns < TURNS_MAX; turns += 1) {
      try {
        return await turn();
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
    throw new SledgeError('SLEDGE_ERR_CLUSTER_CONFLICT', { key });
  }

  /** One that is damaged counts as empty: what comes next mends it. */
  private async readSound(key: string): Promise<{ value?: StoredFunction; revision: number }> {
    try {
      return await this.read(key);
    } catch (error) {
      if ((error as SledgeError).code !== 'SLEDGE_ERR_CLUSTER_ENTRY') throw error;
      return { revision: (await this.registry.get(key))?.revision ?? 0 };
    }
  }

  private async read(key: string): Promise<{ value?: StoredFunction; revision: number }> {
    const entry: RegistryEntry | undefined = await this.registry.get(key);
    if (entry === undefined) return { revision: 0 };
    const { revision } = entry;
    if (entry.value === undefined) return { revision };
    return { value: parseEntry(entry).value as StoredFunction, revision };
  }
}

/** A node that has just put a module takes it over within this time. */
const STASH_MS = 60_000;

function isConflict(error: unknown): boolean {
  return error instanceof SledgeError && error.code === 'SLEDGE_ERR_CLUSTER_CONFLICT';
}

function emptyFunction(tenant: string, name: string): StoredFunction {
  const none = { current: -1, previous: [], nextVersion: 1, split: null, events: [], versions: [] };
  return { tenant, name, ...none };
}

function unknownFunction({ tenant, name }: FunctionName): SledgeError {
  const hint = ' that is of the cluster';
  return new SledgeError('SLEDGE_ERR_CONTROL_FUNCTION', { tenant, name, hint });
}

function checkVersions({ name, versions }: StoredFunction, wanted: readonly number[]): void {
  const known = versions.map(({ version }) => version);
  const missing = wanted.find((version) => !known.includes(version));
  if (missing === undefined) return;
  const details = { version: missing, name, known: known.join(', ') };
  throw new SledgeError('SLEDGE_ERR_CONTROL_VERSION', details);
}
