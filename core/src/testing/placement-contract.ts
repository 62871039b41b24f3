import type { Nodes, PeerView, Placement, PlacementRequest } from '../contracts/placement';
import { policyContext } from '../policies/policy-context';
import { seededRandom } from '../plugins/random';
import { ambientFrame, type TestFrame } from './frame';
import type { PolicyUnderTest } from './trial';

export interface PlacementContractOptions {
  /** Decisions of each run. Default 2,000. */
  readonly decisions?: number;
  /** Default: jest's. */
  readonly frame?: TestFrame;
}

const DECISIONS = 2000;
const SEED = 7;
const PEERS_MAX = 9;
const TIME_MAX_NS = 1e9;
/** A hang, not a figure: a decision takes microseconds. */
const MS_PER_DECISION_MAX = 20;

/**
 * The tests that any placement must pass, over clusters of chance that change with each request.
 * Call it where tests are declared.
 * - Each decision is 'local', 'refuse', or a peer that there is.
 * - The same seed gives the same decisions.
 * - What comes from a node that knows nobody is not sent away.
 * - What is told of outcomes is taken; a run ends.
 */
export function placementContract(
  subject: PolicyUnderTest,
  options: PlacementContractOptions = {},
): void {
  const frame = options.frame ?? ambientFrame();
  const decisions = options.decisions ?? DECISIONS;
  const { name } = subject.plugin;
  frame.describe(`${name} ${JSON.stringify(subject.options ?? {})} keeps the contract`, () => {
    frame.test('names only what there is', () => void decide(subject, decisions, PEERS_MAX));
    frame.test('sends nothing away where there is no peer', () => {
      const sent = decide(subject, decisions, 0).filter((one) => typeof one === 'number');
      if (sent.length > 0) throw new Error(`${sent.length} requests were sent to nobody`);
    });
    frame.test('decides the same from the same seed', () => {
      const [one, other] = [0, 1].map(() => decide(subject, decisions, PEERS_MAX).join());
      if (one !== other) throw new Error('two runs of one seed decided differently');
    });
  });
}

function decide(subject: PolicyUnderTest, count: number, peersMax: number) {
  const { plugin, options = {} } = subject;
  const context = policyContext(plugin.name, SEED);
  const made = plugin.create(plugin.options.parse(options) as never, context) as Placement;
  const chance = seededRandom(SEED);
  const ofNodes = seededRandom(SEED + 1);
  const limitMs = performance.now() + MS_PER_DECISION_MAX * count;
  return Array.from({ length: count }, (_, turn) => {
    const nodes = new NodesOfChance(turn, Math.floor(chance() * (peersMax + 1)), chance, ofNodes);
    const decision = made.place(requestOfChance(chance), nodes);
    if (typeof decision === 'number') {
      const peer = nodes.peer(decision).name;
      const results = ['ended', 'refused', 'unsent', 'lost'] as const;
      const result = results[Math.floor(chance() * results.length)] ?? 'ended';
      made.outcome?.({ peer, result, roundTripNs: chance() * TIME_MAX_NS, insideNs: 0 });
    } else if (decision !== 'local' && decision !== 'refuse') {
      throw new TypeError(`${plugin.name} decided ${String(decision)}`);
    }
    if (performance.now() > limitMs) throw new Error(`${plugin.name} takes too long to decide`);
    return decision;
  });
}

function requestOfChance(chance: () => number): PlacementRequest {
  const estimateNs = 1 + Math.floor(chance() * TIME_MAX_NS);
  const leftNs = chance() < 0.3 ? Infinity : Math.floor((chance() - 0.1) * 2 * TIME_MAX_NS);
  const functionName = `f${Math.floor(chance() * 4)}`;
  const hops = chance() < 0.2 ? 1 : 0;
  return { tenant: 'acme', functionName, hops, leftNs, estimateNs, slackNs: leftNs - estimateNs };
}

class NodesOfChance implements Nodes {
  readonly nowNs: number;
  readonly local: Nodes['local'];
  private readonly peers: readonly PeerView[];

  constructor(
    turn: number,
    readonly length: number,
    chance: () => number,
    readonly random: () => number,
  ) {
    this.nowNs = turn * 1_000_000;
    const timeNs = () => Math.floor(chance() * TIME_MAX_NS);
    const load = () => ({ expectedWaitNs: timeNs(), inSystem: Math.floor(chance() * 9) });
    this.local = { ...load(), workers: 2 };
    this.peers = Array.from({ length }, (_, index) => ({
      ...{ ...load(), workers: 1 + Math.floor(chance() * 4), index, name: `peer-${index}` },
      ...{ ageNs: chance() < 0.1 ? Infinity : timeNs(), networkNs: timeNs() / 1000 },
      sentNs: timeNs() / 10,
    }));
  }

  peer(index: number): PeerView {
    const found = this.peers[index];
    if (found !== undefined) return found;
    throw new RangeError(`nodes.peer names peer ${index} of ${this.length}`);
  }
}
