/** Policies in TypeScript, one set for each worker group. */
import path from 'node:path';
import pino from 'pino';
import { createSledge } from '@sledge/core';
import type { PolicyEjection, Sledge, SledgeConfigInput } from '@sledge/core';

const FUNCTIONS = path.join(__dirname, '../../functions');
const fixture = (name: string) => path.join(__dirname, 'fixtures', `${name}.ts`);

let sledge: Sledge;
const ejected: unknown[] = [];
afterEach(async () => {
  await sledge.drain();
  await sledge.stop();
  ejected.length = 0;
});

type Groups = NonNullable<NonNullable<SledgeConfigInput['workers']>['groups']>;

/** A tenant for each of two groups, `left` and `right`, with the same functions. */
async function start(left: object, right: object, decisionLimitMs = 30_000): Promise<void> {
  const fn = (name: string) => ({ name, path: path.join(FUNCTIONS, `${name}.wasm`) });
  const functions = [fn('fibonacci'), fn('endless_loop')];
  const groups = [
    { name: 'left', count: 1, cores: 'unpinned', ...left },
    { name: 'right', count: 1, cores: 'unpinned', ...right },
  ] as Groups;
  const log = { write: (line: string) => void ejected.push(JSON.parse(line)) };
  sledge = createSledge(
    {
      workers: { groups },
      arena: { slots: 64 },
      transports: [],
      policies: { decisionLimitMs, starvationLimitMs: 60_000 },
      tenants: [
        { name: 'l', workerGroup: 'left', functions },
        { name: 'r', workerGroup: 'right', functions },
      ],
    },
    { logger: pino({ level: 'error' }, log), withTransports: false },
  );
  await sledge.start();
}

async function burst(tenant: string, count = 100): Promise<Set<string>> {
  const calls = Array.from({ length: count }, () =>
    sledge.invoke(`${tenant}/fibonacci`, { args: ['10'], environ: [] }),
  );
  return new Set((await Promise.all(calls)).map(({ status }) => status));
}

test('each group is led by its own policies, and counts its own events', async () => {
  await start({ dispatcher: fixture('good') }, { dispatcher: 'jsq', scheduler: fixture('edf') });
  expect(await burst('l')).toEqual(new Set(['completed']));
  const { groups, ...first } = sledge.policyStatus();
  expect(groups).toMatchObject([
    { group: 'left', live: 'driving', dispatcher: { name: 'good', form: 'typescript' } },
    { group: 'right', live: 'driving', scheduler: { name: 'edf-in-order' }, events: 0 },
  ]);
  expect(first).toEqual(groups[0]);
  expect(first.orders).toBeGreaterThanOrEqual(100);
  expect(await burst('r')).toEqual(new Set(['completed']));
  expect(sledge.policyStatus().groups[1]?.events).toBeGreaterThanOrEqual(100);
});

test.each([
  ['throws', 'it threw Error: not this one'],
  ['hangs', /^no answer for \d+ ms$/],
  ['exits', 'its thread has ended'],
])('one that %s is ejected from its group, and the other group goes on', async (way, reason) => {
  const limitMs = way === 'hangs' ? 3500 : undefined;
  const bad = { dispatcher: [fixture('bad'), { way }] };
  await start({ dispatcher: fixture('good') }, bad, limitMs);
  const both = await Promise.all([burst('r'), burst('l')]);
  expect(both).toEqual([new Set(['completed']), new Set(['completed'])]);
  const ejection: PolicyEjection = {
    group: 'right',
    policy: 'bad',
    reason: expect.stringMatching(reason) as string,
    at: expect.any(String) as string,
  };
  expect(sledge.policyStatus()).toMatchObject({ live: 'driving', ejections: [] });
  expect(sledge.policyStatus().groups).toMatchObject([
    { group: 'left', live: 'driving', dispatcher: { name: 'good' }, ejections: [] },
    {
      group: 'right',
      live: 'ejected',
      dispatcher: { name: 'dispatch-jsq' },
      ejections: [ejection],
    },
  ]);
  expect(ejected).toMatchObject([{ group: 'right', policy: 'bad' }]);
  expect(await Promise.all([burst('r', 20), burst('l', 20)])).toEqual(both);
});

test('policies of one group are exchanged beside an endless function of its own', async () => {
  await start({ dispatcher: fixture('good') }, { count: 2, dispatcher: 'jsq' });
  const swaps = sledge.policyStatus().swaps;
  const endless = sledge.invoke('r/endless_loop', { args: [], environ: [] });
  const sent: Promise<{ status: string }>[] = [];
  const send = () => {
    for (const tenant of ['l', 'r']) {
      for (let at = 0; at < 30; at += 1) {
        sent.push(sledge.invoke(`${tenant}/fibonacci`, { args: ['8'], environ: [] }));
      }
    }
  };
  const changes: ['dispatcher' | 'scheduler' | 'estimator' | 'admission', string][] = [
    ['scheduler', fixture('edf')],
    ['dispatcher', fixture('good')],
    ['scheduler', 'edf'],
    ['dispatcher', 'edf-interrupt'],
    ['estimator', 'ewma'],
    ['admission', 'none'],
  ];
  for (const [kind, choice] of changes) {
    send();
    await sledge.setPolicy(kind, choice, 'right');
    send();
  }
  const statuses = new Set((await Promise.all(sent)).map(({ status }) => status));
  expect(statuses).toEqual(new Set(['completed']));
  expect((await endless).status).toBe('timed-out');
  expect(sledge.policyStatus().groups).toMatchObject([
    { group: 'left', live: 'driving', dispatcher: { name: 'good' }, swaps },
    { group: 'right', dispatcher: { name: 'dispatch-edf-interrupt' } },
  ]);
});

test('a group is named by its name, and what it lacks is not lent by a neighbour', async () => {
  await start({ scheduler: 'edf', dispatcher: 'edf-interrupt' }, { dispatcher: 'jsq' });
  await expect(sledge.setPolicy('dispatcher', 'edf-interrupt', 'rihgt')).rejects.toMatchObject({
    code: 'SLEDGE_ERR_CONFIG_GROUP',
    message: 'There is no worker group rihgt; did you mean right?',
  });
  await expect(sledge.setPolicy('dispatcher', 'edf-interrupt', 'right')).rejects.toMatchObject({
    code: 'SLEDGE_ERR_PLUGIN_CAPABILITY',
  });
  await sledge.setPolicy('scheduler', 'edf', 'right');
  await sledge.setPolicy('dispatcher', 'edf-interrupt', 'right');
  expect(await burst('r', 20)).toEqual(new Set(['completed']));
});
