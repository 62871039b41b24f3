/**
 * Every dispatcher with every scheduler under every preemption mechanism and in either sandbox: it
 * serves, or it is refused at load with what is missing. The cells are the plugins' own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SledgeError } from '@sledge/core';
import { configFromObject, createSledge } from '@sledge/core';
import { loadPlugins, withheldBy } from '@sledge/core/host';

const ROOT = join(__dirname, '../..');
const MECHANISMS = ['safepoint', 'signal', 'timer', 'none'] as const;
/** Of the cells that load, one in so many serves requests; each of the long run does. */
const SERVED_ONE_IN = process.env['SLEDGE_TEST_LONG'] === '1' ? 1 : 7;

type Choice = [string, Record<string, unknown>];

function choicesOf(prefix: string): Choice[] {
  const folders = readdirSync(join(ROOT, 'plugins')).filter((name) => name.startsWith(prefix));
  return folders.flatMap((folder) => {
    const text = readFileSync(join(ROOT, 'plugins', folder, 'package.json'), 'utf8');
    const manifest = JSON.parse(text) as { sledge?: { variants: Record<string, unknown>[] } };
    const variants = manifest.sledge?.variants ?? [{}];
    return variants.map((options): Choice => [`@sledge/${folder}`, options]);
  });
}

interface Cell {
  sandbox: string;
  mechanism: (typeof MECHANISMS)[number];
  dispatcher: Choice;
  scheduler: Choice;
}

function allCells(): Cell[] {
  const dispatchers = choicesOf('dispatch-');
  const schedulers = choicesOf('sched-');
  const settings = [
    ...MECHANISMS.map((mechanism) => ({ sandbox: 'awsm', mechanism })),
    { sandbox: 'v8', mechanism: 'safepoint' as const },
  ];
  return settings.flatMap((setting) =>
    dispatchers.flatMap((dispatcher) =>
      schedulers.map((scheduler) => ({ ...setting, dispatcher, scheduler })),
    ),
  );
}

function configOf({ sandbox, mechanism, dispatcher, scheduler }: Cell) {
  const functions = ['fibonacci', 'echo'].map((name, group) => ({
    name,
    path: join(ROOT, 'functions', `${name}.wasm`),
    group,
    relativeDeadlineUs: 1_000_000,
    expectedExecutionUs: 100,
  }));
  return {
    workers: { count: 2 },
    arena: { slots: 16 },
    preemption: { mechanism },
    log: { level: 'silent' },
    transports: [],
    tenants: [{ name: 'a', functions }],
    sandbox,
    dispatcher,
    scheduler,
  };
}

/** undefined: it loads. */
function refusalOf(cell: Cell): SledgeError | undefined {
  const loaded = configFromObject(configOf(cell), ROOT);
  try {
    loadPlugins(loaded.plugins, loaded.folder, withheldBy(loaded.config));
    return undefined;
  } catch (error) {
    return error as SledgeError;
  }
}

const titleOf = (cell: Cell) => JSON.stringify(Object.values(cell));

/** The outputs of a few requests of both functions at once. */
async function serve(cell: Cell): Promise<string[]> {
  const sledge = createSledge(configFromObject(configOf(cell), ROOT));
  await sledge.start();
  try {
    const calls = Array.from({ length: 8 }, (_, i) =>
      i % 2 === 0
        ? sledge.invoke('fibonacci', { args: ['15'], environ: [] })
        : sledge.invoke('echo', { args: [], environ: [], input: Buffer.from('610') }),
    );
    const outcomes = await Promise.all(calls);
    return outcomes.map(({ output }) => Buffer.from(output).toString().trim());
  } finally {
    await sledge.stop();
  }
}

const cells = allCells();
const refused = cells.filter((cell) => refusalOf(cell) !== undefined);
const loads = cells.filter((cell) => !refused.includes(cell));
const served = loads.filter((_, index) => index % SERVED_ONE_IN === 0);

test('what is refused names the capability, and who would provide it or what took it away', () => {
  for (const cell of refused) {
    const error = refusalOf(cell);
    const problem = `${titleOf(cell)}: ${String(error?.message)}`;
    expect([problem, error?.code]).toEqual([problem, 'SLEDGE_ERR_PLUGIN_CAPABILITY']);
    expect(problem).toMatch(/\((these would: @sledge\/|preemption\.mechanism is "none")/);
  }
});

const choice = (dispatcher: Choice, scheduler: Choice, rest: Partial<Cell> = {}): Cell => {
  return { sandbox: 'awsm', mechanism: 'safepoint', dispatcher, scheduler, ...rest };
};
const EDF: Choice = ['edf', {}];
const FIFO: Choice = ['fifo', {}];

test.each<[string, Cell, RegExp]>([
  ['one queue in another order', choice(['global-queue', {}], EDF), /edf needs run-queues/],
  ['deadlines without their order', choice(['edf-interrupt', {}], FIFO), /needs deadline-order/],
  ['interrupts that change nothing', choice(['jsq', { interrupts: true }], FIFO), /preemptive-o/],
  ['turns nobody can end', choice(['shinjuku', {}], FIFO, { mechanism: 'none' }), /is "none"/],
  ['turns in JavaScript', choice(['shinjuku', {}], FIFO, { sandbox: 'v8' }), /sandbox-awsm/],
])('%s: refused', (_title, cell, words) => {
  expect(refusalOf(cell)?.message).toMatch(words);
});

test('what loads serves', async () => {
  console.log(
    `${cells.length} cells: ${refused.length} refused, ${loads.length} load, ` +
      `${served.length} served`,
  );
  expect(refused.length).toBeGreaterThan(0);
  for (const cell of served) {
    expect([titleOf(cell), ...(await serve(cell))]).toEqual([
      titleOf(cell),
      ...Array(8).fill('610'),
    ]);
  }
}, 300_000);
