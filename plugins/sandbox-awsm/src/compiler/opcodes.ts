import { ValueType, type ValueTypeCode } from './model';
import { vectorMemoryOps, vectorNumericOps } from './vector-opcodes';

/** Opcodes with immediates or control flow. Prefixed ones are 0xfc00 + their number. */
export const Op = {
  Unreachable: 0x00,
  Nop: 0x01,
  Block: 0x02,
  Loop: 0x03,
  If: 0x04,
  Else: 0x05,
  End: 0x0b,
  Br: 0x0c,
  BrIf: 0x0d,
  BrTable: 0x0e,
  Return: 0x0f,
  Call: 0x10,
  CallIndirect: 0x11,
  Drop: 0x1a,
  Select: 0x1b,
  SelectTyped: 0x1c,
  LocalGet: 0x20,
  LocalSet: 0x21,
  LocalTee: 0x22,
  GlobalGet: 0x23,
  GlobalSet: 0x24,
  TableGet: 0x25,
  TableSet: 0x26,
  I32Load: 0x28,
  I64Store32: 0x3e,
  MemorySize: 0x3f,
  MemoryGrow: 0x40,
  I32Const: 0x41,
  I64Const: 0x42,
  F32Const: 0x43,
  F64Const: 0x44,
  I32Eqz: 0x45,
  I32Ne: 0x47,
  I32Add: 0x6a,
  I32Sub: 0x6b,
  I64Extend32S: 0xc4,
  RefNull: 0xd0,
  RefIsNull: 0xd1,
  RefFunc: 0xd2,
  MemoryInit: 0xfc08,
  DataDrop: 0xfc09,
  MemoryCopy: 0xfc0a,
  MemoryFill: 0xfc0b,
  TableInit: 0xfc0c,
  ElemDrop: 0xfc0d,
  TableCopy: 0xfc0e,
  TableGrow: 0xfc0f,
  TableSize: 0xfc10,
  TableFill: 0xfc11,
} as const;

/** An operation without immediates: the prelude has a macro or function of the same name. */
export interface NumericOp {
  readonly name: string;
  readonly params: readonly ValueTypeCode[];
  readonly result: ValueTypeCode;
  /** Takes the instance first, as it may trap. */
  readonly traps: boolean;
}

export interface MemoryOp {
  readonly name: string;
  readonly type: ValueTypeCode;
  readonly bytesLog2: number;
  readonly store: boolean;
}

export const numericOps = new Map<number, NumericOp>(vectorNumericOps);
export const memoryOps = new Map<number, MemoryOp>(vectorMemoryOps);

const { I32, I64, F32, F64 } = ValueType;
const TYPE_OF: Record<string, ValueTypeCode> = { i32: I32, i64: I64, f32: F32, f64: F64 };

function typeOf(name: string): ValueTypeCode {
  return TYPE_OF[name] as ValueTypeCode;
}

function addNumeric(first: number, prefix: string, names: string, arity: 1 | 2, to?: string): void {
  const type = typeOf(prefix);
  names.split(' ').forEach((suffix, i) => {
    numericOps.set(first + i, {
      name: `${prefix}_${suffix}`,
      params: arity === 1 ? [type] : [type, type],
      result: to === undefined ? type : typeOf(to),
      traps: /^(div|rem)_/.test(suffix),
    });
  });
}

function addConversions(first: number, list: string): void {
  list.split(' ').forEach((text, i) => {
    const [name, from] = text.split(':') as [string, string];
    numericOps.set(first + i, {
      name,
      params: [typeOf(from)],
      result: typeOf(name.slice(0, 3)),
      traps: name.includes('_trunc_f'),
    });
  });
}

function addMemory(first: number, list: string, store: boolean): void {
  list.split(' ').forEach((text, i) => {
    const [name, size] = text.split(':') as [string, string];
    const type = typeOf(name.slice(0, 3));
    memoryOps.set(first + i, { name, type, bytesLog2: Number(size), store });
  });
}

const INT_COMPARE = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const FLOAT_COMPARE = 'eq ne lt gt le ge';
const INT_BINARY = 'add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr';
const FLOAT_UNARY = 'abs neg ceil floor trunc nearest sqrt';
const FLOAT_BINARY = 'add sub mul div min max copysign';

addNumeric(0x45, 'i32', 'eqz', 1, 'i32');
addNumeric(0x46, 'i32', INT_COMPARE, 2, 'i32');
addNumeric(0x50, 'i64', 'eqz', 1, 'i32');
addNumeric(0x51, 'i64', INT_COMPARE, 2, 'i32');
addNumeric(0x5b, 'f32', FLOAT_COMPARE, 2, 'i32');
addNumeric(0x61, 'f64', FLOAT_COMPARE, 2, 'i32');
addNumeric(0x67, 'i32', 'clz ctz popcnt', 1);
addNumeric(0x6a, 'i32', INT_BINARY, 2);
addNumeric(0x79, 'i64', 'clz ctz popcnt', 1);
addNumeric(0x7c, 'i64', INT_BINARY, 2);
addNumeric(0x8b, 'f32', FLOAT_UNARY, 1);
addNumeric(0x92, 'f32', FLOAT_BINARY, 2);
addNumeric(0x99, 'f64', FLOAT_UNARY, 1);
addNumeric(0xa0, 'f64', FLOAT_BINARY, 2);
addConversions(
  0xa7,
  'i32_wrap_i64:i64 i32_trunc_f32_s:f32 i32_trunc_f32_u:f32 i32_trunc_f64_s:f64 ' +
    'i32_trunc_f64_u:f64 i64_extend_i32_s:i32 i64_extend_i32_u:i32 i64_trunc_f32_s:f32 ' +
    'i64_trunc_f32_u:f32 i64_trunc_f64_s:f64 i64_trunc_f64_u:f64 f32_convert_i32_s:i32 ' +
    'f32_convert_i32_u:i32 f32_convert_i64_s:i64 f32_convert_i64_u:i64 f32_demote_f64:f64 ' +
    'f64_convert_i32_s:i32 f64_convert_i32_u:i32 f64_convert_i64_s:i64 f64_convert_i64_u:i64 ' +
    'f64_promote_f32:f32 i32_reinterpret_f32:f32 i64_reinterpret_f64:f64 ' +
    'f32_reinterpret_i32:i32 f64_reinterpret_i64:i64 i32_extend8_s:i32 i32_extend16_s:i32 ' +
    'i64_extend8_s:i64 i64_extend16_s:i64 i64_extend32_s:i64',
);
addConversions(
  0xfc00,
  'i32_trunc_sat_f32_s:f32 i32_trunc_sat_f32_u:f32 i32_trunc_sat_f64_s:f64 ' +
    'i32_trunc_sat_f64_u:f64 i64_trunc_sat_f32_s:f32 i64_trunc_sat_f32_u:f32 ' +
    'i64_trunc_sat_f64_s:f64 i64_trunc_sat_f64_u:f64',
);
addMemory(
  0x28,
  'i32_load:2 i64_load:3 f32_load:2 f64_load:3 i32_load8_s:0 i32_load8_u:0 i32_load16_s:1 ' +
    'i32_load16_u:1 i64_load8_s:0 i64_load8_u:0 i64_load16_s:1 i64_load16_u:1 i64_load32_s:2 ' +
    'i64_load32_u:2',
  false,
);
addMemory(
  0x36,
  'i32_store:2 i64_store:3 f32_store:2 f64_store:3 i32_store8:0 i32_store16:1 i64_store8:0 ' +
    'i64_store16:1 i64_store32:2',
  true,
);
