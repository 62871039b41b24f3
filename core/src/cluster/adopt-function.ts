import { isDeepStrictEqual } from 'node:util';
import { FUNCTIONS_MAX } from '../control/function-control';
import type { FunctionControl } from '../control/function-control';
import { stateOf } from '../control/function-state';
import type { StoredFunction } from '../control/function-store';
import { versionsInUse } from '../control/restore';
import { checkModule, functionInForce } from '../control/settings';
import type { BuiltModule } from '../contracts/kinds';
import { SledgeError } from '../errors/sledge-error';
import { LiveFunction } from '../functions/live-function';
import type { FunctionVersion } from '../functions/live-function';
import type { LiveTenant } from '../functions/live-tenant';

/** Gives the bytes of a module by its hash, compared with it. Rejects with a SledgeError. */
export type ModuleSource = (hash: string) => Promise<Uint8Array>;

interface Prepared {
  readonly tenant: LiveTenant;
  readonly fn: LiveFunction;
  readonly versions: Map<number, FunctionVersion>;
}

/**
 * Makes a function what the registry says of it: what is to serve is fetched, built for this
 * machine and loaded; then it is kept in the store and takes effect at once. Until then, and when
 * anything fails, what served serves on. Versions that this machine has never had to serve are
 * left out here: the registry keeps them.
 * @throws SledgeError of settings, module, build, or store.
 */
export async function adoptFunction(
  control: FunctionControl,
  wanted: StoredFunction,
  source: ModuleSource,
  signal: AbortSignal,
): Promise<void> {
  control.checkOpen();
  const inUse = versionsInUse(wanted);
  const modules = new Map<string, Uint8Array>();
  const before = prepare(control, wanted);
  for (const number of inUse) {
    const version = before.versions.get(number) as FunctionVersion;
    if (version.id !== undefined) continue;
    const wasm = control.parts.store.module(version.hash) ?? (await source(version.hash));
    checkModule(wasm, control.parts.config.deploy.moduleBytes);
    modules.set(version.hash, wasm);
    const name = `${wanted.tenant}/${wanted.name}`;
    const either = AbortSignal.any([control.signal, signal]);
    version.module = await control.loader.build(name, wasm, either);
  }
  control.checkOpen();
  // what was true before the compiler ran need not be true now; from here on nothing waits
  const found = prepare(control, wanted, before.versions);
  if (settle(control, wanted, found, modules)) await control.publish();
}

/** @returns whether anything has changed. */
function settle(
  control: FunctionControl,
  wanted: StoredFunction,
  { tenant, fn, versions }: Prepared,
  modules: ReadonlyMap<string, Uint8Array>,
): boolean {
  const inUse = versionsInUse(wanted);
  const { registry, store } = control.parts;
  const isHere = ({ version, hash }: { version: number; hash: string }): boolean =>
    inUse.includes(version) || (fn.versions.get(version)?.hash === hash && versions.has(version));
  const kept = wanted.versions.filter(isHere);
  const numbers = new Set(kept.map(({ version }) => version));
  const previous = wanted.previous.filter((version) => numbers.has(version));
  const state = { ...wanted, versions: kept, previous };
  const isServing = inUse.every((number) => versions.get(number)?.id !== undefined);
  if (isServing && fn.handle !== undefined && isDeepStrictEqual(plain(stateOf(fn)), plain(state))) {
    return false;
  }
  const added = inUse
    .map((number) => versions.get(number) as FunctionVersion)
    .filter(({ id }) => id === undefined);
  try {
    for (const version of added) {
      registry.load(tenant, fn, version, version.module as BuiltModule);
    }
    store.saveFunction(state, modules);
  } catch (error) {
    for (const version of added) {
      if (version.id !== undefined) registry.unload(fn, version.id);
      Object.assign(version, { id: undefined, module: undefined });
    }
    throw error;
  }
  for (const number of numbers) {
    fn.versions.set(number, versions.get(number) as FunctionVersion);
  }
  control.take({ tenant, fn }, state);
  return true;
}

/** The function as it is here, and the versions of it that the registry names. */
function prepare(
  control: FunctionControl,
  wanted: StoredFunction,
  built: ReadonlyMap<number, FunctionVersion> = new Map(),
): Prepared {
  const tenant = control.tenant(wanted.tenant);
  const fn = tenant.functions.get(wanted.name) ?? newFunction(control, wanted);
  const versions = new Map<number, FunctionVersion>();
  for (const { version, hash, settings, at } of wanted.versions) {
    const own = fn.versions.get(version);
    if (own?.hash === hash && isDeepStrictEqual(own.settings, settings)) {
      own.module ??= built.get(version)?.module;
      versions.set(version, own);
      continue;
    }
    const given = { name: wanted.name, path: `${wanted.name}.wasm`, settings };
    try {
      const config = functionInForce(control.rules, tenant, given);
      const module = built.get(version)?.module;
      versions.set(version, { version, hash, settings, config, at, module });
    } catch (error) {
      if (versionsInUse(wanted).includes(version)) throw error;
    }
  }
  return { tenant, fn, versions };
}

function newFunction(control: FunctionControl, { tenant, name }: StoredFunction): LiveFunction {
  const { byName } = control.parts.registry;
  const count = [...byName.values()].reduce((sum, one) => sum + one.functions.size, 0);
  if (count < FUNCTIONS_MAX) return new LiveFunction(tenant, name);
  const details = { limit: FUNCTIONS_MAX, what: 'functions' };
  throw new SledgeError('SLEDGE_ERR_CONTROL_TOO_MANY', details);
}

/** Without what is undefined, as it comes back from a store. */
function plain(state: StoredFunction): unknown {
  return JSON.parse(JSON.stringify(state));
}
