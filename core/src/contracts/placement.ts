import type { InvocationRequest, Outcome } from './invocation';
import type { PluginInstance } from './plugin';
import type { SledgeError } from '../errors/sledge-error';

/**
 * Placement between nodes: which node of a cluster runs a request that a client has given to this
 * one. `place` is asked once for each such request, on the main thread (in virtual time on the
 * simulating thread), before admission and dispatcher; what it answers is carried out by the host.
 * It must be synchronous and decide by its arguments, its options and what `outcome` has told it:
 * its only clock is `nodes.nowNs`, its only chance `nodes.random()`, so that decisions can be
 * reproduced. Views are valid until the callback returns.
 *
 * Times are integer nanoseconds. One instance serves one node.
 */
export interface Placement extends PluginInstance {
  /**
   * 'local': this node runs it. An index below `nodes.length`: it is sent to that peer, whose own
   * placement is asked again, with one hop more; after HOPS_MAX of them nobody is asked.
   * 'refuse': it is answered at once with SLEDGE_ERR_PLACEMENT_REFUSED. What throws, or names no
   * peer, is carried out as 'local', and counted.
   */
  place(request: PlacementRequest, nodes: Nodes): PlacementDecision;
  /** A request that was sent to a peer has been answered, or will not be. Must not throw. */
  outcome?(feedback: PlacementFeedback): void;
  /** What it has counted, by name; its README says what each means. */
  stats?(): Readonly<Record<string, number>>;
}

/** So often a request is sent on at most, whatever placements say. */
export const HOPS_MAX = 8;

export type PlacementDecision = 'local' | 'refuse' | number;

export interface PlacementRequest {
  readonly tenant: string;
  readonly functionName: string;
  /** How often it has been sent on from node to node: 0 for what came from a client. */
  readonly hops: number;
  /** Until its deadline; Infinity: it has none. Negative: it is late. */
  readonly leftNs: number;
  /** Service time expected, on this node. At least 1. */
  readonly estimateNs: number;
  /** `leftNs` less `estimateNs`: the longest wait that keeps the deadline. */
  readonly slackNs: number;
}

/** How loaded a node is. */
export interface NodeLoad {
  /**
   * How long a request that came now would wait for a worker: those in the system and itself beyond
   * the workers, each for the mean estimate of what is there, over the workers.
   */
  readonly expectedWaitNs: number;
  /** Requests that are accepted and not ended. */
  readonly inSystem: number;
  readonly workers: number;
}

/** A peer as this node knows it: by the last load that it reported. */
export interface PeerView extends NodeLoad {
  readonly index: number;
  readonly name: string;
  /** Since the report was made; Infinity: it has never reported, or has left. */
  readonly ageNs: number;
  /** One way, as measured; 0: unknown. */
  readonly networkNs: number;
  /** Estimates of what this node has sent there since that report came. */
  readonly sentNs: number;
}

/** What a placement may know of the cluster. */
export interface Nodes {
  /** The only clock. */
  readonly nowNs: number;
  readonly local: NodeLoad;
  /** How many peers there are; those that drain or have left are none. */
  readonly length: number;
  /** @throws RangeError for an index that is not below `length`. */
  peer(index: number): PeerView;
  /** Seeded; uniform in [0, 1). */
  random(): number;
}

/** What became of a request that was sent to a peer. */
export interface PlacementFeedback {
  readonly peer: string;
  /**
   * 'ended': it ran there, whatever its outcome. 'refused': the peer has not taken it. 'unsent':
   * nobody was there to take it. 'lost': the peer is gone, and whether it ran is not known.
   */
  readonly result: 'ended' | 'refused' | 'unsent' | 'lost';
  /** From the decision to the answer. */
  readonly roundTripNs: number;
  /** Of that in the peer; 0: it has not run. */
  readonly insideNs: number;
}

/** What a peer has told of itself, and when this node heard it. */
export interface PeerReport {
  readonly name: string;
  readonly load: NodeLoad;
  /** When it was made, as `nowNs` of this node's clock (PluginContext.clock). */
  readonly atNs: number;
  /** One way, as measured; 0: unknown. */
  readonly networkNs: number;
}

/** A request on its way to a peer. */
export interface PeerCall {
  readonly tenant: string;
  readonly functionName: string;
  /** `hops` and `relativeDeadlineUs` (what is left of it) are those that the peer is to see. */
  readonly request: InvocationRequest;
}

/**
 * What became of it. Only after 'refused' and 'unsent' it is certain that it has not run and will
 * not: this node then runs it itself if time remains. After 'lost' its caller gets an error.
 */
export type PeerReply =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'refused'; readonly error: SledgeError }
  | { readonly kind: 'unsent'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string };

/**
 * The way to the other nodes of a cluster. A transport that has one gives it to
 * `TransportHost.connectPeers`. Everything on the main thread.
 */
export interface PeerLink {
  /** This node's name. */
  readonly node: string;
  /**
   * Peers that take requests, without this node; the same array until something has changed.
   * Asked for each request that is placed: it must be cheap.
   */
  peers(): readonly PeerReport[];
  /**
   * Sends a request to the peer of that name. `onReply` runs exactly once, later, at the latest
   * some grace after the request's deadline; never before `forward` has returned. Must not throw.
   * @returns cancels it: its reply still comes.
   */
  forward(peer: string, call: PeerCall, onReply: (reply: PeerReply) => void): () => void;
}
