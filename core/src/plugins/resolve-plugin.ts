import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { PluginKind } from '../contracts/plugin';
import { SledgeError } from '../errors/sledge-error';
import { reasonOf } from '../errors/reason';
import { hint } from '../nearest';
import { defaultExport, forgetUserModule, loadUserModule } from './load-user-module';
import { installedPlugins, packageCandidates } from './plugin-names';

/** One plugin as the config names it. */
export interface PluginReference {
  /** Where in the config, such as `scheduler` or `transports[0]`. */
  place: string;
  kind: PluginKind;
  /** Short name, package name, path of one file, or the plugin itself. */
  source: unknown;
  options: unknown;
  /** Index of the worker group whose policy it is; undefined: it serves all of them. */
  workerGroup?: number | undefined;
  /** Its file and what that imports are read anew. Default: as they were loaded before, if so. */
  isFresh?: boolean | undefined;
}

export interface ResolvedPlugin {
  value: unknown;
  /** For messages: the name as written, or the place of an object. */
  label: string;
  /** File or package entry it came from; undefined for an object. */
  file: string | undefined;
}

/**
 * First step of the pipeline: from the config's words to the exported value.
 * @throws SledgeError SLEDGE_ERR_PLUGIN_NOT_FOUND, or SLEDGE_ERR_PLUGIN_IDENTITY when the module
 *   itself throws while it is loaded.
 */
export function resolvePlugin(reference: PluginReference, configFolder: string): ResolvedPlugin {
  const { source, kind, place } = reference;
  if (typeof source !== 'string') return { value: source, label: `at ${place}`, file: undefined };
  const isPath = isPathOfPlugin(source);
  const file = isPath
    ? resolveFile(source, configFolder)
    : resolvePackage(source, kind, configFolder);
  if (isPath && reference.isFresh === true) forgetUserModule(file);
  try {
    const value = isPath ? loadUserModule(file) : defaultExport(createRequire(file)(file));
    return { value, label: source, file };
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    const details = { plugin: source, reason: `loading ${file} failed: ${reasonOf(error)}` };
    throw new SledgeError('SLEDGE_ERR_PLUGIN_IDENTITY', details, { cause: error });
  }
}

/** The one file that a reference names by its path; undefined when it names no file that exists. */
export function userFileOf({ source }: PluginReference, configFolder: string): string | undefined {
  if (!isPathOfPlugin(source)) return undefined;
  return candidateFile(path.resolve(configFolder, source));
}

/** It names a file, and not a package. */
export function isPathOfPlugin(source: unknown): source is string {
  return typeof source === 'string' && (source.startsWith('.') || path.isAbsolute(source));
}

function candidateFile(file: string): string | undefined {
  const candidates = [file, `${file}.ts`, `${file}.js`];
  return candidates.find((candidate) => SCRIPT.test(candidate) && isFile(candidate));
}

const SCRIPT = /\.[cm]?[jt]s$/;

/** Nothing else is opened: who reads a pipe or a device may wait for ever. */
function isFile(candidate: string): boolean {
  try {
    return statSync(candidate).isFile();
  } catch {
    return false;
  }
}

function resolveFile(source: string, configFolder: string): string {
  const file = path.resolve(configFolder, source);
  const found = candidateFile(file);
  if (found !== undefined) return found;
  const why = existsSync(file)
    ? ` (${file} is no file of TypeScript or JavaScript)`
    : ` (there is no file ${file})`;
  throw new SledgeError('SLEDGE_ERR_PLUGIN_NOT_FOUND', { plugin: source, hint: why });
}

function resolvePackage(source: string, kind: PluginKind, configFolder: string): string {
  for (const candidate of packageCandidates(kind, source)) {
    for (const folder of [configFolder, __dirname]) {
      const file = tryResolve(candidate, folder);
      if (file !== undefined) return file;
    }
  }
  const installed = installedPlugins([configFolder, __dirname]);
  const names = installed.filter((plugin) => plugin.kind === kind).map((p) => p.shortName);
  const nearest = hint(source, names);
  const known = names.length > 0 ? ` (${kind} plugins here: ${names.join(', ')})` : '';
  throw new SledgeError('SLEDGE_ERR_PLUGIN_NOT_FOUND', {
    plugin: source,
    hint: nearest === '' ? known : nearest.replace(/\?$/, `?${known}`),
  });
}

function tryResolve(request: string, folder: string): string | undefined {
  try {
    return createRequire(path.join(folder, 'noop.js')).resolve(request);
  } catch {
    return undefined;
  }
}
