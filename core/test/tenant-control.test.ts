import { configFromObject } from '../src/config/load-config';
import type { ControlParts } from '../src/control/control-parts';
import { FunctionControl } from '../src/control/function-control';
import { emptyStore } from '../src/control/function-store';
import type { FunctionStore } from '../src/control/function-store';
import { TenantControl } from '../src/control/tenant-control';
import { FunctionRegistry } from '../src/functions/function-registry';
import { LiveFunction } from '../src/functions/live-function';

/** A tenant with one function, of which `inFlight` requests have not ended. */
function controlOf() {
  const state = {
    ...{ inFlight: 1, forgotten: [] as string[], kept: [] as string[] },
    ...{ given: 0, failure: undefined as Error | undefined },
    prepare: async (): Promise<void> => undefined,
  };
  const loaded = new Set<number>();
  let lastId = 10;
  const plane = {
    functionStats: () => ({ inFlight: state.inFlight }),
    addFunction: () => {
      loaded.add((lastId += 1));
      return lastId;
    },
    removeFunction: (id: number) => loaded.delete(id),
    forgetTenant: (name: string) => state.forgotten.push(name),
  } as unknown as ControlParts['plane'];
  const { config } = configFromObject({ transports: ['http'] });
  const registry = new FunctionRegistry(config, plane);
  const turn = () => new Promise<void>(setImmediate);
  const prepareTenant = async () => {
    await state.prepare();
    return async () => void (state.given += 1);
  };
  // a compiler that ends when the test says so
  let built: (() => void) | undefined;
  const build = () =>
    new Promise((resolve) => (built = () => resolve({ contentHash: 'hash', artifactPath: 'a' })));
  const sandbox = { workers: 'native', build };
  const logger = { error: () => undefined, warn: () => undefined };
  const store: FunctionStore = {
    ...emptyStore(),
    module: () => Buffer.alloc(1),
    saveTenant: ({ name }) => {
      if (state.failure !== undefined) throw state.failure;
      state.kept.push(name);
    },
    saveFunction: ({ tenant, name }) => void state.kept.push(`${tenant}/${name}`),
    removeFunction: (tenant, name) => drop((kept) => kept === `${tenant}/${name}`),
    removeTenant: (name) => drop((kept) => kept.split('/')[0] === name),
  };
  const drop = (isGone: (kept: string) => boolean): void => {
    state.kept = state.kept.filter((kept) => !isGone(kept));
  };
  const parts = { config, plane, registry, sandbox, store, publish: turn, prepareTenant, logger };
  const functions = new FunctionControl(parts as unknown as ControlParts);
  const tenants = new TenantControl(functions, () => []);
  const deploy = (): void => {
    const fn = new LiveFunction('t', 'f');
    fn.target.ids.add(3);
    registry.byName.get('t')?.functions.set('f', fn);
  };
  const endBuild = async (): Promise<void> => {
    while (built === undefined) await turn();
    built();
    built = undefined;
  };
  return { state, tenants, registry, deploy, functions, endBuild, loaded };
}

test('the name of a removed tenant is free, without data, when its last request ends', async () => {
  const { state, tenants, registry, deploy, functions } = controlOf();
  await tenants.set('t', {});
  deploy();
  const removed = tenants.remove('t');
  expect(state.forgotten).toEqual(['t']);
  const refused = { code: 'SLEDGE_ERR_CONTROL_TENANT_ENDS' };
  await expect(tenants.set('t', {})).rejects.toMatchObject(refused);
  await removed;
  await expect(tenants.set('t', {})).rejects.toMatchObject(refused);
  expect(state.forgotten).toEqual(['t']);
  state.inFlight = 0;
  await new Promise<void>((resolve) => functions.loader.whenRetired('other', resolve));
  expect(state.forgotten).toEqual(['t', 't']);
  await tenants.set('t', {});
  expect([...registry.byName.keys()]).toEqual(['t']);
  expect(state.forgotten).toEqual(['t', 't']);
});

const wasm = Buffer.from('\0asm');
const at = { tenant: 't', name: 'f' };

test('a tenant that is removed while it is made is nowhere, whatever ends first', async () => {
  const { state, tenants, registry } = controlOf();
  const made = tenants.set('t', {});
  const removed = tenants.remove('t');
  await Promise.all([made, removed]);
  expect([[...registry.byName.keys()], state.kept]).toEqual([[], []]);
});

test('a tenant is there when its transports have said that they serve it, not before', async () => {
  const { state, tenants, registry, functions } = controlOf();
  let refuse = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    state.prepare = () => {
      resolve();
      return new Promise((_, reject) => (refuse = () => reject(new Error('no such address'))));
    };
  });
  const made = tenants.set('t', { port: 1 });
  await asked;
  const unknown = { code: 'SLEDGE_ERR_CONTROL_TENANT' };
  await expect(functions.deploy({ ...at, wasm })).rejects.toMatchObject(unknown);
  refuse();
  await expect(made).rejects.toThrow('no such address');
  expect([[...registry.byName.keys()], state.kept]).toEqual([[], []]);
});

test('a change that is not kept gives back what transports took, and changes nothing', async () => {
  const { state, tenants, registry } = controlOf();
  await tenants.set('t', { port: 1 });
  state.failure = new Error('the disk is full');
  const before = registry.byName.get('t')?.view;
  await expect(tenants.set('t', { port: 2 })).rejects.toThrow('the disk is full');
  await expect(tenants.set('u', { port: 3 })).rejects.toThrow('the disk is full');
  expect([...registry.byName.keys()]).toEqual(['t']);
  expect(registry.byName.get('t')?.view).toBe(before);
  expect([state.kept, state.given]).toEqual([['t'], 2]);
});

test('a version that is brought back to a function that goes meanwhile is not loaded', async () => {
  const { state, tenants, functions, endBuild, loaded } = controlOf();
  state.inFlight = 0;
  await tenants.set('t', {});
  for (let version = 0; version < 2; version += 1) {
    const deployed = functions.deploy({ ...at, wasm });
    await endBuild();
    await deployed;
  }
  const earlier = functions.find(at).fn.versions.get(1);
  Object.assign(earlier ?? {}, { module: undefined });
  const back = functions.rollback(at);
  await functions.undeploy(at);
  await endBuild();
  await expect(back).rejects.toMatchObject({ code: 'SLEDGE_ERR_CONTROL_FUNCTION' });
  expect([[...loaded], state.kept]).toEqual([[], ['t']]);
});

test('what is given up in the moment in which it is taken out does not come back', async () => {
  const { state, tenants, functions, endBuild } = controlOf();
  await tenants.set('t', {});
  for (const split of [undefined, 50]) {
    const rollback = { requests: 1, errorRate: 0 };
    const deployed = functions.deploy({ ...at, wasm, split, rollback });
    await endBuild();
    await deployed;
  }
  const { split } = functions.find(at).fn.target;
  const times = { queueNs: 0, runNs: 1, totalNs: 1 };
  const outcome = { status: 'trapped', exitCode: 0, output: Buffer.alloc(0), times } as const;
  split?.count(split.trial, outcome);
  await functions.undeploy(at);
  await new Promise(setImmediate);
  expect(state.kept).toEqual(['t']);
});
