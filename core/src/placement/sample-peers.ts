import type { Nodes, PeerView } from '../contracts/placement';

export interface PeerSample {
  /** Peers that are compared, chosen by chance; if there are no more, all of them. */
  readonly choices: number;
  /** A peer whose report is older is none. */
  readonly maxAgeNs: number;
}

/**
 * The best of some peers chosen by chance: that from which the answer to a request that was sent
 * now would begin to be worked on first, both ways of the network included (the power of two
 * choices: Azar, Broder, Karlin, Upfal, 1994; Mitzenmacher, 1996; Vvedenskaya, Dobrushin,
 * Karpelevich, 1996). O(choices); undefined: none of them is known well enough.
 */
export function leastLoadedPeer(nodes: Nodes, sample: PeerSample): PeerView | undefined {
  const { length } = nodes;
  const isAll = length <= sample.choices;
  const drawn: number[] = [];
  let best: PeerView | undefined;
  let bestNs = Infinity;
  // twice as many draws as choices: some may be drawn again or be out of date
  const draws = isAll ? length : 2 * sample.choices;
  let compared = 0;
  for (let draw = 0; draw < draws && compared < sample.choices; draw += 1) {
    const index = isAll ? draw : Math.floor(nodes.random() * length);
    if (drawn.includes(index)) continue;
    drawn.push(index);
    const peer = nodes.peer(index);
    if (!(peer.ageNs <= sample.maxAgeNs)) continue;
    compared += 1;
    const ns = awayNs(peer);
    if (ns < bestNs) [best, bestNs] = [peer, ns];
  }
  return best;
}

/** What a request that is sent to the peer now loses by waiting there and on its way. */
export function awayNs(peer: PeerView): number {
  return peer.expectedWaitNs + peer.sentNs / peer.workers + 2 * peer.networkNs;
}
