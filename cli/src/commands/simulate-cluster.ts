import { SledgeError } from '@sledge/core';
import { loadPlacement, serviceSchema } from '@sledge/lab';
import type { ClusterResult, ClusterSpec, NodeLoss, PolicyChoice } from '@sledge/lab';
import type { Command } from 'commander';
import { printTable } from '../output';

const US_PER_MS = 1000;
const LOSSES_MAX = 1024;

export interface ClusterOptions {
  nodes?: string;
  placement: string;
  network?: string;
  reportMs: string;
  noticeMs?: string;
  shares?: string;
  lose?: string;
}

/** Adds what describes a cluster. */
export function withCluster(command: Command): Command {
  return command
    .option('--nodes <n>', 'a cluster: so many nodes, each with --workers; see docs/guides/lab.md')
    .option('--placement <name>', 'which node runs a request: local-first ...', 'none')
    .option(
      '--network <us>',
      'one way between nodes; or JSON: {"shape":"exponential","meanUs":200}',
    )
    .option('--report-ms <ms>', 'between two reports of a load; 0: loads are always known', '0')
    .option('--notice-ms <ms>', 'until a lost node is known as lost (default: three reports)')
    .option('--shares <list>', 'of arrivals, by node: 8,1,1 (default: equal)')
    .option('--lose <list>', 'nodes that go and return: 1@200-500,2@300 (ms)');
}

/** @returns undefined: it is one machine. @throws SledgeError SLEDGE_ERR_CLI_USAGE */
export function clusterOf(options: ClusterOptions, choice: PolicyChoice): ClusterSpec | undefined {
  const { nodes, network, noticeMs, shares, lose } = options;
  if (nodes === undefined) {
    const idle = ['network', 'shares', 'lose'] as const;
    const given = idle.find((name) => options[name] !== undefined);
    if (given !== undefined) throw usage(`--${given} is of a cluster: give --nodes`);
    if (options.placement !== 'none') throw usage('--placement is of a cluster: give --nodes');
    return undefined;
  }
  return {
    nodes: number('--nodes', nodes),
    placement: loadPlacement(choice, process.cwd()),
    shares: shares?.split(',').map((share) => number('--shares', share)),
    network: network === undefined ? undefined : networkOf(network),
    reportUs: number('--report-ms', options.reportMs) * US_PER_MS,
    noticeUs: noticeMs === undefined ? undefined : number('--notice-ms', noticeMs) * US_PER_MS,
    losses: lose === undefined ? [] : lossesOf(lose),
  };
}

function networkOf(text: string): ClusterSpec['network'] {
  if (/^[0-9.]+$/.test(text)) {
    const us = number('--network', text);
    return us === 0 ? undefined : { shape: 'deterministic', us };
  }
  try {
    return serviceSchema.parse(JSON.parse(text));
  } catch {
    throw usage('--network is neither microseconds nor a distribution of docs/guides/lab.md');
  }
}

function lossesOf(text: string): NodeLoss[] {
  const losses = text.split(',').map((loss) => {
    const match = /^(\d+)@([0-9.]+)(?:-([0-9.]+))?$/.exec(loss.trim());
    if (match === null) throw usage(`--lose: ${loss} is not node@ms or node@ms-ms`);
    const [, node = '', from = '', to] = match;
    return {
      node: Number(node),
      fromUs: number('--lose', from) * US_PER_MS,
      toUs: to === undefined ? undefined : number('--lose', to) * US_PER_MS,
    };
  });
  if (losses.length <= LOSSES_MAX) return losses;
  throw usage(`--lose: there are more than ${LOSSES_MAX}`);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw usage(`${name} is ${text}, which is no number from 0`);
}

function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

/** A line for each node of each run, behind the table of the classes. */
export function printCluster(
  runs: readonly {
    load?: number | undefined;
    seed?: number | undefined;
    cluster?: ClusterResult | undefined;
  }[],
): void {
  const rows = runs.flatMap(({ load, seed, cluster }) =>
    (cluster?.nodes ?? []).map((node) => [
      `${load ?? ''}`,
      `${seed ?? ''}`,
      node.name,
      node.utilisation.toFixed(3),
      ...[node.arrived, node.served, node.forwarded, node.received, node.returned].map(String),
      ...[node.refused, node.lost].map(String),
      node.meanSojournUs.toFixed(2),
      `${(100 * node.missRate).toFixed(2)} %`,
    ]),
  );
  if (rows.length === 0) return;
  const counts = ['arrived', 'served', 'forwarded', 'received', 'returned', 'refused', 'lost'];
  printTable(['load', 'seed', 'node', 'utilisation', ...counts, 'mean us', 'missed'], rows);
}
