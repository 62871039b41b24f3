import { HOPS_MAX, SledgeError } from '@sledge/core';
import type { NativeCluster, NativeClusterResult, Placement, ServiceTime } from '@sledge/core';
import type { PluginDefinition } from '@sledge/core';
import { hostPlacements, inspectPlugin, loadPlugin, nodeName } from '@sledge/core/host';
import { policyContext, reasonOf, seededRandom, seedFor } from '@sledge/core/host';
import { meanUs, valuesOf } from '../workloads';
import type { Cell } from './cell';
import type { PolicyChoice } from './policies';

const NS_PER_US = 1000;
const NODES_MAX = 1024;
const NOTICE_PERIODS = 3;

/** A placement as plain data; a plugin instead of a file stays on its thread. */
export interface PlacementForm {
  readonly name: string;
  readonly source: string | PluginDefinition;
  readonly options: unknown;
}

/** From then on the node is away; it comes back empty. */
export interface NodeLoss {
  readonly node: number;
  readonly fromUs: number;
  /** undefined: it stays away. */
  readonly toUs?: number | undefined;
}

/** Nodes that are alike, each with its part of the cell's workers. */
export interface ClusterSpec {
  /** Divides the cell's workers. */
  readonly nodes: number;
  /** undefined: everything runs where it comes. */
  readonly placement?: PlacementForm | undefined;
  /** Of all arrivals, by the node that they come to. Default: equal. */
  readonly shares?: readonly number[] | undefined;
  /** One way between two nodes. Default: no time. */
  readonly network?: ServiceTime | undefined;
  /** Between two reports of a node's load. Default 0: loads are always known. */
  readonly reportUs?: number | undefined;
  /** From a loss until the others know. Default: three reports. */
  readonly noticeUs?: number | undefined;
  readonly losses?: readonly NodeLoss[] | undefined;
}

/** Measured requests by the node that they came to, but for those of the last two lines. */
export interface NodeOutcome {
  readonly name: string;
  readonly arrived: number;
  readonly finished: number;
  readonly refused: number;
  readonly dropped: number;
  /** A node was lost that they were on, or had come to. */
  readonly lost: number;
  /** Of those: came while it was away. */
  readonly unreached: number;
  /** Of those with a deadline: late, refused, dropped or lost. */
  readonly missRate: number;
  readonly meanSojournUs: number;
  /** Sent to a peer, each time. */
  readonly forwarded: number;
  /** Of those: not taken there, and run here or refused. */
  readonly returned: number;
  readonly received: number;
  /** Ended here, whoever they came to; of those: nobody was there any more to be told. */
  readonly served: number;
  readonly wasted: number;
  /** Service over the time of its workers. */
  readonly utilisation: number;
}

export interface ClusterResult {
  readonly nodes: readonly NodeOutcome[];
  readonly forwarded: number;
  readonly returned: number;
  readonly lost: number;
  readonly unreached: number;
  /** Of the whole run, warm-up included. */
  readonly decisions: number;
  readonly reports: number;
  /** Share of nodes with at least 0, 1, 2 ... 32 requests: means over the measured window. */
  readonly occupancy: readonly number[];
}

/**
 * Loads a placement as a configuration would name it; 'none': undefined.
 * @throws SledgeError SLEDGE_ERR_PLUGIN_...
 */
export function loadPlacement(choice: PolicyChoice, folder: string): PlacementForm | undefined {
  if (choice === 'none') return undefined;
  const [source, options] = typeof choice === 'string' ? [choice, undefined] : choice;
  const reference = { place: 'placement', kind: 'placement' as const, source, options };
  const { definition, file, options: checked } = loadPlugin(reference, folder);
  return { name: definition.name, source: file ?? definition, options: checked };
}

