import { loadConfig, loadDefaults, SledgeError } from '@sledge/core';
import type { LoadedConfig } from '@sledge/core';
import type { Command } from 'commander';
import type { CommonOptions } from './output';

export interface ConfigOptions extends CommonOptions {
  config?: string;
  set?: string[];
}

/** Adds -c and --set, which mean the same in every command. */
export function withConfig(command: Command): Command {
  const collect = (value: string, before: string[] = []) => [...before, value];
  return command
    .option(
      '-c, --config <file>',
      'configuration, or a SLEdge spec (default: found in this folder)',
    )
    .option('--set <key=value>', 'override a value, such as workers.count=2; repeatable', collect);
}

export function withCommon(command: Command): Command {
  return command
    .option('--json', 'print one JSON document')
    .option('--verbose', 'print the stack of an error');
}

export function readConfig(options: ConfigOptions, more: string[] = []): Promise<LoadedConfig> {
  return loadConfig({ file: options.config, set: [...(options.set ?? []), ...more] });
}

/** The config of this folder, or the defaults where there is none and none was named. */
export async function readConfigOrDefaults(
  options: ConfigOptions,
  more: string[] = [],
): Promise<LoadedConfig> {
  try {
    return await readConfig(options, more);
  } catch (error) {
    const isMissing = error instanceof SledgeError && error.code === 'SLEDGE_ERR_CONFIG_NOT_FOUND';
    if (!isMissing || options.config !== undefined) throw error;
    return loadDefaults({ set: [...(options.set ?? []), ...more] });
  }
}
