import type { NodeLoad, Nodes, PeerReport, PeerView } from '../contracts/placement';

/** The peers of a live node, by what they have reported and what was sent to them since. */
export class PeerNodes implements Nodes {
  nowNs = 0;
  local: NodeLoad = { expectedWaitNs: 0, inSystem: 0, workers: 1 };
  private reports: readonly PeerReport[] = [];
  private views: KnownPeer[] = [];

  constructor(readonly random: () => number) {}

  get length(): number {
    return this.views.length;
  }

  /** What is so before a decision. */
  refresh(nowNs: number, local: NodeLoad, reports: readonly PeerReport[]): void {
    this.nowNs = nowNs;
    this.local = local;
    if (reports === this.reports) return;
    const before = new Map(this.views.map((view) => [view.name, view]));
    this.reports = reports;
    this.views = reports.map((report, index) => {
      const known = before.get(report.name);
      const isSame = known?.atNs === report.atNs;
      return new KnownPeer(this, index, report, isSame ? known.sentNs : 0);
    });
  }

  peer(index: number): PeerView {
    const view = this.views[index];
    if (view !== undefined) return view;
    throw new RangeError(`nodes.peer names peer ${index} of ${this.length}`);
  }

  /** A request is sent to the peer. @returns its name. */
  sent(index: number, estimateNs: number): string {
    const view = this.views[index] as KnownPeer;
    view.sentNs += estimateNs;
    return view.name;
  }
}

class KnownPeer implements PeerView {
  readonly name: string;
  readonly atNs: number;
  readonly networkNs: number;
  readonly expectedWaitNs: number;
  readonly inSystem: number;
  readonly workers: number;

  constructor(
    private readonly nodes: PeerNodes,
    readonly index: number,
    { name, atNs, networkNs, load }: PeerReport,
    public sentNs: number,
  ) {
    this.name = name;
    this.atNs = atNs;
    this.networkNs = networkNs;
    this.expectedWaitNs = load.expectedWaitNs;
    this.inSystem = load.inSystem;
    this.workers = Math.max(1, load.workers);
  }

  get ageNs(): number {
    return Math.max(0, this.nodes.nowNs - this.atNs);
  }
}
