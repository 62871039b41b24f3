import type { PluginContext } from '@sledge/core';
import { placementContract } from '@sledge/core/testing';
import { nodesOf, requestOf } from '../../placement-local-first/test/nodes';
import plugin from '../src';

const make = (options: object = {}) =>
  plugin.create(plugin.options.parse(options), {} as PluginContext);

placementContract({ plugin });

test('the less loaded of this node and one that chance names; of equals this one', async () => {
  const placement = await make();
  const at = (localMs: number) =>
    placement.place(requestOf(), nodesOf(localMs, [{ waitMs: 1 }, { waitMs: 5 }], [0.9]));
  expect([at(4), at(5), at(6)]).toEqual(['local', 'local', 1]);
});

test('the network counts twice, and what was sent there since its report', async () => {
  const placement = await make();
  const peers = [{ waitMs: 1, networkMs: 2, sentMs: 3 }];
  expect(placement.place(requestOf(), nodesOf(8, peers))).toBe('local');
  expect(placement.place(requestOf(), nodesOf(9, peers))).toBe(0);
});

test('with one choice it stays, with many it is the least of all', async () => {
  const peers = [{ waitMs: 3 }, { waitMs: 1 }, { waitMs: 2 }];
  expect((await make({ choices: 1 })).place(requestOf(), nodesOf(9, peers))).toBe('local');
  expect((await make({ choices: 4 })).place(requestOf(), nodesOf(9, peers))).toBe(1);
});

test('when this node is one of all, chance decides whether it is compared', async () => {
  const placement = await make({ localIsChoice: false });
  const peers = [{ waitMs: 3 }, { waitMs: 2 }, { waitMs: 4 }];
  // 0.9 * 4 is no choice of two, then peers 0 and 1 are drawn
  expect(placement.place(requestOf(), nodesOf(0, peers, [0.9, 0, 0.4]))).toBe(1);
  expect(placement.place(requestOf(), nodesOf(0, peers, [0.1, 0, 0.4]))).toBe('local');
});

test('what has come from a peer stays, and so does what knows no peer', async () => {
  const placement = await make({ reportAgeMs: 100 });
  expect(placement.place(requestOf(9, { hops: 1 }), nodesOf(9, [{}]))).toBe('local');
  expect(placement.place(requestOf(9), nodesOf(9, [{ ageMs: 101 }]))).toBe('local');
  expect(placement.place(requestOf(9), nodesOf(9, []))).toBe('local');
  expect(placement.stats()).toEqual({ kept: 1, sent: 0, alone: 2 });
});

test.each([{ choices: 0 }, { two: true }])('refuses %j', (options) => {
  expect(plugin.options.safeParse(options).success).toBe(false);
});
