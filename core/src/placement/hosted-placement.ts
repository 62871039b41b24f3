import type {
  NodeLoad,
  Nodes,
  PeerView,
  Placement,
  PlacementFeedback,
  PlacementRequest,
} from '../contracts/placement';

/** Numbers of an entry of the table, as native/src/lab/cluster.hpp has them. */
const ENTRY_FIELDS = 4;
const AT = 2;
const SENT = 3;
const LOCAL = -1;
const REFUSE = -2;
const RESULTS = ['ended', 'refused', 'unsent', 'lost'] as const;

/** What the native part calls for each request of a simulated cluster. */
export interface HostedPlacement {
  /** Once: the question of each call, and the loads that nodes know of each other. */
  bind(asked: Float64Array, table: Float64Array): void;
  /** @returns a node, or below 0: here, refused. */
  place(): number;
  outcome(): void;
}

/** What is the same for all requests of a run. */
export interface HostedCluster {
  /** One for each node, each with a source of chance of its own. */
  readonly placements: readonly { placement: Placement; random: () => number }[];
  readonly workersEach: number;
  /** One way, mean. */
  readonly networkNs: number;
  /** Loads are always known: there is one row, and no report has an age. */
  readonly isFresh: boolean;
  /** By type. */
  readonly functions: readonly { tenant: string; functionName: string }[];
}

/** Node `3` of a cluster without names. */
export const nodeName = (node: number): string => `node-${node}`;

/** The placements of a cluster in virtual time, each asked about what comes to its node. */
export function hostPlacements(cluster: HostedCluster): HostedPlacement {
  return new HostedPlacements(cluster);
}

class HostedPlacements implements HostedPlacement {
  private asked: Float64Array = new Float64Array(0);
  private nodes: readonly TableNodes[] = [];

  constructor(private readonly cluster: HostedCluster) {}

  bind(asked: Float64Array, table: Float64Array): void {
    this.asked = asked;
    const { placements } = this.cluster;
    this.nodes = placements.map((_, node) => new TableNodes(this.cluster, node, asked, table));
  }

  place(): number {
    const { asked, cluster } = this;
    const [node = 0, type = 0, hops = 0, leftNs = 0, estimateNs = 0] = asked;
    const { placement } = cluster.placements[node] as { placement: Placement };
    const nodes = this.nodes[node] as TableNodes;
    const { tenant, functionName } = cluster.functions[type] ?? { tenant: '', functionName: '' };
    const slackNs = leftNs - estimateNs;
    const request: PlacementRequest = { tenant, functionName, hops, leftNs, estimateNs, slackNs };
    const decision = placement.place(request, nodes);
    if (decision === 'local') return LOCAL;
    if (decision === 'refuse') return REFUSE;
    if (!(Number.isInteger(decision) && decision >= 0 && decision < nodes.length)) {
      throw new RangeError(`it named peer ${decision} of ${nodes.length}`);
    }
    return nodes.nodeOf(decision);
  }

  outcome(): void {
    const [node = 0, peer = 0, result = 0, roundTripNs = 0, insideNs = 0] = this.asked;
    const feedback: PlacementFeedback = {
      peer: nodeName(peer),
      result: RESULTS[result] ?? 'lost',
      roundTripNs,
      insideNs,
    };
    this.cluster.placements[node]?.placement.outcome?.(feedback);
  }
}

/** One node's knowledge: its row of the table without itself. */
class TableNodes implements Nodes {
  readonly local: NodeLoad;
  readonly length: number;
  readonly random: () => number;
  private readonly peers: (TablePeer | undefined)[];

  constructor(
    private readonly cluster: HostedCluster,
    private readonly node: number,
    private readonly asked: Float64Array,
    private readonly table: Float64Array,
  ) {
    this.local = new AskedLoad(asked, cluster.workersEach);
    this.length = cluster.placements.length - 1;
    this.random = cluster.placements[node]?.random ?? Math.random;
    this.peers = new Array<TablePeer | undefined>(this.length).fill(undefined);
  }

  get nowNs(): number {
    return this.asked[5] as number;
  }

  nodeOf(peer: number): number {
    return peer < this.node ? peer : peer + 1;
  }

  peer(index: number): PeerView {
    const known = this.peers[index];
    if (known !== undefined) return known;
    if (!(Number.isInteger(index) && index >= 0 && index < this.length)) {
      throw new RangeError(`nodes.peer names peer ${index} of ${this.length}`);
    }
    const count = this.length + 1;
    const row = this.cluster.isFresh ? 0 : this.node;
    const offset = (row * count + this.nodeOf(index)) * ENTRY_FIELDS;
    const made = new TablePeer(index, this.nodeOf(index), this, this.cluster, this.table, offset);
    this.peers[index] = made;
    return made;
  }
}

class AskedLoad implements NodeLoad {
  constructor(
    private readonly asked: Float64Array,
    readonly workers: number,
  ) {}
  get expectedWaitNs(): number {
    return this.asked[6] as number;
  }
  get inSystem(): number {
    return this.asked[7] as number;
  }
}

class TablePeer implements PeerView {
  readonly name: string;
  readonly workers: number;
  readonly networkNs: number;

  constructor(
    readonly index: number,
    node: number,
    private readonly nodes: Nodes,
    private readonly cluster: HostedCluster,
    private readonly table: Float64Array,
    private readonly offset: number,
  ) {
    this.name = nodeName(node);
    this.workers = cluster.workersEach;
    this.networkNs = cluster.networkNs;
  }

  get expectedWaitNs(): number {
    return this.table[this.offset] as number;
  }
  get inSystem(): number {
    return this.table[this.offset + 1] as number;
  }
  get ageNs(): number {
    const atNs = this.table[this.offset + AT] as number;
    if (atNs < 0) return Infinity;
    return this.cluster.isFresh ? 0 : this.nodes.nowNs - atNs;
  }
  get sentNs(): number {
    return this.table[this.offset + SENT] as number;
  }
}
