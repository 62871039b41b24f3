import { ClusterChanges } from '../src/cluster/cluster-changes';
import { keys } from '../src/cluster/entries';
import type { RegistryInstance } from '../src/contracts/registry';
import type { LiveControl } from '../src/control/live-control';

/** A registry in memory, of which the connection is lost before change number `lostAt`. */
function registryWith(entries: readonly string[]) {
  const values = new Map(entries.map((key) => [key, 'something'] as [string, string | undefined]));
  const state = { lostAt: Infinity, changes: 0 };
  const registry = {
    get: async (key: string) => ({ key, revision: 1, value: values.get(key) }),
    put: async (key: string, value: string | undefined) => {
      if ((state.changes += 1) >= state.lostAt) throw new Error('the connection is lost');
      values.set(key, value);
      return 2;
    },
  } as unknown as RegistryInstance;
  const there = () => [...values].flatMap(([key, value]) => (value === undefined ? [] : [key]));
  return { state, registry, there };
}

const tenant = keys.tenant('t');
const all = [tenant, keys.function('t', 'a'), keys.function('t', 'b'), keys.tenant('other')];

test.each([1, 2, 3])(
  'a removal of a tenant that is cut at change %i can be made again, and leaves no function',
  async (lostAt) => {
    const { state, registry, there } = registryWith(all);
    const changes = new ClusterChanges(registry, {} as LiveControl, new Map());
    const functions = () => there().filter((key) => key.startsWith(keys.functionsOf('t')));
    state.lostAt = lostAt;
    await expect(changes.removeTenant('t', functions)).rejects.toThrow('lost');
    expect(there()).toContain(tenant);
    state.lostAt = Infinity;
    await changes.removeTenant('t', functions);
    expect(there()).toEqual([keys.tenant('other')]);
  },
);

test('a tenant that the cluster does not have loses no function by that', async () => {
  const { registry, there } = registryWith(all.slice(1));
  const changes = new ClusterChanges(registry, {} as LiveControl, new Map());
  const code = 'SLEDGE_ERR_CONTROL_TENANT';
  await expect(changes.removeTenant('t', () => all)).rejects.toMatchObject({ code });
  expect(there()).toEqual(all.slice(1));
});
