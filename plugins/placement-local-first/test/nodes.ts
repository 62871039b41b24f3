import type { NodeLoad, Nodes, PeerView, PlacementRequest } from '@sledge/core';

const MS = 1_000_000;

export interface PeerSketch {
  readonly waitMs?: number;
  readonly ageMs?: number;
  readonly networkMs?: number;
  readonly sentMs?: number;
}

/** A cluster as one node knows it. `draws`: what `random` gives, over and over. */
export function nodesOf(localWaitMs: number, peers: readonly PeerSketch[], draws = [0]): Nodes {
  let drawn = 0;
  const load = (waitMs: number): NodeLoad => ({
    expectedWaitNs: waitMs * MS,
    inSystem: waitMs,
    workers: 1,
  });
  return {
    nowNs: 0,
    local: load(localWaitMs),
    length: peers.length,
    peer(index): PeerView {
      const { waitMs = 0, ageMs = 0, networkMs = 0, sentMs = 0 } = peers[index] ?? {};
      const times = { ageNs: ageMs * MS, networkNs: networkMs * MS, sentNs: sentMs * MS };
      return { index, name: `peer-${index}`, ...load(waitMs), ...times };
    },
    random: () => draws[drawn++ % draws.length] ?? 0,
  };
}

/** @param slackMs undefined: it has no deadline */
export function requestOf(
  slackMs?: number,
  more: Partial<PlacementRequest> = {},
): PlacementRequest {
  const estimateNs = MS;
  const slackNs = slackMs === undefined ? Infinity : slackMs * MS;
  const names = { tenant: 'acme', functionName: 'f', hops: 0 };
  return { ...names, leftNs: slackNs + estimateNs, estimateNs, slackNs, ...more };
}
