import { SledgeError } from '@sledge/core';
import type { FunctionHandle, InvocationRequest, Outcome, OutcomeCallback } from '@sledge/core';
import type { PeerCall, PeerLink, PeerReply, PeerReport, Placement } from '@sledge/core';
import { LoadMeter } from '../src/placement/load-meter';
import { AWAY_MAX, NodePlacement } from '../src/placement/node-placement';
import { PEERS_COUNTED_MAX } from '../src/placement/placement-counters';

const MS = 1_000_000;
const EXPECTED_US = 10_000;
const fn = { tenant: 'acme', name: 'f' } as FunctionHandle;
const request: InvocationRequest = { args: ['1'], environ: [], input: Buffer.from('body') };
const times = { queueNs: 0, runNs: 5 * MS, totalNs: 5 * MS };
const done: Outcome = { status: 'completed', exitCode: 0, output: Buffer.from('done'), times };

/** A link to peers that answer when the test says so. */
class Peers implements PeerLink {
  readonly node = 'here';
  readonly sent: { peer: string; call: PeerCall; reply: (reply: PeerReply) => void }[] = [];
  cancelled = 0;
  list: readonly PeerReport[] = ['a', 'b'].map((name) => ({
    ...{ name, atNs: 0, networkNs: MS },
    load: { expectedWaitNs: 0, inSystem: 0, workers: 1 },
  }));

  peers(): readonly PeerReport[] {
    return this.list;
  }
  forward(peer: string, call: PeerCall, reply: (reply: PeerReply) => void): () => void {
    this.sent.push({ peer, call, reply });
    return () => (this.cancelled += 1);
  }
}

function node(place: Placement['place'], outcome?: Placement['outcome']) {
  const peers = new Peers();
  const local: { request: InvocationRequest; end: OutcomeCallback }[] = [];
  const outcomes: Outcome[] = [];
  const warnings: string[] = [];
  const clock = { nowNs: 100 * MS };
  const meter = new LoadMeter();
  const placement = new NodePlacement({
    name: 'of-the-test',
    placement: outcome === undefined ? { place } : { place, outcome },
    random: () => 0,
    plane: { cancel: () => undefined },
    runLocally: (to, given, onOutcome) =>
      meter.measure(to, EXPECTED_US, onOutcome, (end) => local.push({ request: given, end })),
    load: () => meter.now({ stats: () => ({ inFlight: local.length }) }, clock.nowNs),
    estimateNs: (of) => meter.estimateNs(of, EXPECTED_US),
    logger: { warn: (_: unknown, text?: string) => void warnings.push(text ?? '') } as never,
    nowNs: () => clock.nowNs,
  });
  placement.connect(peers);
  const invoke = (more: Partial<InvocationRequest> = {}) =>
    placement.invoke(fn, { ...request, ...more }, (one) => outcomes.push(one));
  return { placement, peers, local, outcomes, warnings, clock, invoke };
}

test('a decision sees the request, the local load and the peers', () => {
  let seen: unknown;
  const { invoke, local, clock } = node((asked, nodes) => {
    seen = { ...asked, wait: nodes.local.expectedWaitNs, peers: nodes.length, now: nodes.nowNs };
    return 'local';
  });
  invoke({ relativeDeadlineUs: 50_000, arrivalNs: clock.nowNs - 20 * MS });
  const times = { leftNs: 30 * MS, estimateNs: 10 * MS, slackNs: 20 * MS };
  const names = { tenant: 'acme', functionName: 'f', hops: 0 };
  expect(seen).toEqual({ ...names, ...times, wait: 0, peers: 2, now: 100 * MS });
  clock.nowNs += 2 * MS;
  invoke();
  expect(seen).toMatchObject({ wait: 10 * MS, leftNs: Infinity });
  expect(local).toHaveLength(2);
});

test('what is sent to a peer has what is left of its deadline and one hop, and ends once', () => {
  const { invoke, peers, outcomes, clock, placement } = node(() => 1);
  const id = invoke({ relativeDeadlineUs: 50_000, arrivalNs: clock.nowNs - 20 * MS });
  expect(id).toBeLessThan(0);
  const [sent] = peers.sent;
  expect(sent?.peer).toBe('b');
  expect(sent?.call).toMatchObject({ tenant: 'acme', functionName: 'f' });
  expect(sent?.call.request).toMatchObject({ args: ['1'], hops: 1, relativeDeadlineUs: 30_000 });
  expect(placement.awayCount).toBe(1);
  clock.nowNs += 9 * MS;
  sent?.reply({ kind: 'outcome', outcome: done });
  sent?.reply({ kind: 'lost', reason: 'a second time' });
  expect(outcomes).toEqual([{ ...done, times: { ...times, totalNs: 29 * MS } }]);
  expect(placement.stats()).toMatchObject({ forwarded: 1, ended: 1, lost: 0, away: 0 });
});

test('a function whose answer is too long to come back runs here from then on', () => {
  const { invoke, peers, local, outcomes, placement } = node(() => 0);
  const error = new SledgeError('SLEDGE_ERR_NATS_ANSWER', { node: 'a', bytes: 2, limitBytes: 1 });
  expect(error.httpStatus).toBe(502);
  invoke();
  peers.sent[0]?.reply({ kind: 'outcome', outcome: { ...done, status: 'failed', error } });
  expect(outcomes).toMatchObject([{ status: 'failed', error: { code: error.code } }]);
  invoke();
  expect(local).toHaveLength(1);
  placement.invoke({ ...fn, name: 'g' }, request, () => undefined);
  expect(peers.sent).toHaveLength(2);
  expect(placement.stats()).toMatchObject({ forwarded: 2, local: 1 });
});

