import { NatsClient } from '../src';
import type { NatsAnswer } from '../src';
import { KnownNodes } from '../src/known-nodes';

function answer(node: string, waitUs: number): NatsAnswer {
  const times = { queueUs: 0, runUs: 0 };
  const load = { waitUs, inFlight: 0, workers: 1 };
  return { output: Buffer.alloc(0), node, load, times, attempts: undefined };
}

test('the node with the shortest wait is next, without those that have refused or are gone', () => {
  const nodes = new KnownNodes();
  expect(nodes.leastLoaded(new Set())).toBeUndefined();
  nodes.note(answer('slow', 900));
  nodes.note(answer('quick', 10));
  nodes.note(answer('middle', 100));
  expect(nodes.leastLoaded(new Set())).toBe('quick');
  expect(nodes.leastLoaded(new Set(['quick']))).toBe('middle');
  nodes.note(answer('quick', 5_000));
  expect(nodes.leastLoaded(new Set())).toBe('middle');
  nodes.forget('middle');
  expect(nodes.leastLoaded(new Set())).toBe('slow');
});

test('a wrong option is refused by its name', () => {
  expect(() => NatsClient.open({ attempts: 0 })).toThrow(/attempts/);
  expect(() => NatsClient.open({ server: 'x' } as object)).toThrow(/server/);
});
