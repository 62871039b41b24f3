export const PLACEMENT_COUNTERS = [
  'local',
  'forwarded',
  'refused',
  'failed',
  'ended',
  'refused_there',
  'unsent',
  'lost',
  'run_here',
] as const;
export type PlacementCounter = (typeof PLACEMENT_COUNTERS)[number];

/** What becomes of a request that is sent to a peer, as PeerReply says it. */
export const PEER_RESULTS = ['ended', 'refused', 'unsent', 'lost'] as const;
export type PeerResult = (typeof PEER_RESULTS)[number];

/** Of the requests that were sent to one peer. */
export interface PeerCounts {
  sent: number;
  readonly results: Record<PeerResult, number>;
}

/** One look at the placement of a node. */
export interface PlacementReport {
  readonly placement: string;
  readonly counted: Readonly<Record<PlacementCounter, number>>;
  /** With peers now. */
  readonly away: number;
  readonly peers: readonly (PeerCounts & { readonly node: string })[];
}

/** Names come from outside, and restarts may make new ones: more count together. */
export const PEERS_COUNTED_MAX = 256;
/** No node can have this name. */
const OTHERS = '_other';
const COUNTER_OF: Readonly<Record<PeerResult, PlacementCounter>> = {
  ended: 'ended',
  refused: 'refused_there',
  unsent: 'unsent',
  lost: 'lost',
};

/** What a placement has decided on one node, and what became of it. Main thread. */
export class PlacementCounters {
  readonly counted = zeros(PLACEMENT_COUNTERS);
  private readonly byPeer = new Map<string, PeerCounts>();

  sent(peer: string): void {
    this.counted.forwarded += 1;
    this.of(peer).sent += 1;
  }

  replied(peer: string, result: PeerResult): void {
    this.counted[COUNTER_OF[result]] += 1;
    this.of(peer).results[result] += 1;
  }

  peers(): PlacementReport['peers'] {
    return [...this.byPeer].map(([node, counts]) => ({ node, ...counts }));
  }

  private of(peer: string): PeerCounts {
    const isRoom = this.byPeer.size < PEERS_COUNTED_MAX || this.byPeer.has(peer);
    const name = isRoom ? peer : OTHERS;
    const known = this.byPeer.get(name);
    if (known !== undefined) return known;
    const made = { sent: 0, results: zeros(PEER_RESULTS) };
    this.byPeer.set(name, made);
    return made;
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
