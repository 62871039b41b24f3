import { createHash } from 'node:crypto';
import { z } from 'zod';
import { rollbackRule } from '../admin/control-schemas';
import type { RegistryEntry } from '../contracts/registry';
import type { StoredFunction } from '../control/function-store';
import { SledgeError } from '../errors/sledge-error';
import { CONTROL_ACTIONS } from '../functions/live-function';
import { POLICY_KINDS } from '../server/policy-kinds';

const ENTRY_CHARS_MAX = 262_144;
const TOKEN_CHARS_MAX = 300;

const version = z
  .int()
  .min(1)
  .max(2 ** 31);
const name = z.string().min(1).max(64);
const settings = z.record(z.string().max(64), z.unknown());
const arm = z.strictObject({ version, weight: z.number().gt(0).max(1_000_000) });
const stamp = z.string().max(40);

const functionEntry = z.strictObject({
  tenant: name,
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  current: version,
  previous: z.array(version).max(10),
  nextVersion: version,
  split: z.strictObject({ stable: arm, trial: arm, rule: rollbackRule.exactOptional() }).nullable(),
  events: z
    .array(
      z.strictObject({
        at: stamp,
        action: z.enum(CONTROL_ACTIONS),
        version: z.int().min(0),
        reason: z.string().max(300).exactOptional(),
      }),
    )
    .max(16),
  versions: z
    .array(
      z.strictObject({ version, hash: z.string().regex(/^[0-9a-f]{64}$/), settings, at: stamp }),
    )
    .min(1)
    .max(10),
});

const tenantEntry = z.strictObject({ name, settings });
/** A file of one machine is none of another, and who writes here loads no code of his choice. */
const policyName = z
  .string()
  .max(214)
  .regex(/^(@[\w-][\w.-]*\/)?[\w-][\w.-]*$/, 'the name of a policy or package, and no path');
const policyEntry = z.strictObject({
  kind: z.enum(POLICY_KINDS),
  choice: z.union([policyName, z.tuple([policyName, z.record(z.string(), z.unknown())])]),
  group: z.string().max(64).exactOptional(),
});
const nodeEntry = z.strictObject({ node: name, isTaking: z.boolean() });

/** Whether all nodes may know a policy by that name. */
export const isPolicyName = (source: string): boolean => policyName.safeParse(source).success;

export type TenantEntry = z.output<typeof tenantEntry>;
export type PolicyEntry = z.output<typeof policyEntry>;
export type NodeEntry = z.output<typeof nodeEntry>;

/** What a key of the registry holds. */
export type ClusterEntry =
  | { readonly kind: 'function'; readonly value: StoredFunction }
  | { readonly kind: 'tenant'; readonly value: TenantEntry }
  | { readonly kind: 'policy'; readonly value: PolicyEntry }
  | { readonly kind: 'node'; readonly value: NodeEntry };

export type EntryKind = ClusterEntry['kind'];

const SCHEMAS = {
  function: functionEntry,
  tenant: tenantEntry,
  policy: policyEntry,
  node: nodeEntry,
} as const;

/** Keys are made of tokens that any registry can hold. */
export const keys = {
  function: (tenant: string, fn: string) => `function.${token(tenant)}.${token(fn)}`,
  functionsOf: (tenant: string) => `function.${token(tenant)}.`,
  tenant: (tenant: string) => `tenant.${token(tenant)}`,
  policy: (kind: string, group = '') => `policy.${kind}.${token(group)}`,
  node: (node: string) => `node.${token(node)}`,
};

/** Letters, digits, "_" and "-" as they are; other bytes as "=" and two hexadecimal digits. */
function token(text: string): string {
  const hex = (byte: number): string => `=${byte.toString(16).padStart(2, '0')}`;
  const plain = text.replace(/[^A-Za-z0-9_-]/gu, (sign) =>
    [...Buffer.from(sign)].map(hex).join(''),
  );
  if (plain.length > TOKEN_CHARS_MAX) {
    return `=${createHash('sha256').update(text).digest('hex')}`;
  }
  return plain === '' ? '=' : plain;
}

/** The kind that a key names; undefined: none that this Sledge knows. */
export function kindOfKey(key: string): EntryKind | undefined {
  const kind = key.slice(0, key.indexOf('.'));
  return Object.hasOwn(SCHEMAS, kind) ? (kind as EntryKind) : undefined;
}

/**
 * What an entry says. Whoever may write to the registry may write anything: nothing of it is used
 * before it is checked here.
 * @throws SledgeError SLEDGE_ERR_CLUSTER_ENTRY.
 */
export function parseEntry({ key, value }: Pick<RegistryEntry, 'key' | 'value'>): ClusterEntry {
  const damaged = (reason: string): SledgeError =>
    new SledgeError('SLEDGE_ERR_CLUSTER_ENTRY', { key: key.slice(0, 200), reason });
  const kind = kindOfKey(key);
  if (kind === undefined) throw damaged('its key is of no known kind');
  if (value === undefined || value.length > ENTRY_CHARS_MAX) {
    throw damaged(value === undefined ? 'it is empty' : `over ${ENTRY_CHARS_MAX} characters`);
  }
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    throw damaged('it is no JSON');
  }
  const parsed = SCHEMAS[kind].safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damaged(
      `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it is wrong'}`.slice(0, 200),
    );
  }
  const entry = { kind, value: parsed.data } as ClusterEntry;
  if (keyOf(entry) !== key) throw damaged('it speaks of something else');
  if (entry.kind === 'function') checkVersions(entry.value, damaged);
  return entry;
}

function keyOf(entry: ClusterEntry): string {
  switch (entry.kind) {
    case 'function':
      return keys.function(entry.value.tenant, entry.value.name);
    case 'tenant':
      return keys.tenant(entry.value.name);
    case 'policy':
      return keys.policy(entry.value.kind, entry.value.group);
    case 'node':
      return keys.node(entry.value.node);
  }
}

function checkVersions(
  { versions, current, previous, split, nextVersion }: StoredFunction,
  damaged: (reason: string) => SledgeError,
): void {
  const known = new Set(versions.map((one) => one.version));
  if (known.size !== versions.length) throw damaged('two versions have one number');
  const arms = split === null ? [] : [split.stable.version, split.trial.version];
  if (new Set(arms).size !== arms.length) throw damaged('it is split between one version');
  const missing = [current, ...previous, ...arms].find((one) => !known.has(one));
  if (missing !== undefined) throw damaged(`version ${missing} is not among its versions`);
  const last = Math.max(...known);
  if (nextVersion <= last) throw damaged(`nextVersion is not above ${last}`);
}
