/** What is known of a value while a loop's body is read once, in order: see loop-hulls.ts. */
export type AbstractValue = Address | { readonly kind: 'unknown' };

/** A sum of i32 locals (as they are when the iteration begins), each times a factor. */
export interface Address {
  readonly kind: 'address';
  readonly terms: ReadonlyMap<number, number>;
  readonly base: number;
}

export const UNKNOWN: AbstractValue = { kind: 'unknown' };

export function constantAddress(base: number): Address {
  return { kind: 'address', terms: new Map(), base: base | 0 };
}

export function localAddress(local: number): Address {
  return { kind: 'address', terms: new Map([[local, 1]]), base: 0 };
}

export function isConstant(value: AbstractValue): value is Address {
  return value.kind === 'address' && value.terms.size === 0;
}

/** The result of an i32 operation, by its name in the prelude, when it is such a sum again. */
export function addressOf(name: string, left: Address, right: Address): AbstractValue {
  switch (name) {
    case 'i32_add':
      return addAddresses(left, right, 1);
    case 'i32_sub':
      return addAddresses(left, right, -1);
    case 'i32_shl':
      return isConstant(right) ? multiple(left, 1 << (right.base & 31)) : UNKNOWN;
    case 'i32_mul':
      if (isConstant(right)) return multiple(left, right.base);
      return isConstant(left) ? multiple(right, left.base) : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

function multiple(address: Address, factor: number): Address {
  return addAddresses(constantAddress(0), address, factor);
}

/** `a + b * factor`. */
function addAddresses(a: Address, b: Address, factor: number): Address {
  const terms = new Map(a.terms);
  for (const [local, times] of b.terms) {
    const sum = ((terms.get(local) ?? 0) + Math.imul(times, factor)) | 0;
    if (sum === 0) terms.delete(local);
    else terms.set(local, sum);
  }
  return { kind: 'address', terms, base: (a.base + Math.imul(b.base, factor)) | 0 };
}

/** Equal for sums that differ in the constant at most. */
export function sumKey({ terms }: Address): string {
  const sorted = [...terms].sort(([a], [b]) => a - b);
  return sorted.map(([local, times]) => `${String(local)}*${String(times)}`).join('+');
}
