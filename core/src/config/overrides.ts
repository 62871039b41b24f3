import { SledgeError } from '../errors/sledge-error';
import { hint } from '../nearest';
import { coerce } from './coerce';
import { configSchema, isPluginObject } from './schema';
import { alternatives, child, keysOf } from './schema-walk';
import type { SchemaNode } from './schema-walk';

/** One value given beside the file. */
export interface Override {
  /** As given, for messages: `--set workers.count=2`. */
  origin: string;
  /** Of `workers.count` or `WORKERS_COUNT`. */
  segments: readonly string[];
  style: 'path' | 'variable';
  value: string;
}

export interface AppliedOverride {
  origin: string;
  keys: readonly PropertyKey[];
}

const VARIABLE_PREFIX = 'SLEDGE_CFG_';
const PLUGIN_PLACES: readonly string[] = [
  'transports',
  'dispatcher',
  'scheduler',
  'estimator',
  'admission',
  'sandbox',
];

/** `a.b=2` of --set. @throws SledgeError SLEDGE_ERR_CONFIG_OVERRIDE. */
export function parseSet(text: string): Override {
  const split = text.indexOf('=');
  const segments = text.slice(0, Math.max(split, 0)).split('.');
  const origin = `--set ${text}`;
  if (split < 1 || segments.includes('')) throw wrong(origin, 'it has no key or no "=".');
  return { origin, segments, style: 'path', value: text.slice(split + 1) };
}

/** Every SLEDGE_CFG_ variable of the environment, in order of name. */
export function overridesOfEnvironment(env: NodeJS.ProcessEnv): Override[] {
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith(VARIABLE_PREFIX) && value !== undefined)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, value = '']) => ({
      origin: `${name}=${value}`,
      segments: name.slice(VARIABLE_PREFIX.length).split('_'),
      style: 'variable',
      value,
    }));
}

/**
 * Writes an override into the (not yet validated) configuration.
 * @throws SledgeError SLEDGE_ERR_CONFIG_OVERRIDE: no such key or element.
 */
export function applyOverride(root: object, override: Override): AppliedOverride {
  const keys: PropertyKey[] = [];
  let target = root as Record<PropertyKey, unknown>;
  let nodes = alternatives(configSchema);
  let rest = override.segments;
  while (rest.length > 0) {
    const step = nextStep(target, nodes, rest, override);
    keys.push(step.key);
    rest = rest.slice(step.used);
    const below = child(nodes, step.key);
    if (rest.length === 0) {
      target[step.key] = coerce(override.value, below);
      break;
    }
    if (keys.length === 1) fillPluginDefault(target, step.key);
    if (isPluginPlace(keys)) {
      setPluginOption(target, step.key, rest, override);
      keys.push(1);
      break;
    }
    target = enter(target, step.key, below, override);
    nodes = below;
  }
  return { origin: override.origin, keys };
}

interface Step {
  key: PropertyKey;
  used: number;
}

function nextStep(
  target: unknown,
  nodes: readonly SchemaNode[],
  rest: readonly string[],
  override: Override,
): Step {
  if (Array.isArray(target)) return elementStep(target, rest, override);
  const known = keysOf(nodes);
  if (override.style === 'path') {
    const key = rest[0] ?? '';
    if (known.includes(key)) return { key, used: 1 };
    throw wrong(override.origin, `there is no key ${key}${hint(key, known)}`);
  }
  for (let used = rest.length; used > 0; used -= 1) {
    const variable = rest.slice(0, used).join('_');
    const key = known.find((candidate) => asVariable(candidate) === variable);
    if (key !== undefined) return { key, used };
  }
  const variables = known.map(asVariable);
  const written = rest.join('_');
  throw wrong(override.origin, `no key here is called ${written}${hint(written, variables)}`);
}

function elementStep(
  target: readonly unknown[],
  rest: readonly string[],
  override: Override,
): Step {
  const first = rest[0] ?? '';
  if (/^\d{1,6}$/.test(first)) {
    if (Number(first) < target.length) return { key: Number(first), used: 1 };
    throw wrong(override.origin, `the list has ${target.length} entries, none at ${first}.`);
  }
  const names = target.map(elementName);
  const isVariable = override.style === 'variable';
  for (let used = isVariable ? rest.length : 1; used > 0; used -= 1) {
    const written = rest.slice(0, used).join(isVariable ? '_' : '.');
    const key = names.findIndex((name) => (isVariable ? asVariable(name) : name) === written);
    if (key >= 0) return { key, used };
  }
  throw wrong(override.origin, `the list has no entry ${first}${hint(first, names)}`);
}

function elementName(element: unknown): string {
  if (typeof element === 'string') return element;
  if (Array.isArray(element)) return elementName(element[0]);
  if (typeof element !== 'object' || element === null || !('name' in element)) return '';
  return String(element.name);
}

function isPluginPlace(keys: readonly PropertyKey[]): boolean {
  const place = String(keys[0]);
  if (!PLUGIN_PLACES.includes(place)) return false;
  return place === 'transports' ? keys.length === 2 : keys.length === 1;
}

function fillPluginDefault(target: Record<PropertyKey, unknown>, key: PropertyKey): void {
  if (target[key] !== undefined || !PLUGIN_PLACES.includes(String(key))) return;
  target[key] = (configSchema.parse({}) as Record<PropertyKey, unknown>)[key];
}

/** `scheduler.quantumUs=5`: the choice becomes [name, options] when it is not yet. */
function setPluginOption(
  target: Record<PropertyKey, unknown>,
  key: PropertyKey,
  rest: readonly string[],
  override: Override,
): void {
  const present = target[key];
  const [source, options] = Array.isArray(present) ? (present as unknown[]) : [present, {}];
  let place = { ...(options as Record<string, unknown>) };
  target[key] = [source, place];
  const names = override.style === 'path' ? [...rest] : [asCamelCase(rest)];
  const last = names.pop() ?? '';
  for (const name of names) {
    const inner = { ...(place[name] as Record<string, unknown> | undefined) };
    place[name] = inner;
    place = inner;
  }
  place[last] = coerce(override.value, []);
}

function enter(
  target: Record<PropertyKey, unknown>,
  key: PropertyKey,
  below: readonly SchemaNode[],
  override: Override,
): Record<PropertyKey, unknown> {
  const present = target[key];
  if (typeof present === 'object' && present !== null && !isPluginObject(present)) {
    return present as Record<PropertyKey, unknown>;
  }
  if (present !== undefined || keysOf(below).length === 0) {
    if (below.some(({ def }) => def?.type === 'array')) {
      return [] as unknown as Record<PropertyKey, unknown>;
    }
    throw wrong(override.origin, `${String(key)} has no keys.`);
  }
  const made: Record<PropertyKey, unknown> = {};
  target[key] = made;
  return made;
}

function asVariable(key: string): string {
  return key
    .replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`)
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}

function asCamelCase(segments: readonly string[]): string {
  const [first = '', ...others] = segments.map((segment) => segment.toLowerCase());
  return first + others.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function wrong(override: string, reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CONFIG_OVERRIDE', { override, reason });
}
