import { awayNs, leastLoadedPeer } from '@sledge/core';
import type { Nodes, Placement, PlacementDecision, PlacementRequest } from '@sledge/core';

export interface LocalFirstOptions {
  readonly choices: number;
  readonly reserve: number;
  readonly hysteresis: number;
  readonly patienceUs: number;
  readonly reportAgeMs: number;
  readonly hops: number;
  readonly refuses: boolean;
}

const NS_PER_US = 1000;
const NS_PER_MS = 1_000_000;
/** Functions of which it is kept whether they spill. */
const FUNCTIONS_MAX = 4096;

/** Local while the expected wait is within the slack, then the better of some peers. */
export class LocalFirst implements Placement {
  private readonly spilling = new Set<string>();
  private readonly counted = { kept: 0, spilled: 0, spilled_late: 0, kept_late: 0, refused: 0 };

  constructor(private readonly options: LocalFirstOptions) {}

  place(request: PlacementRequest, nodes: Nodes): PlacementDecision {
    const { options, counted } = this;
    const waitNs = nodes.local.expectedWaitNs;
    const slackNs = Number.isFinite(request.slackNs)
      ? request.slackNs * (1 - options.reserve)
      : options.patienceUs * NS_PER_US;
    if (!this.isToSpill(request, waitNs, slackNs) || request.hops >= options.hops) {
      counted.kept += 1;
      return 'local';
    }
    const { choices, reportAgeMs } = options;
    const peer = leastLoadedPeer(nodes, { choices, maxAgeNs: reportAgeMs * NS_PER_MS });
    const elsewhereNs = peer === undefined ? Infinity : awayNs(peer);
    if (peer !== undefined && elsewhereNs <= slackNs) {
      counted.spilled += 1;
      return peer.index;
    }
    if (options.refuses && waitNs > slackNs) {
      counted.refused += 1;
      return 'refuse';
    }
    if (peer !== undefined && elsewhereNs < waitNs * (1 - options.hysteresis)) {
      counted.spilled_late += 1;
      return peer.index;
    }
    counted.kept_late += 1;
    return 'local';
  }

  stats(): Readonly<Record<string, number>> {
    return { ...this.counted, spilling_functions: this.spilling.size };
  }

  /** Begins above the slack, and ends only when the wait has fallen well below it. */
  private isToSpill(request: PlacementRequest, waitNs: number, slackNs: number): boolean {
    const { spilling, options } = this;
    const name = `${request.tenant}/${request.functionName}`;
    const isSpilling = spilling.has(name);
    if (waitNs > (isSpilling ? slackNs * (1 - options.hysteresis) : slackNs)) {
      if (!isSpilling && spilling.size < FUNCTIONS_MAX) spilling.add(name);
      return true;
    }
    if (isSpilling) spilling.delete(name);
    return false;
  }
}
