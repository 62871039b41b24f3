import path from 'node:path';
import { SledgeError } from '../errors/sledge-error';
import type { PluginReference } from '../plugins/resolve-plugin';
import { checkAdmin } from './admin-schema';
import { checkTenants } from './check-tenants';
import { copyOf } from './copy-of';
import { checkWorkerGroups } from './check-worker-groups';
import { coresProblems } from './cores';
import { describeIssues, problem } from './describe-issues';
import type { Problem } from './describe-issues';
import { findFunctionFile } from './function-files';
import { checkBudgets, checkStacks, limitsInForce } from './limits';
import { applyOverride, overridesOfEnvironment, parseSet } from './overrides';
import type { AppliedOverride } from './overrides';
import { pluginReferences } from './plugin-references';
import { resolvePreopens } from './preopens';
import { positionFinder } from './positions';
import { readSource } from './read-source';
import type { ConfigSource } from './read-source';
import { configSchema } from './schema';
import type { SledgeConfig } from './schema';
import { checkKeys, resolveSecurityFiles } from './security-schema';
import { convertSpec, specKeys } from './sledge-spec';
import { sledgeEnvironment } from './sledge-environment';

export interface LoadConfigOptions {
  /** With -c; undefined: searched in `cwd`. */
  file?: string | undefined;
  cwd?: string | undefined;
  /** Values of --set, in order; later ones win, all win over SLEDGE_CFG_ variables. */
  set?: readonly string[] | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}

export interface LoadedConfig {
  /** Absolute; undefined for a config given as an object. */
  file: string | undefined;
  /** What relative paths in the config are relative to. */
  folder: string;
  config: SledgeConfig;
  /** What was written, with overrides, without defaults. */
  input: object;
  isSpec: boolean;
  warnings: readonly string[];
  plugins: readonly PluginReference[];
}

/**
 * Reads, overrides and validates a configuration as a whole; every problem is in one error.
 * @throws SledgeError SLEDGE_ERR_CONFIG_NOT_FOUND, _UNREADABLE, _OVERRIDE or _INVALID.
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  return fromSource(await readSource(options.file, options.cwd ?? process.cwd()), options);
}

/** The defaults with overrides, for commands without a file. Throws as loadConfig does. */
export function loadDefaults(options: Omit<LoadConfigOptions, 'file'> = {}): LoadedConfig {
  const cwd = options.cwd ?? process.cwd();
  return {
    ...fromSource({ file: path.join(cwd, 'defaults'), data: {}, prefix: [] }, options),
    file: undefined,
  };
}

function fromSource(source: ConfigSource, options: LoadConfigOptions): LoadedConfig {
  const { cwd = process.cwd(), env = process.env } = options;
  const { input, isSpec, warnings, problems } = inputOf(source, env);
  if (problems.length > 0) throw invalid(source, problems, [], false);
  const overrides = [...overridesOfEnvironment(env), ...(options.set ?? []).map(parseSet)];
  const applied = overrides.map((override) => applyOverride(input, override));
  const folder = path.dirname(source.file);
  const folders = (config: Pick<SledgeConfig, 'functionPath'>) =>
    isSpec ? specFolders(folder, cwd) : functionFolders(folder, config);
  const checked = validate(input, folder, folders);
  if ('problems' in checked) throw invalid(source, checked.problems, applied, isSpec);
  const plugins = pluginReferences(checked.config);
  const { config } = checked;
  return { file: source.file, folder, config, input, isSpec, warnings, plugins };
}

/**
 * The same for a configuration given as an object, such as a test's.
 * @throws SledgeError SLEDGE_ERR_CONFIG_INVALID.
 */
export function configFromObject(value: object, folder = process.cwd()): LoadedConfig {
  const input = copyOf(value, folder) as object;
  const checked = validate(input, folder, (config) => functionFolders(folder, config));
  if ('problems' in checked) {
    const source = { file: folder, data: value, prefix: [] };
    throw invalid(source, checked.problems, [], false);
  }
  const plugins = pluginReferences(checked.config);
  const { config } = checked;
  return { file: undefined, folder, config, input, isSpec: false, warnings: [], plugins };
}

interface Input {
  input: object;
  isSpec: boolean;
  warnings: readonly string[];
  problems: readonly Problem[];
}

