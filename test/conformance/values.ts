import type { SuiteValue } from './suite';

const NULL = -1n;

/** A parameter of the suite as the bit pattern that the store takes. */
export function toBits(value: SuiteValue): bigint {
  if (value.value === 'null' || value.value === undefined) return NULL;
  return BigInt(value.value);
}

/** Whether a result is what the suite expects; NaN classes and references as it defines them. */
export function matches(expected: SuiteValue, actual: bigint): boolean {
  switch (expected.type) {
    case 'f32':
      return matchesFloat(expected.value, actual, 32n, 23n);
    case 'f64':
      return matchesFloat(expected.value, actual, 64n, 52n);
    case 'funcref':
    case 'externref':
      return expected.value === undefined ? actual !== NULL : actual === toBits(expected);
    default:
      return BigInt.asUintN(64, actual) === BigInt(expected.value ?? '0');
  }
}

function matchesFloat(
  expected: string | undefined,
  actual: bigint,
  bits: bigint,
  mantissa: bigint,
): boolean {
  if (expected !== 'nan:canonical' && expected !== 'nan:arithmetic') {
    return actual === BigInt(expected ?? '0');
  }
  const magnitude = actual & ~(1n << (bits - 1n));
  const quiet = 1n << (mantissa - 1n);
  const infinity = ((1n << (bits - 1n - mantissa)) - 1n) << mantissa;
  const canonical = infinity | quiet;
  if (expected === 'nan:canonical') return magnitude === canonical;
  return magnitude > infinity && (magnitude & canonical) === canonical;
}

/** How the suite's words for a trap begin, by sledge_trap. */
const TRAP_TEXTS: readonly (readonly string[])[] = [
  [],
  ['unreachable'],
  ['out of bounds memory access'],
  ['out of bounds table access'],
  ['integer divide by zero'],
  ['integer overflow'],
  ['invalid conversion to integer'],
  ['undefined element', 'undefined'],
  ['uninitialized element', 'uninitialized'],
  ['indirect call type mismatch', 'indirect call'],
  ['call stack exhausted'],
];

export function isTrap(trap: number, text: string): boolean {
  return (TRAP_TEXTS[trap] ?? []).some((start) => text.startsWith(start));
}
