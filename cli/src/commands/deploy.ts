import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import { askAdmin, type FunctionReport, reasonOf } from '@sledge/core/host';
import type { Command } from 'commander';
import { numberBetween } from '../number-options';
import { type ClusterOptions, clusterQuery, COMPILE_MS } from '../cluster-options';
import { printAnswer, withCluster } from '../cluster-options';
import { functionPath, placeOf, printFunction, ruleOf, usage } from '../server-options';
import { withRule, withServer } from '../server-options';
import type { RuleOptions, ServerOptions } from '../server-options';

interface DeployOptions extends ServerOptions, RuleOptions, ClusterOptions {
  tenant: string;
  function?: string;
  settings?: string;
  route?: string;
  split?: number;
}

export function deployCommand(program: Command): void {
  const command = program
    .command('deploy')
    .description('bring a .wasm to a server that runs, as a new version of a function')
    .argument('<file>', 'a .wasm; it is compiled by the server')
    .requiredOption('--tenant <name>', 'whose function it is')
    .option('--function <name>', 'what it is called; default: as the file')
    .option('--route <path>', 'its HTTP path; default: as before, or /NAME')
    .option('--settings <json>', 'settings as in the configuration; default: as before')
    .option('--split <percent>', 'of the requests; default: all', numberBetween(0, 100, '--split'));
  withServer(withCluster(withRule(command))).action(deploy);
}

async function deploy(file: string, options: DeployOptions): Promise<void> {
  const { tenant, split, function: name = path.basename(file, '.wasm') } = options;
  const wasm = await readFile(file).catch((error: unknown) => {
    const details = { path: file, reason: reasonOf(error) };
    throw new SledgeError('SLEDGE_ERR_BUILD_NOT_FOUND', details, { cause: error });
  });
  const query = new URLSearchParams();
  const settings = settingsOf(options);
  if (settings !== undefined) query.set('settings', JSON.stringify(settings));
  if (split !== undefined) query.set('split', String(split));
  const rule = ruleOf(options);
  if (rule !== undefined && split === undefined) {
    throw usage('--error-rate and --miss-rate go with --split');
  }
  for (const [key, value] of Object.entries(rule ?? {})) {
    if (value !== undefined) query.set(key, String(value));
  }
  const isCluster = options.cluster === true;
  if (isCluster) for (const [key, value] of clusterQuery(options)) query.set(key, value);
  const answer = await askAdmin(placeOf(options), {
    method: 'POST',
    path: `${functionPath(tenant, name, options)}/versions?${query.toString()}`,
    body: wasm,
    idleMs: COMPILE_MS,
  });
  if (isCluster) printAnswer(answer, options);
  else printFunction((answer as { function: FunctionReport }).function, options);
}

function settingsOf({ settings, route }: DeployOptions): object | undefined {
  if (settings === undefined) return route === undefined ? undefined : { route };
  try {
    const value: unknown = JSON.parse(settings);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return route === undefined ? value : { ...value, route };
    }
  } catch {
    // said below
  }
  throw usage('--settings is no JSON object');
}