test.each(['refused', 'unsent'] as const)('what was %s runs here while time remains', (kind) => {
  const error = new SledgeError('SLEDGE_ERR_INVOKE_QUEUE_FULL');
  const reply: PeerReply =
    kind === 'refused' ? { kind, error } : { kind, reason: 'nobody is there' };
  const told: string[] = [];
  const { invoke, peers, local, outcomes, clock } = node(
    () => 0,
    ({ result }) => void told.push(result),
  );
  invoke({ relativeDeadlineUs: 50_000 });
  peers.sent[0]?.reply(reply);
  expect(Buffer.from(local[0]?.request.input ?? []).toString()).toBe('body');
  expect(local[0]?.request.arrivalNs).toBe(100 * MS);
  local[0]?.end(done);
  expect(outcomes).toEqual([done]);
  invoke({ relativeDeadlineUs: 50_000 });
  clock.nowNs += 60 * MS;
  peers.sent[1]?.reply(reply);
  const code = kind === 'refused' ? error.code : 'SLEDGE_ERR_PEER_UNSENT';
  expect(outcomes[1]).toMatchObject({ status: 'dropped', error: { code } });
  expect(told).toEqual([kind, kind]);
});

test('requests are counted by what became of them at each peer; of many peers together', () => {
  const { invoke, peers, local, placement } = node(({ leftNs }) =>
    leftNs === Infinity ? 0 : 'local',
  );
  const names = ['a', 'a', 'b', ...Array.from({ length: PEERS_COUNTED_MAX }, (_, at) => `p${at}`)];
  for (const name of names) {
    peers.list = [{ ...peers.list[0], name } as PeerReport];
    invoke();
  }
  invoke({ relativeDeadlineUs: 50_000 });
  peers.sent[0]?.reply({ kind: 'outcome', outcome: done });
  peers.sent[1]?.reply({ kind: 'unsent', reason: 'nobody is there' });
  local.at(-1)?.end(done);
  peers.sent[2]?.reply({ kind: 'lost', reason: 'it fell silent' });
  const report = placement.report();
  const kept = { local: 2, run_here: 1 };
  const count = { ...kept, forwarded: names.length, ended: 1, unsent: 1, lost: 1 };
  expect(report).toMatchObject({ placement: 'of-the-test', counted: count });
  expect(report.away).toBe(names.length - 3);
  const none = { ended: 0, refused: 0, unsent: 0, lost: 0 };
  expect(report.peers.slice(0, 2)).toEqual([
    { node: 'a', sent: 2, results: { ...none, ended: 1, unsent: 1 } },
    { node: 'b', sent: 1, results: { ...none, lost: 1 } },
  ]);
  expect(report.peers).toHaveLength(PEERS_COUNTED_MAX + 1);
  expect(report.peers.at(-1)).toEqual({ node: '_other', sent: 2, results: none });
});

test('what was lost is an error and does not run again', () => {
  const { invoke, peers, local, outcomes } = node(() => 0);
  invoke();
  peers.sent[0]?.reply({ kind: 'lost', reason: 'it fell silent' });
  const code = 'SLEDGE_ERR_PEER_LOST';
  expect(outcomes).toMatchObject([{ status: 'failed', error: { code } }]);
  expect(local).toHaveLength(0);
});

test('a client that leaves: its request at a peer is cancelled, and does not come back', () => {
  const { invoke, peers, local, outcomes, placement } = node(() => 0);
  expect(placement.cancel(invoke())).toBe(true);
  expect(peers.cancelled).toBe(1);
  peers.sent[0]?.reply({ kind: 'unsent', reason: 'nobody is there' });
  expect(local).toHaveLength(0);
  expect(outcomes).toMatchObject([{ status: 'cancelled' }]);
  expect(placement.cancel(7)).toBe(false);
});

test('refuse is an error at once; one that throws or names nobody is local, and told', () => {
  const refusing = node(() => 'refuse');
  expect(() => refusing.invoke()).toThrow(/No node would end it/);
  const throwing = node(() => {
    throw new Error('of the test');
  });
  const naming = node(() => 2);
  for (const { invoke } of [throwing, naming]) for (let turn = 0; turn < 50; turn += 1) invoke();
  expect([throwing.local.length, naming.local.length]).toEqual([50, 50]);
  expect(throwing.placement.stats()).toMatchObject({ failed: 50, local: 50 });
  expect(throwing.warnings).toHaveLength(10);
  expect(throwing.warnings[0]).toMatch(/of the test/);
});

test('nobody is asked where there is no peer, or after too many hops', () => {
  const { invoke, peers, local } = node(() => 0);
  invoke({ hops: 8 });
  peers.list = [];
  invoke();
  expect([peers.sent.length, local.length]).toEqual([0, 2]);
});

test('what was sent since a report counts until the next one', () => {
  const seen: number[] = [];
  const { invoke, peers } = node((_, nodes) => {
    seen.push(nodes.peer(0).sentNs);
    return 0;
  });
  invoke();
  invoke();
  peers.list = peers.list.map((peer) => ({ ...peer }));
  invoke();
  peers.list = peers.list.map((peer) => ({ ...peer, atNs: 1 }));
  invoke();
  expect(seen).toEqual([0, 10 * MS, 20 * MS, 0]);
});

test('no more than a bound is with peers: what comes then runs here', () => {
  const { invoke, peers, local, placement } = node(() => 0);
  for (let at = 0; at < AWAY_MAX; at += 1) invoke();
  expect([placement.awayCount, local.length]).toEqual([AWAY_MAX, 0]);
  expect(invoke()).toBeGreaterThan(0);
  expect(local).toHaveLength(1);
  peers.sent[0]?.reply({ kind: 'outcome', outcome: done });
  expect(invoke()).toBeLessThan(0);
});