/** @throws SledgeError SLEDGE_ERR_LAB_CELL */
export function checkCluster(cell: Cell, { nodes }: ClusterSpec): void {
  if (!(Number.isInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX)) {
    refuse(`nodes is ${nodes}, not a whole number from 1 to ${NODES_MAX}`);
  }
  if (cell.workers % nodes !== 0) refuse('the workers are not a multiple of the nodes');
  if (cell.groups !== undefined && cell.groups !== 1) refuse('nodes have one dispatcher each');
  if ((cell.recordMax ?? 0) > 0) refuse('of a cluster there is no trace');
}

/** @throws SledgeError SLEDGE_ERR_LAB_CELL, SLEDGE_ERR_PLUGIN_... */
export function nativeCluster(cell: Cell, cluster: ClusterSpec): NativeCluster {
  const { nodes, shares = [], losses = [], reportUs = 0 } = cluster;
  const { network, noticeUs = NOTICE_PERIODS * reportUs } = cluster;
  return {
    placement: hostPlacements({
      placements: placementsOf(cluster, cell.seed),
      workersEach: cell.workers / nodes,
      networkNs: meanNs(network),
      isFresh: reportUs === 0,
      functions: cell.workload.classes.map(({ name, tenant = '' }) => ({
        tenant,
        functionName: name,
      })),
    }),
    shares: Float64Array.from(shares),
    network: {
      shape: network?.shape ?? 'deterministic',
      values: Float64Array.from(network === undefined ? [] : valuesOf(network)),
    },
    reportNs: Math.round(reportUs * NS_PER_US),
    noticeNs: Math.round(noticeUs * NS_PER_US),
    maxHops: HOPS_MAX,
    losses: Float64Array.from(
      losses.flatMap(({ node, fromUs, toUs = -1 }) => [node, fromUs * NS_PER_US, toUs * NS_PER_US]),
    ),
  };
}

function meanNs(network: ServiceTime | undefined): number {
  if (network === undefined) return 0;
  const us = meanUs(network);
  return us === undefined ? refuse(`the network has no shape ${network.shape}`) : us * NS_PER_US;
}

function placementsOf({ nodes, placement }: ClusterSpec, seed: number) {
  const make = placement === undefined ? () => LOCAL : makerOf(placement, seed);
  return Array.from({ length: nodes }, (_, node) => ({
    placement: make(node),
    random: seededRandom(seedFor(seed, `nodes/${node}`)),
  }));
}

const LOCAL: Placement = { place: () => 'local' };

function makerOf({ name, source, options }: PlacementForm, seed: number) {
  const reference = { place: 'placement', kind: 'placement' as const, source, options };
  const { definition } = inspectPlugin(reference, '/');
  const parsed = definition.options.parse(options ?? {});
  return (node: number): Placement => {
    try {
      return definition.create(parsed, policyContext(`${name}/${node}`, seed)) as Placement;
    } catch (error) {
      const details = { plugin: name, reason: reasonOf(error) };
      throw new SledgeError('SLEDGE_ERR_PLUGIN_CREATE', details, { cause: error });
    }
  };
}

export function clusterResult(
  cell: Cell,
  native: NativeClusterResult,
  spanNs: number,
): ClusterResult {
  const { nodes, decisions, reports, occupancy } = native;
  const capacityNs = (cell.workers / nodes.length) * spanNs;
  const sum = (field: 'forwarded' | 'returned' | 'lost' | 'unreached') =>
    nodes.reduce((total, node) => total + node[field], 0);
  return {
    nodes: nodes.map(({ busyNs, sojournNs, withDeadline, missed, ...counted }, at) => ({
      name: nodeName(at),
      ...counted,
      missRate: withDeadline === 0 ? 0 : missed / withDeadline,
      meanSojournUs: sojournNs / Math.max(counted.finished, 1) / NS_PER_US,
      utilisation: busyNs / capacityNs,
    })),
    forwarded: sum('forwarded'),
    returned: sum('returned'),
    lost: sum('lost'),
    unreached: sum('unreached'),
    decisions,
    reports,
    occupancy: [...occupancy],
  };
}

function refuse(reason: string): never {
  throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason });
}
