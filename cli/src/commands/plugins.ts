import type { LoadedConfig } from '@sledge/core';
import { SledgeError } from '@sledge/core';
import { installedPlugins, loadPlugins } from '@sledge/core/host';
import type { InstalledPlugin, LoadedPlugin } from '@sledge/core/host';
import type { Command } from 'commander';
import { readConfigOrDefaults, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { printJson, printTable } from '../output';

interface Row {
  name: string;
  kind: string;
  from: string;
  isUsed: boolean;
  apiVersion?: number;
  provides?: readonly string[];
  needs?: readonly string[];
  error?: string;
}

export function pluginsCommand(program: Command): void {
  const command = program
    .command('plugins')
    .description('list the plugins that are installed and those that the configuration uses');
  withCommon(withConfig(command)).action(plugins);
}

async function plugins(options: ConfigOptions): Promise<void> {
  const loaded = await readConfigOrDefaults(options);
  const rows = rowsOf(loaded);
  if (options.json === true) {
    printJson(rows);
    return;
  }
  printTable(
    ['PLUGIN', 'KIND', 'USED', 'API', 'PROVIDES', 'NEEDS', 'FROM'],
    rows.map((row) => [
      row.name,
      row.kind,
      row.isUsed ? 'yes' : '-',
      row.apiVersion === undefined ? '-' : String(row.apiVersion),
      row.provides?.join(', ') ?? '-',
      row.needs?.join(', ') ?? '-',
      row.error ?? row.from,
    ]),
  );
}

function rowsOf(loaded: LoadedConfig): Row[] {
  const used = loadPlugins(loaded.plugins, loaded.folder);
  const installed = installedPlugins([loaded.folder, __dirname]).map((plugin) =>
    installedRow(plugin, loaded.folder, used),
  );
  const names = new Set(installed.map((row) => row.name));
  const others = used
    .filter((plugin) => !names.has(plugin.definition.name))
    .map((plugin) => rowOf(plugin, plugin.file ?? plugin.place, true));
  return [...installed, ...others];
}

function installedRow(plugin: InstalledPlugin, folder: string, used: readonly LoadedPlugin[]): Row {
  const { kind, packageName, shortName } = plugin;
  const live = used.find((candidate) => `@sledge/${candidate.definition.name}` === packageName);
  if (live !== undefined) return rowOf(live, packageName, true);
  try {
    const reference = { place: kind, kind, source: packageName, options: undefined };
    const [loaded] = loadPlugins([reference], folder);
    if (loaded !== undefined) return rowOf(loaded, packageName, false);
  } catch (error) {
    if (!(error instanceof SledgeError)) throw error;
    return { name: shortName, kind, from: packageName, isUsed: false, error: error.message };
  }
  return { name: shortName, kind, from: packageName, isUsed: false };
}

function rowOf({ definition }: LoadedPlugin, from: string, isUsed: boolean): Row {
  const { name, kind, apiVersion, provides = [], needs = [] } = definition;
  return { name, kind, from, isUsed, apiVersion, provides, needs };
}
