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
    ...{ isHeld: false, publish: (): void => undefined },
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
  const publish = () => (state.isHeld ? new Promise<void>((end) => (state.publish = end)) : turn());
  // a compiler that ends when the test says so
  let built: (() => void) | undefined;
  const build = () =>
    new Promise((resolve) => (built = () => resolve({ contentHash: 'hash', artifactPath: 'a' })));
  const sandbox = { workers: 'native', build };
  const logger = { error: () => undefined, warn: () => undefined };
  const store: FunctionStore = {
    ...emptyStore(),
    module: () => Buffer.alloc(1),
    saveTenant: ({ name }) => void state.kept.push(name),
    saveFunction: ({ tenant, name }) => void state.kept.push(`${tenant}/${name}`),
    removeFunction: (tenant, name) => drop((kept) => kept === `${tenant}/${name}`),
    removeTenant: (name) => drop((kept) => kept.split('/')[0] === name),
  };
  const drop = (isGone: (kept: string) => boolean): void => {
    state.kept = state.kept.filter((kept) => !isGone(kept));
  };
  const parts = { config, plane, registry, sandbox, store, publish, logger };
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

test('a tenant that cannot listen takes with it what was deployed for it meanwhile', async () => {
  const { state, tenants, registry, functions, endBuild, loaded } = controlOf();
  Object.assign(state, { inFlight: 0, isHeld: true });
  const made = tenants.set('t', { port: 1 });
  const { publish } = state;
  state.isHeld = false;
  const deployed = functions.deploy({ ...at, wasm });
  await endBuild();
  await deployed;
  expect(state.kept).toEqual(['t/f']);
  publish();
  await expect(made).rejects.toMatchObject({ code: 'SLEDGE_ERR_HTTP_LISTEN' });
  expect([[...registry.byName.keys()], state.kept, [...loaded]]).toEqual([[], [], []]);
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
