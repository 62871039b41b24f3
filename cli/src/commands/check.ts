import { effectiveConfig, loadPlugins, withheldBy } from '@sledge/core/host';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { readConfig, withCommon, withConfig } from '../config-options';
import type { ConfigOptions } from '../config-options';
import { printJson, printLine, printNote, printWarnings } from '../output';

export function checkCommand(program: Command): void {
  const command = program
    .command('check')
    .description('validate a configuration and print what is in force, with every default');
  withCommon(withConfig(command)).action(check);
}

async function check(options: ConfigOptions): Promise<void> {
  const loaded = await readConfig(options);
  const plugins = loadPlugins(loaded.plugins, loaded.folder, withheldBy(loaded.config));
  const config = effectiveConfig(loaded, plugins);
  if (options.json === true) {
    printJson({ file: loaded.file, warnings: loaded.warnings, config });
    return;
  }
  printWarnings(loaded.warnings);
  printLine(stringify(config, { flowCollectionPadding: false, lineWidth: 100 }).trimEnd());
  printNote(`${loaded.file ?? ''} is valid.`);
}
