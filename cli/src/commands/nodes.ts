import { askAdmin, type NodeReport } from '@sledge/core/host';
import type { Command } from 'commander';
import { printJson, printLine, printTable } from '../output';
import { placeOf, withServer } from '../server-options';
import type { ServerOptions } from '../server-options';

const MS_PER_S = 1000;

export function nodesCommand(program: Command): void {
  const command = program
    .command('nodes')
    .description('the nodes of a cluster: what each does, and how far it has come');
  withServer(command).action(nodes);
}

async function nodes(options: ServerOptions): Promise<void> {
  const reports = (await askAdmin(placeOf(options), { path: '/cluster/nodes' })) as NodeReport[];
  if (options.json === true) return printJson(reports);
  printTable(
    ['NODE', 'STATE', 'SEEN', 'VERSION', 'FUNCTIONS', 'LOAD', 'PLACED', 'REVISION', 'ADDRESSES'],
    reports.map((report) => [
      report.node,
      report.state,
      `${(report.lastSeenMs / MS_PER_S).toFixed(1)} s ago`,
      report.version,
      String(report.functions),
      `${report.load.inFlight} on ${report.load.workers}`,
      placed(report),
      progress(report),
      report.addresses.join(', ') || '-',
    ]),
  );
  for (const { node, failures } of reports) {
    for (const { key, message } of failures) printLine(`${node}: ${key}: ${message}`);
  }
}

/** What its placement has kept, sent to peers, and got back. */
function placed({ placed: of }: NodeReport): string {
  if (of === undefined) return '-';
  const more = [
    ...(of.failedOver > 0 ? [`${of.failedOver} failed over`] : []),
    ...(of.lost > 0 ? [`${of.lost} lost`] : []),
  ];
  return [`${of.local} here`, `${of.sent} sent`, ...more].join(', ');
}

function progress({ revision, pending, failed }: NodeReport): string {
  const more = [
    ...(pending > 0 ? [`${pending} pending`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ];
  return more.length === 0 ? String(revision) : `${revision} (${more.join(', ')})`;
}
