import { setTimeout as delay } from 'node:timers/promises';
import { type AdminPlace, askAdmin, type FunctionReport } from '@sledge/core/host';
import type { Command } from 'commander';
import { wholeBetween } from '../number-options';
import { printJson, printLine } from '../output';
import { change, type ClusterOptions, printAnswer, withCluster } from '../cluster-options';
import { functionPath, placeOf, printFunction, ruleOf, usage } from '../server-options';
import { withRule, withServer } from '../server-options';
import type { RuleOptions, ServerOptions } from '../server-options';

interface TenantOptions extends ServerOptions, ClusterOptions {
  tenant: string;
}

const POLL_MS = 50;

export function rollbackCommand(program: Command): void {
  const command = program
    .command('rollback')
    .description('back to the version that served before; a split ends with its stable one')
    .argument('<function>')
    .requiredOption('--tenant <name>', 'whose function it is')
    .option('--to <version>', 'this version instead', wholeBetween(0, 2 ** 31, '--to'));
  withServer(withCluster(command)).action(rollback);
}

async function rollback(name: string, options: TenantOptions & { to?: number }): Promise<void> {
  const { to, tenant } = options;
  const path = `${functionPath(tenant, name, options)}/rollback`;
  const body = to === undefined ? {} : { version: to };
  await change(options, { method: 'POST', path, body }, (report) =>
    printFunction(report as FunctionReport, options),
  );
}

export function splitCommand(program: Command): void {
  const command = program
    .command('split')
    .description('divide the requests of a function between two versions, or give one all')
    .argument('<function>')
    .argument('[version=weight...]', 'such as 1=90 2=10, or 2=100; none: what is in force')
    .requiredOption('--tenant <name>', 'whose function it is');
  withServer(withCluster(withRule(command))).action(split);
}

async function split(
  name: string,
  weights: string[],
  options: TenantOptions & RuleOptions,
): Promise<void> {
  const path = functionPath(options.tenant, name, options);
  if (weights.length === 0) {
    return printFunction((await askAdmin(placeOf(options), { path })) as FunctionReport, options);
  }
  const versions = weights.map((text) => {
    const [, version, weight] = /^(\d+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
    if (version === undefined) throw usage(`${text} is no VERSION=WEIGHT`);
    return { version: Number(version), weight: Number(weight) };
  });
  const rollback = ruleOf(options);
  const body = rollback === undefined ? { versions } : { versions, rollback };
  await change(options, { method: 'PUT', path: `${path}/split`, body }, (report) =>
    printFunction(report as FunctionReport, options),
  );
}

export function undeployCommand(program: Command): void {
  const command = program
    .command('undeploy')
    .description("take out what was deployed; the configuration's function serves again")
    .argument('<function>')
    .requiredOption('--tenant <name>', 'whose function it is');
  withServer(withCluster(command)).action(async (name: string, options: TenantOptions) => {
    const path = functionPath(options.tenant, name, options);
    await change(options, { method: 'DELETE', path }, (answer) => {
      if (options.json === true) printJson(answer);
      else printLine(`${options.tenant}/${name}: what was deployed is out`);
    });
  });
}

export function drainCommand(program: Command): void {
  const command = program
    .command('drain')
    .description('end a server as SIGTERM does; or let a NODE of its cluster take no more work')
    .argument('[node]', 'it ends what it has of the cluster and serves on what asks it alone')
    .option('--undo', 'that node takes work of the cluster again')
    .option('--no-wait', 'do not wait until it has ended');
  withServer(command).action((node: string | undefined, options: DrainOptions) =>
    node === undefined ? drainServer(options) : drainNode(node, options),
  );
}

interface DrainOptions extends ServerOptions {
  wait: boolean;
  undo?: boolean;
}

async function drainServer(options: DrainOptions): Promise<void> {
  if (options.undo === true) throw usage('--undo goes with a node');
  const place = placeOf(options);
  const answer = await askAdmin(place, { method: 'POST', path: '/drain' });
  while (options.wait && (await answers(place))) await delay(POLL_MS);
  if (options.json === true) printJson(answer);
  else printLine(options.wait ? 'It has drained and ended.' : 'It drains.');
}

async function drainNode(node: string, options: DrainOptions): Promise<void> {
  const isTaking = options.undo === true;
  const waitMs = options.wait ? DRAIN_MS : 0;
  const path = `/cluster/nodes/${encodeURIComponent(node)}?waitMs=${waitMs}`;
  const question = { method: 'PUT', path, body: { isTaking }, idleMs: DRAIN_MS * 2 } as const;
  printAnswer(await askAdmin(placeOf(options), question), options);
}

/** What a node has may take minutes. */
const DRAIN_MS = 600_000;

async function answers(place: AdminPlace): Promise<boolean> {
  try {
    await askAdmin(place, { path: '/livez' });
    return true;
  } catch {
    return false;
  }
}