function inputOf(source: ConfigSource, env: NodeJS.ProcessEnv): Input {
  const data = copyOf(source.data, source.file);
  if (Array.isArray(data)) return inputOfSpec(data, env);
  if (typeof data === 'object' && data !== null) {
    return { input: data, isSpec: false, warnings: [], problems: [] };
  }
  const problems = [problem([], `expected an object, got ${data === null ? 'null' : typeof data}`)];
  return { input: {}, isSpec: false, warnings: [], problems };
}

function inputOfSpec(data: readonly unknown[], env: NodeJS.ProcessEnv): Input {
  const spec = convertSpec(data, env.SLEDGE_DISPATCHER === 'DARC');
  const reserved = spec.problems === undefined ? spec.reserved : undefined;
  const environment = sledgeEnvironment(env, reserved);
  const problems = [...(spec.problems ?? []), ...environment.problems];
  const tenants = spec.problems === undefined ? spec.tenants : [];
  const warnings = spec.problems === undefined ? spec.warnings : [];
  const more = spec.problems === undefined ? spec.more : {};
  return {
    input: copyOf({ ...more, ...environment.values, tenants }, '') as object,
    isSpec: true,
    warnings: [...warnings, ...environment.warnings],
    problems,
  };
}

type Folders = (config: Pick<SledgeConfig, 'functionPath'>) => readonly string[];

function validate(
  input: object,
  folder: string,
  folders: Folders,
): { config: SledgeConfig } | { problems: Problem[] } {
  const result = configSchema.safeParse(input);
  const duplicates = [...checkTenants(input), ...checkWorkerGroups(input)];
  if (!result.success) {
    const issues = describeIssues(result.error.issues, input, configSchema);
    return { problems: [...issues, ...duplicates] };
  }
  const problems = [...duplicates, ...resolveFiles(result.data, folders(result.data))];
  problems.push(...coresProblems(result.data.workers), ...checkStacks(result.data));
  problems.push(...checkBudgets(result.data), ...checkKeys(result.data.tenants));
  problems.push(...checkAdmin(result.data.admin), ...resolvePreopens(result.data, folder));
  resolveSecurityFiles(result.data, folders(result.data)[0] ?? '');
  applyTenantLimits(result.data);
  return problems.length > 0 ? { problems } : { config: result.data };
}

/** Writes into the config what is in force of each function's limits. */
function applyTenantLimits(config: SledgeConfig): void {
  for (const tenant of config.tenants) {
    for (const fn of tenant.functions) fn.limits = limitsInForce(tenant.limits, fn.limits);
  }
}

/** Writes the absolute path of each function into the config. */
function resolveFiles(config: SledgeConfig, folders: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  config.tenants.forEach((tenant, index) => {
    tenant.functions.forEach((fn, inner) => {
      const found = findFunctionFile(fn.path, folders);
      const keys = ['tenants', index, 'functions', inner, 'path'];
      if ('file' in found) fn.path = found.file;
      else problems.push(problem(keys, found.message));
    });
  });
  return problems;
}

function functionFolders(folder: string, config: Pick<SledgeConfig, 'functionPath'>): string[] {
  return [folder, ...config.functionPath.map((entry) => path.resolve(folder, entry))];
}

/** SLEdge looks in its working directory; its sample functions are in our checkout. */
function specFolders(folder: string, cwd: string): string[] {
  const checkout = path.resolve(__dirname, '..', '..', '..', 'functions');
  return [
    ...new Set([
      folder,
      cwd,
      path.join(folder, 'functions'),
      path.join(cwd, 'functions'),
      checkout,
    ]),
  ];
}

function invalid(
  source: ConfigSource,
  problems: readonly Problem[],
  applied: readonly AppliedOverride[],
  isSpec: boolean,
): SledgeError {
  const find = positionFinder(source.file);
  const lines = problems.map((found) => {
    const keys = isSpec ? specKeys(found.keys) : found.keys;
    const path = isSpec ? problem(keys, '').path : found.path;
    const origin = applied.findLast(({ keys: own }) =>
      own.every((key, i) => found.keys[i] === key),
    );
    const position = origin ? undefined : find([...source.prefix, ...keys], found.aboutKey);
    const at = position ? ` (${position.line}:${position.column})` : '';
    const from = origin ? ` (from ${origin.origin})` : '';
    return `  ${path === '' ? 'the whole' : path}${at}${from}: ${found.message}`;
  });
  const details = { path: source.file, problems: lines.join('\n') };
  return new SledgeError('SLEDGE_ERR_CONFIG_INVALID', details);
}
