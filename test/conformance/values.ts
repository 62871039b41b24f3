import type { SuiteValue } from './suite';

const NULL = -1n;
const VECTOR_BITS = 128;

/** A parameter of the suite as the bit pattern that the store takes. */
export function toBits(value: SuiteValue): bigint {
  if (value.type === 'v128') {
    const lanes = lanesOf(value);
    const width = BigInt(VECTOR_BITS / lanes.length);
    return lanes.reduceRight((bits, lane) => (bits << width) | toBits(lane), 0n);
  }
  const text = textOf(value);
  return text === 'null' || text === undefined ? NULL : BigInt(text);
}

function textOf(value: SuiteValue): string | undefined {
  return typeof value.value === 'object' ? value.value[0] : value.value;
}

/** The lanes of a vector, the lowest first. */
function lanesOf(value: SuiteValue): SuiteValue[] {
  if (typeof value.value !== 'object') throw new Error('a vector has no lanes');
  const type = value.lane_type ?? '';
  return value.value.map((lane) => ({ type, value: lane }));
}

/** Whether a result is what the suite expects; NaN classes and references as it defines them. */
export function matches(expected: SuiteValue, actual: bigint): boolean {
  const text = textOf(expected);
  switch (expected.type) {
    case 'v128':
      return matchesVector(lanesOf(expected), actual);
    case 'f32':
      return matchesFloat(text, actual, 32n, 23n);
    case 'f64':
      return matchesFloat(text, actual, 64n, 52n);
    case 'funcref':
    case 'externref':
      return text === undefined ? actual !== NULL : actual === toBits(expected);
    default:
      return BigInt.asUintN(64, actual) === BigInt(text ?? '0');
  }
}

function matchesVector(lanes: readonly SuiteValue[], actual: bigint): boolean {
  const width = VECTOR_BITS / lanes.length;
  return lanes.every((lane, i) =>
    matches(lane, BigInt.asUintN(width, actual >> BigInt(i * width))),
  );
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
