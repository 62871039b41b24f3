import { SledgeError } from '@sledge/core';
import { askAdmin, hint } from '@sledge/core/host';
import type { FunctionSummary, TenantReport } from '@sledge/core/host';
import type { Command } from 'commander';
import { change, type ClusterOptions, tenantPath, withCluster } from '../cluster-options';
import { wholeBetween } from '../number-options';
import { printJson, printLine, printTable } from '../output';
import { placeOf, usage, withServer } from '../server-options';
import type { ServerOptions } from '../server-options';

interface SetOptions extends ServerOptions, ClusterOptions {
  port?: number;
  host?: string;
  settings?: string;
}

export function tenantsCommand(program: Command): void {
  const tenants = program
    .command('tenants')
    .description('see and change the tenants of a server that runs');
  const list = tenants
    .command('list', { isDefault: true })
    .description('all tenants, or the functions of one, and where each comes from')
    .argument('[name]');
  withServer(list).action(show);
  const set = tenants
    .command('set')
    .description('make a tenant, or change one that was made so')
    .argument('<name>')
    .option('--port <n>', 'its HTTP port; 0 picks a free one', wholeBetween(0, 65_535, '--port'))
    .option('--host <address>', 'of its listener')
    .option('--settings <json>', 'settings as in the configuration, without functions');
  withServer(withCluster(set)).action(async (name: string, options: SetOptions) => {
    const body = settingsOf(options);
    await change(options, { method: 'PUT', path: tenantPath(name, options), body }, (report) => {
      if (options.json === true) printJson(report);
      else printTenants([report as TenantReport]);
    });
  });
  const remove = tenants
    .command('remove')
    .description('take a tenant away, with everything that was deployed for it')
    .argument('<name>');
  withServer(withCluster(remove)).action(async (name: string, options: SetOptions) => {
    await change(options, { method: 'DELETE', path: tenantPath(name, options) }, (answer) => {
      if (options.json === true) printJson(answer);
      else printLine(`${name} is out`);
    });
  });
}

async function show(name: string | undefined, options: ServerOptions): Promise<void> {
  const place = placeOf(options);
  const reports = (await askAdmin(place, { path: '/tenants' })) as TenantReport[];
  if (name === undefined) {
    if (options.json === true) printJson(reports);
    else printTenants(reports);
    return;
  }
  const known = reports.map((one) => one.name);
  if (!known.includes(name)) {
    const details = { tenant: name, hint: hint(name, known) };
    throw new SledgeError('SLEDGE_ERR_CONTROL_TENANT', details);
  }
  const all = (await askAdmin(place, { path: '/functions' })) as FunctionSummary[];
  const own = all.filter(({ tenant }) => tenant === name);
  if (options.json === true) return printJson(own);
  printTable(
    ['FUNCTION', 'ROUTE', 'SOURCE', 'VERSION', 'STATE', 'HASH'],
    own.map(({ name: fn, route = '-', source, version, state, hash = '-', split, failure }) => [
      fn,
      route,
      source,
      split === null ? String(version ?? '-') : split.versions.map((one) => one.version).join(', '),
      failure === undefined ? state : `${state}: ${failure}`,
      hash.slice(0, 12),
    ]),
  );
}

function printTenants(reports: readonly TenantReport[]): void {
  printTable(
    ['TENANT', 'SOURCE', 'FUNCTIONS', 'LISTENERS'],
    reports.map(({ name, source, functions, listeners }) => [
      name,
      source,
      String(functions),
      listeners.map(({ url }) => url).join(', ') || '-',
    ]),
  );
}

function settingsOf({ port, host, settings }: SetOptions): object {
  const own = { ...(port === undefined ? {} : { port }), ...(host === undefined ? {} : { host }) };
  if (settings === undefined) return own;
  try {
    const value: unknown = JSON.parse(settings);
    if (typeof value === 'object' && value !== null) return { ...value, ...own };
  } catch {
    // said below
  }
  throw usage('--settings is no JSON object');
}
