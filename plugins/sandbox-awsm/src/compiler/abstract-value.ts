/** What is known of a value while a loop's body is read once, in order: see kept-loads.ts. */
export type AbstractValue =
  /** A sum of i32 locals (as they are when the iteration begins), each times a factor. */
  | { readonly kind: 'address'; readonly terms: ReadonlyMap<number, number>; readonly base: number }
  /** A float constant. Neutral: an operation with it may be the identity. */
  | { readonly kind: 'number'; readonly neutral: boolean }
  /** Certainly different for different values of each of these loads. */
  | {
      readonly kind: 'data';
      readonly loads: ReadonlySet<number>;
      /** A load's value as it is: where it came from. */
      readonly copyOf?: AbstractValue;
      /** An integer local to which the loads were added. */
      readonly sumIn?: number;
    }
  | { readonly kind: 'compare'; readonly left: AbstractValue; readonly right: AbstractValue }
  | { readonly kind: 'unknown' };

export type Address = Extract<AbstractValue, { kind: 'address' }>;
export type Data = Extract<AbstractValue, { kind: 'data' }>;

export const UNKNOWN: AbstractValue = { kind: 'unknown' };
const NO_LOADS: ReadonlySet<number> = new Set();

/** A value of which nothing is known, but that it is some value. */
export const OPAQUE: Data = { kind: 'data', loads: NO_LOADS };

export function constantAddress(base: number): Address {
  return { kind: 'address', terms: new Map(), base: base | 0 };
}

export function localAddress(local: number): Address {
  return { kind: 'address', terms: new Map([[local, 1]]), base: 0 };
}

/** `a + b * factor`. */
export function addAddresses(a: Address, b: Address, factor: number): Address {
  const terms = new Map(a.terms);
  for (const [local, times] of b.terms) {
    const sum = ((terms.get(local) ?? 0) + Math.imul(times, factor)) | 0;
    if (sum === 0) terms.delete(local);
    else terms.set(local, sum);
  }
  return { kind: 'address', terms, base: (a.base + Math.imul(b.base, factor)) | 0 };
}

export function sameTerms(a: Address, b: Address): boolean {
  return a.terms.size === b.terms.size && [...a.terms].every(([k, v]) => b.terms.get(k) === v);
}

export function isConstant(value: AbstractValue | undefined): value is Address {
  return value?.kind === 'address' && value.terms.size === 0;
}

/** The local that the value is, unchanged. */
export function asLocal(value: AbstractValue): number | undefined {
  if (value.kind !== 'address' || value.base !== 0 || value.terms.size !== 1) return undefined;
  const [[local, times]] = [...value.terms] as [[number, number]];
  return times === 1 ? local : undefined;
}

export function union(a: Data, b: Data): Data {
  return { kind: 'data', loads: new Set([...a.loads, ...b.loads]) };
}
