import type { Command } from 'commander';
import { readConfig, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { printJson, printTable } from '../output';

export function functionsCommand(program: Command): void {
  const command = program
    .command('functions')
    .description('list the functions of a configuration and their routes');
  withCommon(withConfig(command)).action(functions);
}

async function functions(options: ConfigOptions): Promise<void> {
  const { config } = await readConfig(options);
  const rows = config.tenants.flatMap((tenant) =>
    tenant.functions.map((fn) => ({ tenant: tenant.name, port: tenant.port, ...fn })),
  );
  if (options.json === true) {
    printJson(rows);
    return;
  }
  printTable(
    ['TENANT', 'FUNCTION', 'PORT', 'ROUTE', 'METHODS', 'TYPE', 'FILE'],
    rows.map((fn) => [
      fn.tenant,
      fn.name,
      String(fn.port ?? '-'),
      fn.route ?? '-',
      fn.methods?.join(',') ?? 'all',
      String(fn.requestType ?? '-'),
      fn.path,
    ]),
  );
}
