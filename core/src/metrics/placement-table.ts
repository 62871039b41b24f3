import type { PlacementReport } from '../placement/placement-counters';
import type { Metric, Sample } from './declare';

type Declared = Omit<Metric, 'samples' | 'scope'>;
type PeerReport = PlacementReport['peers'][number];

function ofPlacement(
  read: (of: PlacementReport) => number | Readonly<Record<string, number>>,
  metric: Declared,
): Metric {
  const samples: Metric['samples'] = ({ placement }) => {
    if (placement === undefined) return [];
    return samplesOf({ placement: placement.placement }, read(placement), metric);
  };
  return { ...metric, scope: 'placement', samples };
}

function ofPeer(
  read: (of: PeerReport) => number | Readonly<Record<string, number>>,
  metric: Declared,
): Metric {
  const samples: Metric['samples'] = ({ placement }) =>
    (placement?.peers ?? []).flatMap((peer) => {
      const labels = { placement: placement?.placement ?? '', node: peer.node };
      return samplesOf(labels, read(peer), metric);
    });
  return { ...metric, scope: 'peer', samples };
}

function samplesOf(
  labels: Readonly<Record<string, string>>,
  value: number | Readonly<Record<string, number>>,
  { label = '' }: Declared,
): Sample[] {
  if (typeof value === 'number') return [{ labels, value }];
  return Object.entries(value).map(([name, count]) => ({
    labels: { ...labels, [label]: name },
    value: count,
  }));
}

/** What the placement of this node has decided, and what became of it at each peer. */
export const PLACEMENT: readonly Metric[] = [
  ofPlacement(({ counted }) => counted.local - counted.run_here, {
    name: 'sledge_placement_local_total',
    type: 'counter',
    help: 'Requests that were kept here, also because no peer is known.',
    column: 'LOCAL',
  }),
  ofPlacement(({ counted }) => counted.forwarded, {
    name: 'sledge_placement_forwarded_total',
    type: 'counter',
    help: 'Requests that were sent to a peer.',
    column: 'FORWARDED',
  }),
  ofPlacement(({ counted }) => counted.refused, {
    name: 'sledge_placement_refused_total',
    type: 'counter',
    help: 'Requests that it had refused at once.',
    column: 'REFUSED',
  }),
  ofPlacement(({ counted }) => counted.run_here, {
    name: 'sledge_placement_failed_over_total',
    type: 'counter',
    help: 'Of those sent to a peer: no peer took them, and they ran here in the end.',
    column: 'FAILED OVER',
  }),
  ofPlacement(({ counted }) => counted.failed, {
    name: 'sledge_placement_faults_total',
    type: 'counter',
    help: 'Decisions that were none: it threw, or named no peer. Such requests are kept here.',
    column: 'FAULTS',
  }),
  ofPlacement(({ away }) => away, {
    name: 'sledge_placement_away',
    type: 'gauge',
    help: 'Requests that are with peers.',
    column: 'AWAY',
  }),
  ofPeer(({ sent }) => sent, {
    name: 'sledge_peer_requests_sent_total',
    type: 'counter',
    help: 'Requests that were sent to this node. Beyond 256 nodes they count as `_other`.',
    column: 'SENT',
  }),
  ofPeer(({ results }) => results, {
    name: 'sledge_peer_requests_total',
    type: 'counter',
    label: 'result',
    help:
      'Of those, by what became of them: ended there, refused there, unsent (nobody was there), ' +
      'lost with the node.',
  }),
];
