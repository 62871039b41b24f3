import type { FunctionMetrics } from './layout';

/** What two versions of a function have counted, together. */
export function addMetrics(one: FunctionMetrics | undefined, other: FunctionMetrics) {
  return one === undefined ? other : (added(one, other) as FunctionMetrics);
}

/** Numbers and arrays of numbers at any depth; both have the same shape. */
function added(one: unknown, other: unknown): unknown {
  if (typeof one === 'number') return one + (other as number);
  if (one instanceof Float64Array) {
    return one.map((value, at) => value + ((other as Float64Array)[at] ?? 0));
  }
  const theirs = other as Record<string, unknown>;
  const entries = Object.entries(one as object).map(([key, value]) => [
    key,
    added(value, theirs[key]),
  ]);
  return Object.fromEntries(entries);
}
