import { PLUGIN_API_VERSION, PLUGIN_KINDS } from '../contracts/plugin';
import type { PluginDefinition, PluginKind } from '../contracts/plugin';
import { describeIssues } from '../config/describe-issues';
import { SledgeError } from '../errors/sledge-error';
import { hint } from '../nearest';
import { definitionOfClass, isPluginClass } from './plugin-class';
import type { ResolvedPlugin } from './resolve-plugin';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** The value is a plugin: named, of a known kind, with options and create. */
export function checkIdentity(resolved: ResolvedPlugin): PluginDefinition {
  const fail = (reason: string): never => {
    throw new SledgeError('SLEDGE_ERR_PLUGIN_IDENTITY', { plugin: resolved.label, reason });
  };
  const value = isPluginClass(resolved.value) ? definitionOfClass(resolved.value) : resolved.value;
  if (typeof value !== 'object' || value === null) {
    if (value === undefined) return fail('it has no default export.');
    return fail(`its default export is ${value === null ? 'null' : `a ${typeof value}`}.`);
  }
  const candidate = value as Partial<Record<keyof PluginDefinition, unknown>>;
  if (typeof candidate.name !== 'string' || !NAME.test(candidate.name)) {
    return fail('its name must be lower-case letters, digits and hyphens.');
  }
  if (!PLUGIN_KINDS.includes(candidate.kind as PluginKind)) {
    const kind = String(candidate.kind);
    return fail(
      `its kind ${kind} is none of ${PLUGIN_KINDS.join(', ')}${hint(kind, PLUGIN_KINDS)}`,
    );
  }
  if (typeof candidate.create !== 'function') return fail('it has no create function.');
  if (!isSchema(candidate.options)) return fail('its options are not a zod schema.');
  for (const list of ['provides', 'needs'] as const) {
    if (!isListOfNames(candidate[list])) return fail(`its ${list} must be a list of names.`);
  }
  return value as PluginDefinition;
}

export function checkKind(definition: PluginDefinition, wanted: PluginKind): void {
  if (definition.kind === wanted) return;
  const details = { plugin: definition.name, have: definition.kind, wanted };
  throw new SledgeError('SLEDGE_ERR_PLUGIN_KIND', details);
}

export function checkApiVersion(definition: PluginDefinition): void {
  if (definition.apiVersion === PLUGIN_API_VERSION) return;
  throw new SledgeError('SLEDGE_ERR_PLUGIN_API_VERSION', {
    plugin: definition.name,
    wanted: String(definition.apiVersion),
    have: PLUGIN_API_VERSION,
  });
}

/** The options with defaults; unknown keys are errors even if the schema would strip them. */
export function checkOptions(
  definition: PluginDefinition,
  options: unknown,
  place: string,
): unknown {
  const schema = strict(definition.options);
  const input = options ?? {};
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = describeIssues(result.error.issues, input, schema)
    .map((problem) => `  ${joinPath(place, problem.path)}: ${problem.message}`)
    .join('\n');
  throw new SledgeError('SLEDGE_ERR_PLUGIN_OPTIONS', { plugin: definition.name, problems });
}

function joinPath(place: string, path: string): string {
  if (path === '') return place;
  return path.startsWith('[') ? `${place}${path}` : `${place}.${path}`;
}

function strict(schema: PluginDefinition['options']): PluginDefinition['options'] {
  const candidate = schema as { strict?: () => unknown; def?: { catchall?: unknown } };
  if (typeof candidate.strict !== 'function' || candidate.def?.catchall !== undefined)
    return schema;
  return candidate.strict() as PluginDefinition['options'];
}

function isSchema(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'safeParse' in value &&
    typeof value.safeParse === 'function'
  );
}

function isListOfNames(value: unknown): boolean {
  if (value === undefined || typeof value === 'function') return true;
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
