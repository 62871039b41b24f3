import type { z } from 'zod';
import { nearestName } from '../nearest';
import { at, keysOf } from './schema-walk';
import type { SchemaNode } from './schema-walk';

/** One thing that is wrong with a config, for people. */
export interface Problem {
  keys: readonly PropertyKey[];
  /** The key itself is wrong, not its value: its position is the key's. */
  aboutKey: boolean;
  /** As text: `tenants[0].port`. */
  path: string;
  message: string;
}

type Issue = z.core.$ZodIssue;

/** All problems, in the order of the schema: where, what was expected, and the nearest name. */
export function describeIssues(
  issues: readonly Issue[],
  input: unknown,
  schema: SchemaNode,
): Problem[] {
  return issues.flatMap((issue) => {
    if (isTold(issue, issues)) return [];
    if (issue.code !== 'unrecognized_keys') {
      return [problem(issue.path, describe(issue, valueAt(input, issue.path)))];
    }
    const known = keysOf(at(schema, issue.path));
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const hint =
        nearest === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${nearest}?`;
      return problem([...issue.path, key], `unknown key; ${hint}`, true);
    });
  });
}

/** Beyond what an integer can be, where the schema's own, nearer bound is told as well. */
function isTold(issue: Issue, all: readonly Issue[]): boolean {
  if (issue.code !== 'too_big' && issue.code !== 'too_small') return false;
  const limit = issue.code === 'too_big' ? issue.maximum : issue.minimum;
  if (Math.abs(Number(limit)) !== Number.MAX_SAFE_INTEGER) return false;
  const place = pathText(issue.path);
  return all.some(
    (one) => one !== issue && one.code === issue.code && pathText(one.path) === place,
  );
}

export function problem(keys: readonly PropertyKey[], message: string, aboutKey = false): Problem {
  return { keys, aboutKey, path: pathText(keys), message };
}

/** `['tenants', 0, 'port']` as `tenants[0].port`. */
export function pathText(keys: readonly PropertyKey[]): string {
  return keys.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

/** The value at a path, or undefined where the path leads nowhere. */
export function valueAt(input: unknown, keys: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function describe(issue: Issue, value: unknown): string {
  if (issue.code === 'custom') return issue.message;
  const expected = expectation(issue);
  if (value === undefined) return `missing; expected ${expected}`;
  const near = issue.code === 'invalid_value' ? nearestValue(value, issue.values) : '';
  return `expected ${expected}, got ${show(value)}${near}`;
}

function nearestValue(value: unknown, values: readonly unknown[]): string {
  if (typeof value !== 'string') return '';
  const nearest = nearestName(
    value,
    values.filter((candidate) => typeof candidate === 'string'),
  );
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map((value) => show(value)).join(' or ');
    case 'too_small':
      return bound(
        issue.origin,
        issue.inclusive === false ? 'more than' : 'at least',
        issue.minimum,
      );
    case 'too_big':
      return bound(
        issue.origin,
        issue.inclusive === false ? 'less than' : 'at most',
        issue.maximum,
      );
    case 'invalid_union':
      return unionExpectation(issue);
    case 'invalid_format':
      return issue.message.startsWith('Invalid')
        ? `text of the form ${issue.format}`
        : issue.message;
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    default:
      return issue.message;
  }
}

function unionExpectation(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  if (issue.errors.length === 0 || issue.message !== 'Invalid input') return issue.message;
  const words = issue.errors.map((branch) => {
    const first = branch[0];
    if (first === undefined) return issue.message;
    const place = first.path.length === 0 ? '' : `${pathText(first.path)}: `;
    return place + expectation(first);
  });
  return [...new Set(words)].join(' or ');
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: 'an integer',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
  string: 'text',
};

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string') return `text of ${relation} ${limit} characters`;
  if (origin === 'array') return `a list of ${relation} ${limit} entries`;
  return `${relation} ${limit}`;
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
