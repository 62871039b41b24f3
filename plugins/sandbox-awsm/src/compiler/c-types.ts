import { type FunctionType, ValueType, type ValueTypeCode } from './model';

/** How value types are spelt in C and in the names of slots. */
const SPELLING: Record<number, { c: string; letter: string; cell: string }> = {
  [ValueType.I32]: { c: 'u32', letter: 'i', cell: 'i32' },
  [ValueType.I64]: { c: 'u64', letter: 'j', cell: 'i64' },
  [ValueType.F32]: { c: 'float', letter: 'f', cell: 'f32_bits' },
  [ValueType.F64]: { c: 'double', letter: 'd', cell: 'f64_bits' },
  [ValueType.V128]: { c: 'v128', letter: 'v', cell: 'v128' },
  [ValueType.FuncRef]: { c: 'ref', letter: 'r', cell: 'ref' },
  [ValueType.ExternRef]: { c: 'ref', letter: 'r', cell: 'ref' },
};

function spelling(type: ValueTypeCode): { c: string; letter: string; cell: string } {
  const found = SPELLING[type];
  if (found === undefined) throw new Error(`value type ${String(type)} has no C type`);
  return found;
}

export function cType(type: ValueTypeCode): string {
  return spelling(type).c;
}

export function letter(type: ValueTypeCode): string {
  return spelling(type).letter;
}

/** Bytes of a value in the instance's state. */
export function byteSize(type: ValueTypeCode): number {
  if (type === ValueType.V128) return 16;
  return type === ValueType.I32 || type === ValueType.F32 ? 4 : 8;
}

/** The C type of a function's result: several results travel in a struct. */
export function resultType(type: FunctionType): string {
  if (type.results.length === 0) return 'void';
  if (type.results.length === 1) return cType(type.results[0] as ValueTypeCode);
  return `struct ${resultStruct(type.results)}`;
}

export function resultStruct(results: readonly ValueTypeCode[]): string {
  return `results_${results.map(letter).join('')}`;
}

export function resultStructDefinition(results: readonly ValueTypeCode[]): string {
  const fields = results.map((type, i) => `${cType(type)} v${String(i)};`);
  return `struct ${resultStruct(results)} { ${fields.join(' ')} };`;
}

/** "sledge_instance *, u32, double": the C parameters without names. */
export function parameterTypes(type: FunctionType): string {
  return ['sledge_instance *', ...type.params.map(cType)].join(', ');
}

/** The type to which an untyped code pointer is cast before a call. */
export function functionPointer(type: FunctionType): string {
  return `${resultType(type)} (*)(${parameterTypes(type)})`;
}

/** Reads a value from, or makes the bits for, a sledge_value of the generic invoker. */
export function fromCell(type: ValueTypeCode, cell: string): string {
  const read = `${cell}.${spelling(type).cell}`;
  if (type === ValueType.F32) return `f32_reinterpret_i32(${read})`;
  if (type === ValueType.F64) return `f64_reinterpret_i64(${read})`;
  if (type === ValueType.V128) return `v128_of_bytes(${read})`;
  return read;
}

export function toCell(type: ValueTypeCode, cell: string, value: string): string {
  const target = `${cell}.${spelling(type).cell}`;
  if (type === ValueType.F32) return `${target} = i32_reinterpret_f32(${value});`;
  if (type === ValueType.F64) return `${target} = i64_reinterpret_f64(${value});`;
  if (type === ValueType.V128) return `v128_to_bytes(${target}, ${value});`;
  return `${target} = ${value};`;
}

/** What a local holds before it is written. */
export function zero(type: ValueTypeCode): string {
  return type === ValueType.V128 ? '{0}' : '0';
}

export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16)}u`;
}

export function hex64(low: number, high: number): string {
  return `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}ull`;
}

/** A C literal whose bits are those of the constant; floats never pass through decimal text. */
export function constant(type: ValueTypeCode, low: number, high: number): string {
  switch (type) {
    case ValueType.I32:
      return hex32(low);
    case ValueType.I64:
      return hex64(low, high);
    case ValueType.F32:
      return `f32_reinterpret_i32(${hex32(low)})`;
    case ValueType.F64:
      return `f64_reinterpret_i64(${hex64(low, high)})`;
    default:
      return '(ref)0';
  }
}

/** A vector literal of 16 bytes, as two halves. */
export function vectorConstant(bytes: readonly number[]): string {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const half = (at: number): string =>
    `(s64)${hex64(view.getUint32(at, true), view.getUint32(at + 4, true))}`;
  return `(v128){${half(0)}, ${half(8)}}`;
}
