import { setTimeout as delay } from 'node:timers/promises';
import { type AdminPlace, askAdmin, type FunctionReport } from '@sledge/core/host';
import type { Command } from 'commander';
import { wholeBetween } from '../number-options';
import { printJson, printLine } from '../output';
import { functionPath, placeOf, printFunction, ruleOf, usage } from '../server-options';
import { withRule, withServer } from '../server-options';
import type { RuleOptions, ServerOptions } from '../server-options';

interface TenantOptions extends ServerOptions {
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
  withServer(command).action(async (name: string, options: TenantOptions & { to?: number }) => {
    const { to, tenant } = options;
    const path = `${functionPath(tenant, name)}/rollback`;
    const body = to === undefined ? {} : { version: to };
    const report = await askAdmin(placeOf(options), { method: 'POST', path, body });
    printFunction(report as FunctionReport, options);
  });
}

export function splitCommand(program: Command): void {
  const command = program
    .command('split')
    .description('divide the requests of a function between two versions, or give one all')
    .argument('<function>')
    .argument('[version=weight...]', 'such as 1=90 2=10, or 2=100; none: what is in force')
    .requiredOption('--tenant <name>', 'whose function it is');
  withServer(withRule(command)).action(split);
}

async function split(
  name: string,
  weights: string[],
  options: TenantOptions & RuleOptions,
): Promise<void> {
  const path = functionPath(options.tenant, name);
  const place = placeOf(options);
  if (weights.length === 0) {
    return printFunction((await askAdmin(place, { path })) as FunctionReport, options);
  }
  const versions = weights.map((text) => {
    const [, version, weight] = /^(\d+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
    if (version === undefined) throw usage(`${text} is no VERSION=WEIGHT`);
    return { version: Number(version), weight: Number(weight) };
  });
  const rollback = ruleOf(options);
  const body = rollback === undefined ? { versions } : { versions, rollback };
  const report = await askAdmin(place, { method: 'PUT', path: `${path}/split`, body });
  printFunction(report as FunctionReport, options);
}

export function undeployCommand(program: Command): void {
  const command = program
    .command('undeploy')
    .description("take out what was deployed; the configuration's function serves again")
    .argument('<function>')
    .requiredOption('--tenant <name>', 'whose function it is');
  withServer(command).action(async (name: string, options: TenantOptions) => {
    const path = functionPath(options.tenant, name);
    const answer = await askAdmin(placeOf(options), { method: 'DELETE', path });
    if (options.json === true) printJson(answer);
    else printLine(`${options.tenant}/${name}: what was deployed is out`);
  });
}

export function drainCommand(program: Command): void {
  const command = program
    .command('drain')
    .description('end a server as SIGTERM does: what is in flight is answered first')
    .option('--no-wait', 'do not wait until it has ended');
  withServer(command).action(async (options: ServerOptions & { wait: boolean }) => {
    const place = placeOf(options);
    const answer = await askAdmin(place, { method: 'POST', path: '/drain' });
    while (options.wait && (await answers(place))) await delay(POLL_MS);
    if (options.json === true) printJson(answer);
    else printLine(options.wait ? 'It has drained and ended.' : 'It drains.');
  });
}

async function answers(place: AdminPlace): Promise<boolean> {
  try {
    await askAdmin(place, { path: '/livez' });
    return true;
  } catch {
    return false;
  }
}
