import { workerCores, workerCount } from '../src/config/cores';
import { effectiveConfig } from '../src/config/effective-config';
import { configFromObject } from '../src/config/load-config';
import { configSchema } from '../src/config/schema';
import { workerGroupOf, workerGroups } from '../src/config/worker-groups';
import { loadPlugins } from '../src/plugins/plugin-host';

const two = [{ name: 'batch', count: 3 }, { name: 'interactive' }];

function problemsOf(config: object): string {
  try {
    configFromObject(config);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

function workersOf(workers: object) {
  return configSchema.parse({ workers }).workers;
}

test('without groups there is one, with the counts and cores of the whole', () => {
  const { workers } = configSchema.parse({ workers: { count: 2, idle: 'block' } });
  const [only, ...more] = workerGroups({ workers });
  expect(only).toMatchObject({ name: undefined, count: 2, idle: 'block' });
  expect(more).toEqual([]);
});

test('a group has what it does not name from the whole', () => {
  const groups = [
    { name: 'a', idle: 'spin' },
    { name: 'b', cores: [3, 4] },
  ];
  const all = workerGroups({ workers: workersOf({ spinUs: 7, groups }) });
  expect(all).toMatchObject([
    { name: 'a', count: 1, idle: 'spin', spinUs: 7, cores: 'auto' },
    { name: 'b', count: 2, idle: 'adaptive', spinUs: 7, cores: [3, 4] },
  ]);
});

test('cores are shared out among the groups, those that one names to nobody else', () => {
  const groups = [{ name: 'a', count: 2 }, { name: 'b', cores: [5] }, { name: 'c' }];
  const workers = workersOf({ groups });
  expect(workerCount(workers)).toBe(4);
  expect(workerCores(workers, [0, 1, 2, 3, 4, 5])).toEqual([2, 3, 5, 4]);
  expect(workerCores(workers, [0, 1, 5])).toEqual([-1, -1, 5, -1]);
});

test("a function is run by its own group, else by its tenant's, else by the first", () => {
  const config = configSchema.parse({
    workers: { groups: two },
    tenants: [
      { name: 'a', functions: [{ name: 'f', path: 'f' }] },
      {
        name: 'b',
        workerGroup: 'interactive',
        functions: [
          { name: 'f', path: 'f' },
          { name: 'g', path: 'g', workerGroup: 'batch' },
        ],
      },
    ],
  });
  const placed = config.tenants.flatMap((tenant) =>
    tenant.functions.map((fn) => workerGroupOf(config, tenant, fn)),
  );
  expect(placed).toEqual([0, 1, 0]);
});

test.each([
  [
    'a group that does not exist',
    { workers: { groups: two }, tenants: [{ workerGroup: 'bach' }] },
    'tenants[0].workerGroup: there is no worker group bach; did you mean batch?',
  ],
  [
    'one where there are none',
    { tenants: [{ functions: [{ workerGroup: 'a' }] }] },
    'tenants[0].functions[0].workerGroup: there is no worker group a; workers.groups is missing',
  ],
  [
    'a name that stands twice',
    { workers: { groups: [{ name: 'a' }, { name: 'a' }] } },
    'workers.groups[1].name: "a" is taken by workers.groups[0].name',
  ],
  [
    'a count of the whole',
    { workers: { count: 2, groups: two } },
    'workers.count: each of workers.groups has a count of its own',
  ],
  [
    'cores of the whole',
    { workers: { cores: [0], groups: two } },
    'workers.cores: each of workers.groups lists its own cores',
  ],
  ['no groups', { workers: { groups: [] } }, 'workers.groups: expected a list of at least 1'],
  [
    'a wrong key',
    { workers: { groups: [{ name: 'a', shedule: 'edf' }] } },
    'workers.groups[0].shedule: unknown key; did you mean scheduler?',
  ],
  [
    'a core that stands twice',
    {
      workers: {
        groups: [
          { name: 'a', cores: [0] },
          { name: 'b', cores: [0] },
        ],
      },
    },
    "workers.groups[1].cores: core 0 is another group's already",
  ],
  [
    'fewer cores than workers',
    { workers: { groups: [{ name: 'a', count: 2, cores: [0] }] } },
    'workers.groups[0].cores: expected 2 cores for 2 workers, got 1',
  ],
])('%s is refused by its place', (_what, config, message) => {
  expect(problemsOf(config)).toContain(message);
});

test('policies of groups are plugins of their own, and options are refused by their place', () => {
  const groups = [
    { name: 'a', scheduler: 'edf' },
    { name: 'b', scheduler: ['fifo', { no: 1 }] },
  ];
  const { plugins, folder } = configFromObject({ workers: { groups } });
  expect(plugins.map(({ place, workerGroup }) => [place, workerGroup])).toEqual([
    ['sandbox', undefined],
    ['estimator', 0],
    ['workers.groups[0].scheduler', 0],
    ['dispatcher', 0],
    ['estimator', 1],
    ['workers.groups[1].scheduler', 1],
    ['dispatcher', 1],
    ['transports[0]', undefined],
  ]);
  expect(() => loadPlugins(plugins, folder)).toThrow('workers.groups[1].scheduler');
});

test('a capability is looked for in the own group, not in a neighbour', () => {
  const groups = [
    { name: 'a', scheduler: 'edf', dispatcher: 'jsq' },
    { name: 'b', admission: 'utilisation' },
  ];
  const lacking = { name: 'c', scheduler: 'sjf', dispatcher: 'jsq', estimator: 'none' };
  const load = (all: object[]) => {
    const { plugins, folder } = configFromObject({ workers: { groups: all } });
    return loadPlugins(plugins, folder);
  };
  expect(load(groups)).toHaveLength(9);
  expect(() => load([...groups, lacking])).toThrow('sched-sjf needs estimates');
});

test('sledge check prints each group with everything filled', () => {
  const groups = [
    { name: 'a', cores: 'unpinned', count: 2 },
    { name: 'b', admission: 'deadline' },
  ];
  const loaded = configFromObject({ workers: { cores: 'unpinned', groups } });
  const shown = effectiveConfig(loaded, loadPlugins(loaded.plugins, loaded.folder));
  expect(shown.workers).toMatchObject({
    count: 3,
    groups: [
      { name: 'a', count: 2, cores: [-1, -1], scheduler: ['sched-fifo', {}], admission: 'none' },
      { name: 'b', count: 1, cores: [-1], admission: ['admission-deadline', {}] },
    ],
  });
});
