import { ValueType, type ValueTypeCode } from './model';
import type { MemoryOp, NumericOp } from './opcodes';

/** Vector opcodes with immediates of their own: 0xfd00 + their number. */
export const VectorOp = {
  First: 0xfd00,
  Const: 0xfd0c,
  Shuffle: 0xfd0d,
  /** Relaxed ones begin here. */
  Relaxed: 0xfe00,
} as const;

/** Takes a lane out of a vector, or puts one into it. */
export interface LaneOp {
  readonly name: string;
  readonly lanes: number;
  readonly scalar: ValueTypeCode;
  readonly replace: boolean;
}

/** Loads or stores one lane of a vector operand. */
export interface LaneMemoryOp {
  readonly name: string;
  readonly bytesLog2: number;
  readonly store: boolean;
}

type Entries<T> = readonly (readonly [number, T])[];
/** First number, parameters and result by letter, and the names; "-" leaves a number out. */
type Row = readonly [number, string, string];

const LETTERS: Record<string, ValueTypeCode> = {
  v: ValueType.V128,
  i: ValueType.I32,
  j: ValueType.I64,
  f: ValueType.F32,
  d: ValueType.F64,
};
const SHAPES: Record<string, { lanes: number; scalar: ValueTypeCode }> = {
  i8x16: { lanes: 16, scalar: ValueType.I32 },
  i16x8: { lanes: 8, scalar: ValueType.I32 },
  i32x4: { lanes: 4, scalar: ValueType.I32 },
  i64x2: { lanes: 2, scalar: ValueType.I64 },
  f32x4: { lanes: 4, scalar: ValueType.F32 },
  f64x2: { lanes: 2, scalar: ValueType.F64 },
};

function prefixed(prefix: string, names: string): string {
  return names.replace(/[^ ]+/g, (name) => (name === '-' ? name : `${prefix}_${name}`));
}

const INT_COMPARE = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const FLOAT_COMPARE = 'eq ne lt gt le ge';
const FLOAT_BINARY = 'add sub mul div min max pmin pmax';
const SATURATING = 'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u';

function halves(name: string, from: string): string {
  return ['low_s', 'high_s', 'low_u', 'high_u']
    .map((half) => `${name}_${half.replace('_', `_${from}_`)}`)
    .join(' ');
}

const NUMERIC_ROWS: readonly Row[] = [
  [14, 'vv>v', 'i8x16_swizzle'],
  [15, 'i>v', 'i8x16_splat i16x8_splat i32x4_splat'],
  [18, 'j>v', 'i64x2_splat'],
  [19, 'f>v', 'f32x4_splat'],
  [20, 'd>v', 'f64x2_splat'],
  [35, 'vv>v', prefixed('i8x16', INT_COMPARE)],
  [45, 'vv>v', prefixed('i16x8', INT_COMPARE)],
  [55, 'vv>v', prefixed('i32x4', INT_COMPARE)],
  [65, 'vv>v', prefixed('f32x4', FLOAT_COMPARE)],
  [71, 'vv>v', prefixed('f64x2', FLOAT_COMPARE)],
  [77, 'v>v', 'v128_not'],
  [78, 'vv>v', 'v128_and v128_andnot v128_or v128_xor'],
  [82, 'vvv>v', 'v128_bitselect'],
  [83, 'v>i', 'v128_any_true'],
  [94, 'v>v', 'f32x4_demote_f64x2_zero f64x2_promote_low_f32x4'],
  [96, 'v>v', 'i8x16_abs i8x16_neg i8x16_popcnt'],
  [99, 'v>i', 'i8x16_all_true i8x16_bitmask'],
  [101, 'vv>v', 'i8x16_narrow_i16x8_s i8x16_narrow_i16x8_u'],
  [103, 'v>v', 'f32x4_ceil f32x4_floor f32x4_trunc f32x4_nearest'],
  [107, 'vi>v', 'i8x16_shl i8x16_shr_s i8x16_shr_u'],
  [110, 'vv>v', prefixed('i8x16', SATURATING)],
  [116, 'v>v', 'f64x2_ceil f64x2_floor'],
  [118, 'vv>v', 'i8x16_min_s i8x16_min_u i8x16_max_s i8x16_max_u'],
  [122, 'v>v', 'f64x2_trunc'],
  [123, 'vv>v', 'i8x16_avgr_u'],
  [124, 'v>v', 'i16x8_extadd_pairwise_i8x16_s i16x8_extadd_pairwise_i8x16_u'],
  [126, 'v>v', 'i32x4_extadd_pairwise_i16x8_s i32x4_extadd_pairwise_i16x8_u'],
  [128, 'v>v', 'i16x8_abs i16x8_neg'],
  [130, 'vv>v', 'i16x8_q15mulr_sat_s'],
  [131, 'v>i', 'i16x8_all_true i16x8_bitmask'],
  [133, 'vv>v', 'i16x8_narrow_i32x4_s i16x8_narrow_i32x4_u'],
  [135, 'v>v', prefixed('i16x8', halves('extend', 'i8x16'))],
  [139, 'vi>v', 'i16x8_shl i16x8_shr_s i16x8_shr_u'],
  [142, 'vv>v', prefixed('i16x8', SATURATING)],
  [148, 'v>v', 'f64x2_nearest'],
  [149, 'vv>v', prefixed('i16x8', 'mul min_s min_u max_s max_u - avgr_u')],
  [156, 'vv>v', prefixed('i16x8', halves('extmul', 'i8x16'))],
  [160, 'v>v', 'i32x4_abs i32x4_neg'],
  [163, 'v>i', 'i32x4_all_true i32x4_bitmask'],
  [167, 'v>v', prefixed('i32x4', halves('extend', 'i16x8'))],
  [171, 'vi>v', 'i32x4_shl i32x4_shr_s i32x4_shr_u'],
  [174, 'vv>v', prefixed('i32x4', 'add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s')],
  [188, 'vv>v', prefixed('i32x4', halves('extmul', 'i16x8'))],
  [192, 'v>v', 'i64x2_abs i64x2_neg'],
  [195, 'v>i', 'i64x2_all_true i64x2_bitmask'],
  [199, 'v>v', prefixed('i64x2', halves('extend', 'i32x4'))],
  [203, 'vi>v', 'i64x2_shl i64x2_shr_s i64x2_shr_u'],
  [206, 'vv>v', prefixed('i64x2', 'add - - sub - - - mul eq ne lt_s gt_s le_s ge_s')],
  [220, 'vv>v', prefixed('i64x2', halves('extmul', 'i32x4'))],
  [224, 'v>v', 'f32x4_abs f32x4_neg - f32x4_sqrt'],
  [228, 'vv>v', prefixed('f32x4', FLOAT_BINARY)],
  [236, 'v>v', 'f64x2_abs f64x2_neg - f64x2_sqrt'],
  [240, 'vv>v', prefixed('f64x2', FLOAT_BINARY)],
  [248, 'v>v', 'i32x4_trunc_sat_f32x4_s i32x4_trunc_sat_f32x4_u'],
  [250, 'v>v', 'f32x4_convert_i32x4_s f32x4_convert_i32x4_u'],
  [252, 'v>v', 'i32x4_trunc_sat_f64x2_s_zero i32x4_trunc_sat_f64x2_u_zero'],
  [254, 'v>v', 'f64x2_convert_low_i32x4_s f64x2_convert_low_i32x4_u'],
];

