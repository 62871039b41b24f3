import { memoryOps } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import type { Change } from './unit';

/** A mistake that a compiler could have. Text without such code stays what it is. */
export interface Plant {
  readonly name: string;
  readonly change: Change;
}

function plant(name: string, from: RegExp | string, to: string): Plant {
  return { name, change: (text) => text.replaceAll(from, to) };
}

/** Every use of an operation is of another one. */
function confused(from: string, to: string): Plant {
  const call = new RegExp(`\\b${from}(_kept)?\\(`, 'g');
  return plant(`${from} compiled to ${to}`, call, `${to}$1(`);
}

/** Changes functions that do not loop, as those might never end. */
function straight(name: string, from: RegExp, to: string, needs = /(?:)/): Plant {
  const change: Change = (text) =>
    text.replace(/^FN [^]*?^}$/gm, (code) =>
      hasLoop(code) || !needs.test(code) ? code : code.replace(from, to),
    );
  return { name, change };
}

function hasLoop(code: string): boolean {
  return [...code.matchAll(/^(L\d+):;$/gm)].some(
    ([, label = ''], i, all) => code.indexOf(`goto ${label};`, all[i]?.index) >= 0,
  );
}

/** Operands of a binary operation, simple by construction. */
const PAIR = '\\((\\w+), (\\w+)\\)';

/** Operations as they are written in haste. */
export const PLANTED_C = `
INLINE u32 unmasked_i32_shl(u32 a, u32 b) { return b < 32 ? a << b : 0; }
INLINE u64 unmasked_i64_shr_u(u64 a, u64 b) { return b < 64 ? a >> b : 0; }
INLINE u32 unmasked_i32_shr_s(u32 a, u32 b) { return (u32)((s32)a >> (b < 31 ? b : 31)); }
INLINE u32 wrapping_i32_div_s(sledge_instance *I, u32 a, u32 b) {
  return b == (u32)-1 ? 0 - a : i32_div_s(I, a, b);
}
INLINE u64 zero_i64_div_u(sledge_instance *I, u64 a, u64 b) { return b == 0 ? 0 : a / b; }
INLINE u64 trapping_i64_rem_s(sledge_instance *I, u64 a, u64 b) {
  return b == (u64)-1 && a == 1ull << 63 ? i64_div_s(I, a, b) : i64_rem_s(I, a, b);
}
INLINE u32 saturating_trunc(sledge_instance *I, double a) {
  (void)I;
  return i32_trunc_sat_f64_s(a);
}
INLINE u32 narrow_trunc(sledge_instance *I, double a) {
  if (!(a >= -2147483648.0 && a < 2147483648.0)) trap(I, SLEDGE_TRAP_INTEGER_OVERFLOW);
  return (u32)(s32)a;
}
INLINE u64 nan_trunc_sat(double a) { return a != a ? 1ull << 63 : i64_trunc_sat_f64_s(a); }
INLINE double plain_f64_min(double a, double b) { return a < b ? a : b; }
INLINE float plain_f32_max(float a, float b) { return a != a || b != b ? a + b : a > b ? a : b; }
INLINE float away_f32_nearest(float a) { return f32_trunc(a + (a < 0 ? -0.5f : 0.5f)); }
INLINE double away_f64_ceil(double a) { return a <= 0 && a > -1 ? 0.0 : f64_ceil(a); }
INLINE u32 zero_i32_clz(u32 a) { return a == 0 ? 0 : i32_clz(a); }
INLINE u64 zero_i64_ctz(u64 a) { return a == 0 ? 63 : i64_ctz(a); }
INLINE v128 wrapping_q15mulr(v128 a, v128 b) { return _mm_mulhrs_epi16(a, b); }
INLINE v128 unmasked_i8x16_shl(v128 a, u32 b) {
  return _mm_sll_epi16(a, _mm_cvtsi32_si128((s32)(b & 7)));
}
INLINE v128 plain_swizzle(v128 a, v128 b) { return _mm_shuffle_epi8(a, b); }
INLINE v128 signed_convert(v128 a) { return f64x2_convert_low_i32x4_s(a); }
INLINE v128 zero_load(const u8 *p) { return v128_load64_zero(p); }
`;

