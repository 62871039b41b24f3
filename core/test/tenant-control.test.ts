import { configFromObject } from '../src/config/load-config';
import type { ControlParts } from '../src/control/control-parts';
import { FunctionControl } from '../src/control/function-control';
import { emptyStore } from '../src/control/function-store';
import { TenantControl } from '../src/control/tenant-control';
import { FunctionRegistry } from '../src/functions/function-registry';
import { LiveFunction } from '../src/functions/live-function';

/** A tenant with one function, of which `inFlight` requests have not ended. */
function controlOf() {
  const state = { inFlight: 1, forgotten: [] as string[] };
  const plane = {
    functionStats: () => ({ inFlight: state.inFlight }),
    removeFunction: () => undefined,
    forgetTenant: (name: string) => state.forgotten.push(name),
  } as unknown as ControlParts['plane'];
  const { config } = configFromObject({});
  const registry = new FunctionRegistry(config, plane);
  const publish = async () => undefined;
  const sandbox = { workers: 'native' };
  const parts = { config, plane, registry, sandbox, store: emptyStore(), publish };
  const functions = new FunctionControl(parts as unknown as ControlParts);
  const tenants = new TenantControl(functions, () => []);
  const deploy = (): void => {
    const fn = new LiveFunction('t', 'f');
    fn.target.ids.add(3);
    registry.byName.get('t')?.functions.set('f', fn);
  };
  return { state, tenants, registry, deploy, functions };
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
