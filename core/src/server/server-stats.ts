import type { TransportInstance } from '../contracts/kinds';

/** Somebody who counts, under a name; several of one name count together. */
export type Counting = readonly [name: string, counted: Readonly<Record<string, number>>];

/** What transports count. */
export function transportCounts(
  transports: readonly { readonly name: string; readonly instance: unknown }[],
): Counting[] {
  return transports.map(({ name, instance }) => [
    name,
    (instance as TransportInstance).stats?.() ?? {},
  ]);
}

/** All of it in one, each counter as `<name>.<counter>`. */
export function countedTogether(parts: readonly Counting[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [name, counted] of parts) {
    for (const [counter, value] of Object.entries(counted)) {
      const key = `${name}.${counter}`;
      all[key] = (all[key] ?? 0) + value;
    }
  }
  return all;
}
