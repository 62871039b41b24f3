import type { PluginContext } from '@sledge/core';
import { placementContract } from '@sledge/core/testing';
import plugin from '../src';
import { nodesOf, requestOf } from './nodes';

const make = (options: object = {}) =>
  plugin.create(plugin.options.parse({ reserve: 0, ...options }), {} as PluginContext);

placementContract({ plugin });

test('what the local wait leaves time for stays', async () => {
  const placement = await make();
  expect(placement.place(requestOf(10), nodesOf(10, [{}]))).toBe('local');
  expect(placement.place(requestOf(10), nodesOf(0, []))).toBe('local');
});

test('what would miss here goes to a peer that has time, network included', async () => {
  const placement = await make();
  expect(placement.place(requestOf(10), nodesOf(11, [{ waitMs: 4, networkMs: 3 }]))).toBe(0);
  const far = nodesOf(11, [{ waitMs: 5, networkMs: 3 }]);
  expect(placement.place(requestOf(10), far)).toBe('local');
});

test('the better of the peers that chance names is taken', async () => {
  const placement = await make();
  const peers = [{ waitMs: 6 }, { waitMs: 1 }, { waitMs: 3 }];
  // the first and the last are drawn
  expect(placement.place(requestOf(10), nodesOf(20, peers, [0, 0.9]))).toBe(2);
  expect((await make({ choices: 3 })).place(requestOf(10), nodesOf(20, peers))).toBe(1);
});

test('what was sent to a peer since its report counts', async () => {
  const peers = [{ sentMs: 5 }, { waitMs: 2 }];
  expect((await make()).place(requestOf(10), nodesOf(20, peers))).toBe(1);
});

test('a peer whose report is old is none', async () => {
  const placement = await make({ reportAgeMs: 100 });
  expect(placement.place(requestOf(10), nodesOf(20, [{ ageMs: 101 }]))).toBe('local');
  expect(placement.place(requestOf(10), nodesOf(20, [{ ageMs: Infinity }, {}]))).toBe(1);
});

test('once it spills, a function stays away until the wait is well below its slack', async () => {
  const placement = await make({ hysteresis: 0.5 });
  const at = (waitMs: number) => placement.place(requestOf(10), nodesOf(waitMs, [{}]));
  expect([at(9), at(11), at(9), at(6), at(4), at(9)]).toEqual(['local', 0, 0, 0, 'local', 'local']);
});

test('what has come from a peer stays', async () => {
  const placement = await make();
  expect(placement.place(requestOf(10, { hops: 1 }), nodesOf(20, [{}]))).toBe('local');
  const two = await make({ hops: 2 });
  expect(two.place(requestOf(10, { hops: 1 }), nodesOf(20, [{}]))).toBe(0);
});

test('a reserve of the slack is left for what estimates do not know', async () => {
  const placement = await make({ reserve: 0.5 });
  expect(placement.place(requestOf(10), nodesOf(6, [{}]))).toBe(0);
});

test('without a deadline the patience decides', async () => {
  const placement = await make({ patienceUs: 5000 });
  expect(placement.place(requestOf(), nodesOf(5, [{}]))).toBe('local');
  expect(placement.place(requestOf(), nodesOf(6, [{}]))).toBe(0);
});

test('what misses everywhere runs where it waits less, or is refused if asked for', async () => {
  const busy = nodesOf(100, [{ waitMs: 50 }]);
  const placement = await make();
  expect(placement.place(requestOf(10), busy)).toBe(0);
  expect(placement.place(requestOf(10), nodesOf(100, [{ waitMs: 90 }]))).toBe('local');
  expect((await make({ refuses: true })).place(requestOf(10), busy)).toBe('refuse');
  expect(placement.stats()).toMatchObject({ spilled_late: 1, kept_late: 1, refused: 0 });
});

test.each([{ reserve: 1 }, { hops: 9 }, { choice: 2 }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
