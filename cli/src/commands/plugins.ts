import { SledgeError } from '@sledge/core';
import type { LoadedConfig, PluginDefinition } from '@sledge/core';
import { defaultCapabilities, inspectPlugin, installedPlugins } from '@sledge/core/host';
import type { PluginReference } from '@sledge/core/host';
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

/** Each plugin by itself: one that is broken is shown with its error beside the others. */
function rowsOf(loaded: LoadedConfig): Row[] {
  const used = loaded.plugins.map((reference) => {
    const name = typeof reference.source === 'string' ? reference.source : reference.place;
    return tryRow(reference, loaded.folder, name, true);
  });
  const names = new Set(used.map((row) => row.name));
  const others = installedPlugins([loaded.folder, __dirname])
    .map(({ kind, packageName, shortName }) => {
      const reference = { place: kind, kind, source: packageName, options: undefined };
      return tryRow(reference, loaded.folder, shortName, false);
    })
    .filter((row) => !names.has(row.name));
  return [...used, ...others];
}

function tryRow(reference: PluginReference, folder: string, name: string, isUsed: boolean): Row {
  const { kind, place, source } = reference;
  const from = typeof source === 'string' ? source : place;
  try {
    const { definition, file } = inspectPlugin(reference, folder);
    return rowOf(definition, file ?? from, isUsed);
  } catch (error) {
    if (!(error instanceof SledgeError)) throw error;
    return { name, kind, from, isUsed, error: error.message };
  }
}

function rowOf(definition: PluginDefinition, from: string, isUsed: boolean): Row {
  const { name, kind, apiVersion } = definition;
  const provides = defaultCapabilities(definition, 'provides');
  const needs = defaultCapabilities(definition, 'needs');
  return { name, kind, from, isUsed, apiVersion, provides, needs };
}
