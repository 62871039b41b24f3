import { readdirSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import type { PluginKind } from '../contracts/plugin';

/** A built-in or third-party package `@sledge/<prefix>-<name>` has the short name `<name>`. */
export const PACKAGE_PREFIXES: Readonly<Record<PluginKind, string>> = {
  transport: 'transport',
  dispatcher: 'dispatch',
  scheduler: 'sched',
  sandbox: 'sandbox',
  estimator: 'estimator',
  admission: 'admission',
  workload: 'workload',
  placement: 'placement',
  observer: 'observer',
  host: 'host',
  registry: 'registry',
};

export interface InstalledPlugin {
  kind: PluginKind;
  shortName: string;
  packageName: string;
}

/** Package names to try for what the config says, most likely first. */
export function packageCandidates(kind: PluginKind, name: string): string[] {
  const prefix = `${PACKAGE_PREFIXES[kind]}-`;
  if (name.startsWith('@') || name.includes('/')) return [name];
  const short = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  return [`@sledge/${prefix}${short}`, ...(isBuiltin(name) ? [] : [name])];
}

/** The plugins of the scope `@sledge` that can be resolved from any of `folders`. */
export function installedPlugins(folders: readonly string[]): InstalledPlugin[] {
  const found = new Map<string, InstalledPlugin>();
  for (const folder of folders) {
    const require = createRequire(path.join(folder, 'noop.js'));
    for (const modules of require.resolve.paths('@sledge/core') ?? []) {
      for (const entry of scopeEntries(modules)) {
        const plugin = pluginOfEntry(entry);
        if (plugin !== undefined) found.set(plugin.packageName, plugin);
      }
    }
  }
  return [...found.values()].sort((a, b) => a.packageName.localeCompare(b.packageName));
}

function scopeEntries(modules: string): string[] {
  try {
    return readdirSync(path.join(modules, '@sledge'));
  } catch {
    return [];
  }
}

function pluginOfEntry(entry: string): InstalledPlugin | undefined {
  for (const [kind, prefix] of Object.entries(PACKAGE_PREFIXES)) {
    if (!entry.startsWith(`${prefix}-`)) continue;
    const shortName = entry.slice(prefix.length + 1);
    return { kind: kind as PluginKind, shortName, packageName: `@sledge/${entry}` };
  }
  return undefined;
}
