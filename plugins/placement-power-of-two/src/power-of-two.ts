import { awayNs, leastLoadedPeer } from '@sledge/core';
import type { Nodes, Placement, PlacementDecision, PlacementRequest } from '@sledge/core';

export interface PowerOfTwoOptions {
  readonly choices: number;
  readonly localIsChoice: boolean;
  readonly reportAgeMs: number;
  readonly hops: number;
}

const NS_PER_MS = 1_000_000;

/** The least loaded of `choices` nodes; of equals the node itself. */
export class PowerOfTwo implements Placement {
  private readonly counted = { kept: 0, sent: 0, alone: 0 };

  constructor(private readonly options: PowerOfTwoOptions) {}

  place(request: PlacementRequest, nodes: Nodes): PlacementDecision {
    const { options, counted } = this;
    if (request.hops >= options.hops) return this.keep();
    const isCompared = this.comparesLocal(nodes);
    const choices = isCompared ? options.choices - 1 : options.choices;
    if (choices === 0) return this.keep();
    const maxAgeNs = options.reportAgeMs * NS_PER_MS;
    const peer = leastLoadedPeer(nodes, { choices, maxAgeNs });
    if (peer === undefined) {
      counted.alone += 1;
      return 'local';
    }
    if (isCompared && nodes.local.expectedWaitNs <= awayNs(peer)) return this.keep();
    counted.sent += 1;
    return peer.index;
  }

  stats(): Readonly<Record<string, number>> {
    return { ...this.counted };
  }

  /** Among so many of all nodes chosen by chance, is this one? */
  private comparesLocal(nodes: Nodes): boolean {
    const { choices, localIsChoice } = this.options;
    return localIsChoice || nodes.random() * (nodes.length + 1) < choices;
  }

  private keep(): PlacementDecision {
    this.counted.kept += 1;
    return 'local';
  }
}