function numericEntries([first, signature, names]: Row): Entries<NumericOp> {
  const [from = '', to = ''] = signature.split('>');
  const params = [...from].map((letter) => LETTERS[letter] as ValueTypeCode);
  const result = LETTERS[to] as ValueTypeCode;
  return names.split(' ').flatMap((name, i): [number, NumericOp][] => {
    if (name === '-') return [];
    return [[VectorOp.First + first + i, { name, params, result, traps: false }]];
  });
}

/** Operations without immediates. */
export const vectorNumericOps: Entries<NumericOp> = NUMERIC_ROWS.flatMap(numericEntries);

const WHOLE_LOADS =
  'load:4 load8x8_s:3 load8x8_u:3 load16x4_s:3 load16x4_u:3 load32x2_s:3 load32x2_u:3 ' +
  'load8_splat:0 load16_splat:1 load32_splat:2 load64_splat:3 store:4';

function memoryEntries(first: number, list: string): Entries<MemoryOp> {
  return list.split(' ').map((text, i) => {
    const [name = '', size] = text.split(':');
    const store = name.startsWith('store');
    const op = { name: `v128_${name}`, type: ValueType.V128, bytesLog2: Number(size), store };
    return [VectorOp.First + first + i, op];
  });
}

/** Loads and stores of a whole vector, from fewer bytes of memory too. */
export const vectorMemoryOps: Entries<MemoryOp> = [
  ...memoryEntries(0, WHOLE_LOADS),
  ...memoryEntries(92, 'load32_zero:2 load64_zero:3'),
];

const LANE_NAMES =
  'i8x16_extract_lane_s i8x16_extract_lane_u i8x16_replace_lane i16x8_extract_lane_s ' +
  'i16x8_extract_lane_u i16x8_replace_lane i32x4_extract_lane i32x4_replace_lane ' +
  'i64x2_extract_lane i64x2_replace_lane f32x4_extract_lane f32x4_replace_lane ' +
  'f64x2_extract_lane f64x2_replace_lane';

export const laneOps: ReadonlyMap<number, LaneOp> = new Map(
  LANE_NAMES.split(' ').map((name, i) => {
    const shape = SHAPES[name.slice(0, 5)] as (typeof SHAPES)[string];
    return [VectorOp.First + 21 + i, { name, ...shape, replace: name.includes('replace') }];
  }),
);

export const laneMemoryOps: ReadonlyMap<number, LaneMemoryOp> = new Map(
  ['load', 'store'].flatMap((kind, k) =>
    [8, 16, 32, 64].map((bits, bytesLog2) => {
      const name = `v128_${kind}${String(bits)}_lane`;
      return [VectorOp.First + 84 + 4 * k + bytesLog2, { name, bytesLog2, store: k === 1 }];
    }),
  ),
);