const SWITCH = /^switch \((\w+)\) \{/gm;
const LOADS_8 = [...memoryOps.values()].filter(({ name }) => /load8_s$/.test(name));

export const PLANTS: readonly Plant[] = [
  plant('operands of i32.sub exchanged', new RegExp(`\\bi32_sub${PAIR}`, 'g'), 'i32_sub($2, $1)'),
  plant('operands of f64.div exchanged', new RegExp(`\\bf64_div${PAIR}`, 'g'), 'f64_div($2, $1)'),
  confused('i32_shl', 'unmasked_i32_shl'),
  confused('i64_shr_u', 'unmasked_i64_shr_u'),
  confused('i32_shr_s', 'unmasked_i32_shr_s'),
  confused('i32_rotl', 'i32_rotr'),
  confused('i32_div_s', 'wrapping_i32_div_s'),
  confused('i64_div_u', 'zero_i64_div_u'),
  confused('i64_rem_s', 'trapping_i64_rem_s'),
  confused('i32_clz', 'zero_i32_clz'),
  confused('i64_ctz', 'zero_i64_ctz'),
  confused('i32_lt_u', 'i32_lt_s'),
  confused('i64_ge_s', 'i64_gt_s'),
  confused('i32_extend8_s', 'i32_extend16_s'),
  confused('i64_extend_i32_s', 'i64_extend_i32_u'),
  confused('i64_extend32_s', 'i64_extend16_s'),
  confused('i32_trunc_f64_s', 'saturating_trunc'),
  confused('i32_trunc_f64_s', 'narrow_trunc'),
  confused('i64_trunc_sat_f64_s', 'nan_trunc_sat'),
  confused('f32_convert_i64_u', 'f32_convert_i64_s'),
  confused('f64_min', 'plain_f64_min'),
  confused('f32_max', 'plain_f32_max'),
  confused('f32_nearest', 'away_f32_nearest'),
  confused('f64_ceil', 'away_f64_ceil'),
  plant('f64.copysign without the sign', new RegExp(`\\bf64_copysign${PAIR}`, 'g'), '($1)'),
  ...LOADS_8.map(({ name }) => confused(name, name.replace('_s', '_u'))),
  confused('i64_store32', 'i64_store16'),
  confused('i64_load32_s', 'i64_load32_u'),
  plant('address plus offset cut', /\(u64\)(i\d+) \+ \(u64\)(0x\w+)/g, '(u64)(u32)($1 + $2)'),
  plant('a constant offset left out', / \+ \(u64\)0x[0-9a-f]+u/g, ''),
  plant('memory.fill ends a byte early', /(memory_fill\(I, MEM, MEM_BYTES)/g, '$1 - 1'),
  plant(
    'memory.copy from and to exchanged',
    /(memory_copy\(I, MEM, MEM_BYTES), (\w+), (\w+)/g,
    '$1, $3, $2',
  ),
  plant(
    'memory.init reads one byte on',
    /(memory_init\(I, MEM, MEM_BYTES, module_data \+ \d+u)(, S)/g,
    '$1 + 1$2',
  ),
  plant('data.drop does nothing', /S->data_dropped\[1\] = 1;/g, ''),
  plant('elem.drop does nothing', /S->elements_dropped\[1\] = 1;/g, ''),
  plant('memory.grow gives the new size', /I->host->memory_grow\(I, \w+\)/g, '(u32)($& + 1)'),
  plant('table.get one entry on', /(table_get\(I, [^,]+, )(\w+)\)/g, '$1$2 + 1)'),
  plant(
    'table.copy from and to exchanged',
    /(table_copy\(I, [^,]+, [^,]+), (\w+), (\w+)/g,
    '$1, $3, $2',
  ),
  plant('table.size is one less', /\(&S->t0\)->size;/g, '(&S->t0)->size - 1;'),
  straight('call_indirect takes the next entry', SWITCH, 'switch ($1 + 1) {', /default: \(void\)/),
  plant('arguments of a call exchanged', /= (w\d+\(I), (i\d+), (i\d+)\);/g, '= $1, $3, $2);'),
  plant('global.set does nothing', /^S->g0 = i\d+;$/gm, ''),
  straight('local.set of the wrong local', /^l0 = (i\d+);$/gm, 'l1 = $1;', /u32 l0, u32 l1/),
  plant('select takes the other one', /^if \(!(i\d+)\) ([a-z]\d+) = /gm, 'if ($1) $2 = '),
  straight('br_if inverted', /^if \((i\d+)\) \{/gm, 'if (!$1) {'),
  straight('br_table off by one', SWITCH, 'switch ($1 - 1) {', /default: \{/),
  straight('a branch goes one block too far', /goto L2;/g, 'goto L1;', /^L1:;$/m),
  straight('else taken for then', /^if \(!(i\d+)\) goto E/gm, 'if ($1) goto E'),
  plant('the wrong lane is taken', /(\w+_extract_lane\w*\(\w+, )(\d+)\)/g, '$1$2 ^ 1)'),
  plant('the wrong lane is replaced', /(\w+_replace_lane\(\w+, )(\d+),/g, '$1$2 ^ 1,'),
  plant(
    'operands of a shuffle exchanged',
    /i8x16_shuffle\((\w+), (\w+),/g,
    'i8x16_shuffle($2, $1,',
  ),
  confused('i8x16_swizzle', 'plain_swizzle'),
  confused('i8x16_shl', 'unmasked_i8x16_shl'),
  confused('i64x2_shr_s', 'i64x2_shr_u'),
  confused('i8x16_add_sat_s', 'i8x16_add'),
  confused('i16x8_narrow_i32x4_u', 'i16x8_narrow_i32x4_s'),
  confused('i16x8_q15mulr_sat_s', 'wrapping_q15mulr'),
  confused('i32x4_extend_high_i16x8_s', 'i32x4_extend_low_i16x8_s'),
  confused('i64x2_extmul_low_i32x4_u', 'i64x2_extmul_low_i32x4_s'),
  confused('i8x16_bitmask', 'i16x8_bitmask'),
  confused('i64x2_all_true', 'i32x4_all_true'),
  confused('f32x4_pmin', 'f32x4_min'),
  confused('f64x2_max', 'f64x2_pmax'),
  confused('f64x2_convert_low_i32x4_u', 'signed_convert'),
  confused('i32x4_trunc_sat_f32x4_u', 'i32x4_trunc_sat_f32x4_s'),
  plant(
    'v128.bitselect with its mask inverted',
    /v128_bitselect\((\w+), (\w+)/g,
    'v128_bitselect($2, $1',
  ),
  plant('v128.load32_zero loads 64 bits', /v128_load32_zero(?:_kept)?\(/g, 'zero_load('),
  plant('v128.load16_lane into lane 0', /(v128_load16_lane\(.*), [1-7]\);$/gm, '$1, 0);'),
  plant('v128.store8_lane of lane 0', /(v128_store8_lane\(.*), \d+\);$/gm, '$1, 0);'),
];
