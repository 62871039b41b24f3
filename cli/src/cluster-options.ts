import type { ClusterAnswer } from '@sledge/core/host';
import { type AdminQuestion, askAdmin } from '@sledge/core/host';
import type { Command } from 'commander';
import { EXIT } from './exit-codes';
import { numberBetween } from './number-options';
import { printJson, printLine, printTable } from './output';
import { placeOf, printFunction, usage } from './server-options';
import type { ServerOptions } from './server-options';

export interface ClusterOptions {
  /** On all nodes, not on one server. */
  cluster?: boolean;
  /** Seconds that the nodes may take until it is told how far they are. */
  clusterWait?: number;
}

const WAIT_S = 30;
const WAIT_S_MAX = 600;
const MS_PER_S = 1000;
/** A large module takes the compiler minutes, and it says nothing meanwhile. */
export const COMPILE_MS = 1_800_000;

/** Adds what makes a change one of all nodes. */
export function withCluster(command: Command): Command {
  return command
    .option('--cluster', 'on every node of the cluster that the server belongs to')
    .option(
      '--cluster-wait <seconds>',
      `with --cluster: wait so long for the nodes (${WAIT_S})`,
      numberBetween(0, WAIT_S_MAX, '--cluster-wait'),
    );
}

/** What is said with a change of the cluster. */
export function clusterQuery({ clusterWait = WAIT_S }: ClusterOptions): URLSearchParams {
  return new URLSearchParams({ waitMs: String(Math.round(clusterWait * MS_PER_S)) });
}

/** Path of a tenant in the admin API. */
export function tenantPath(name: string, { cluster = false }: ClusterOptions): string {
  return `${cluster ? '/cluster' : ''}/tenants/${encodeURIComponent(name)}`;
}

/** Makes a change of one server, printed by `print`, or of a cluster. */
export async function change(
  options: ServerOptions & ClusterOptions,
  question: AdminQuestion,
  print: (answer: unknown) => void,
): Promise<void> {
  const place = placeOf(options);
  if (options.cluster !== true) {
    if (options.clusterWait !== undefined) throw usage('--cluster-wait goes with --cluster');
    return print(await askAdmin(place, { ...question, idleMs: COMPILE_MS }));
  }
  const path = `${question.path}?${clusterQuery(options).toString()}`;
  const idleMs = 2 * WAIT_S_MAX * MS_PER_S;
  printAnswer(await askAdmin(place, { ...question, path, idleMs }), options);
}

/** What became of a change on each node; a failure is the exit code too. */
export function printAnswer(answer: unknown, options: ServerOptions): void {
  const { revision, nodes, function: fn } = answer as ClusterAnswer;
  if (nodes.some(({ state }) => state === 'failed')) process.exitCode = EXIT.failed;
  if (options.json === true) return printJson(answer);
  if (fn !== undefined) printFunction(fn, options);
  printTable(
    ['NODE', `REVISION ${revision}`, 'WHY'],
    nodes.map(({ node, state, reason = '' }) => [node, state, reason]),
  );
  if (nodes.length === 0) printLine('no node has said anything yet');
}
