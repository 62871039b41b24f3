/* vector_integer.h - integer lanes: included by vector.h. */
#ifndef SLEDGE_VECTOR_INTEGER_H
#define SLEDGE_VECTOR_INTEGER_H

#define DEFINE_VECTOR_COMPARE(P, U, S)                                                             \
  V_VV(P##_eq, (U)a == (U)b)                                                                       \
  V_VV(P##_ne, (U)a != (U)b)                                                                       \
  V_VV(P##_lt_s, (S)a < (S)b)                                                                      \
  V_VV(P##_gt_s, (S)a > (S)b)                                                                      \
  V_VV(P##_le_s, (S)a <= (S)b)                                                                     \
  V_VV(P##_ge_s, (S)a >= (S)b)                                                                     \
  V_VV(P##_lt_u, (U)a < (U)b)                                                                      \
  V_VV(P##_gt_u, (U)a > (U)b)                                                                      \
  V_VV(P##_le_u, (U)a <= (U)b)                                                                     \
  V_VV(P##_ge_u, (U)a >= (U)b)
DEFINE_VECTOR_COMPARE(i8x16, u8x16, s8x16)
DEFINE_VECTOR_COMPARE(i16x8, u16x8, s16x8)
DEFINE_VECTOR_COMPARE(i32x4, u32x4, s32x4)
DEFINE_VECTOR_COMPARE(i64x2, u64x2, s64x2)

#define DEFINE_VECTOR_SUM(P, U)                                                                    \
  V_VV(P##_add, (U)a + (U)b)                                                                       \
  V_VV(P##_sub, (U)a - (U)b)                                                                       \
  V_V(P##_neg, -(U)a)
DEFINE_VECTOR_SUM(i8x16, u8x16)
DEFINE_VECTOR_SUM(i16x8, u16x8)
DEFINE_VECTOR_SUM(i32x4, u32x4)
DEFINE_VECTOR_SUM(i64x2, u64x2)
V_VV(i16x8_mul, (u16x8)a *(u16x8)b)
V_VV(i32x4_mul, (u32x4)a *(u32x4)b)
V_VV(i64x2_mul, (u64x2)a *(u64x2)b)

V_VV(i8x16_add_sat_s, _mm_adds_epi8(a, b))
V_VV(i8x16_add_sat_u, _mm_adds_epu8(a, b))
V_VV(i8x16_sub_sat_s, _mm_subs_epi8(a, b))
V_VV(i8x16_sub_sat_u, _mm_subs_epu8(a, b))
V_VV(i16x8_add_sat_s, _mm_adds_epi16(a, b))
V_VV(i16x8_add_sat_u, _mm_adds_epu16(a, b))
V_VV(i16x8_sub_sat_s, _mm_subs_epi16(a, b))
V_VV(i16x8_sub_sat_u, _mm_subs_epu16(a, b))

V_VV(i8x16_min_s, _mm_min_epi8(a, b))
V_VV(i8x16_min_u, _mm_min_epu8(a, b))
V_VV(i8x16_max_s, _mm_max_epi8(a, b))
V_VV(i8x16_max_u, _mm_max_epu8(a, b))
V_VV(i16x8_min_s, _mm_min_epi16(a, b))
V_VV(i16x8_min_u, _mm_min_epu16(a, b))
V_VV(i16x8_max_s, _mm_max_epi16(a, b))
V_VV(i16x8_max_u, _mm_max_epu16(a, b))
V_VV(i32x4_min_s, _mm_min_epi32(a, b))
V_VV(i32x4_min_u, _mm_min_epu32(a, b))
V_VV(i32x4_max_s, _mm_max_epi32(a, b))
V_VV(i32x4_max_u, _mm_max_epu32(a, b))
V_VV(i8x16_avgr_u, _mm_avg_epu8(a, b))
V_VV(i16x8_avgr_u, _mm_avg_epu16(a, b))

V_V(i8x16_abs, _mm_abs_epi8(a))
V_V(i16x8_abs, _mm_abs_epi16(a))
V_V(i32x4_abs, _mm_abs_epi32(a))
INLINE v128 i64x2_abs(v128 a) {
  u64x2 sign = (u64x2)((s64x2)a < (s64x2){0, 0});
  return (v128)(((u64x2)a ^ sign) - sign);
}

/* The bits of each half of a byte are looked up. */
INLINE v128 i8x16_popcnt(v128 a) {
  v128 counts = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  v128 half = _mm_set1_epi8(15);
  v128 low = _mm_shuffle_epi8(counts, _mm_and_si128(a, half));
  v128 high = _mm_shuffle_epi8(counts, _mm_and_si128(_mm_srli_epi16(a, 4), half));
  return _mm_add_epi8(low, high);
}

I_V(i8x16_all_true, _mm_movemask_epi8(_mm_cmpeq_epi8(a, _mm_setzero_si128())) == 0)
I_V(i16x8_all_true, _mm_movemask_epi8(_mm_cmpeq_epi16(a, _mm_setzero_si128())) == 0)
I_V(i32x4_all_true, _mm_movemask_epi8(_mm_cmpeq_epi32(a, _mm_setzero_si128())) == 0)
I_V(i64x2_all_true, _mm_movemask_epi8(_mm_cmpeq_epi64(a, _mm_setzero_si128())) == 0)
I_V(i8x16_bitmask, _mm_movemask_epi8(a))
I_V(i16x8_bitmask, _mm_movemask_epi8(_mm_packs_epi16(a, _mm_setzero_si128())))
I_V(i32x4_bitmask, _mm_movemask_ps((__m128)a))
I_V(i64x2_bitmask, _mm_movemask_pd((__m128d)a))

/* ---- shifts: the count is taken modulo the lane's bits ---- */

#define COUNT(bits) _mm_cvtsi32_si128((s32)(b & (bits - 1)))
V_VI(i16x8_shl, _mm_sll_epi16(a, COUNT(16)))
V_VI(i16x8_shr_s, _mm_sra_epi16(a, COUNT(16)))
V_VI(i16x8_shr_u, _mm_srl_epi16(a, COUNT(16)))
V_VI(i32x4_shl, _mm_sll_epi32(a, COUNT(32)))
V_VI(i32x4_shr_s, _mm_sra_epi32(a, COUNT(32)))
V_VI(i32x4_shr_u, _mm_srl_epi32(a, COUNT(32)))
V_VI(i64x2_shl, _mm_sll_epi64(a, COUNT(64)))
V_VI(i64x2_shr_u, _mm_srl_epi64(a, COUNT(64)))
/* SSE has no arithmetic shift of 64 bits: the place of the sign after the shift says it. */
INLINE v128 i64x2_shr_s(v128 a, u32 b) {
  v128 sign = _mm_srl_epi64(_mm_set1_epi64x(INT64_MIN), COUNT(64));
  return _mm_sub_epi64(_mm_xor_si128(_mm_srl_epi64(a, COUNT(64)), sign), sign);
}
/* Nor any of bytes. */
INLINE v128 i8x16_shl(v128 a, u32 b) {
  v128 kept = _mm_set1_epi8((char)(0xffu << (b & 7)));
  return _mm_and_si128(_mm_sll_epi16(a, COUNT(8)), kept);
}
INLINE v128 i8x16_shr_u(v128 a, u32 b) {
  v128 kept = _mm_set1_epi8((char)(0xffu >> (b & 7)));
  return _mm_and_si128(_mm_srl_epi16(a, COUNT(8)), kept);
}
INLINE v128 i8x16_shr_s(v128 a, u32 b) {
  v128 count = _mm_cvtsi32_si128((s32)(b & 7) + 8);
  v128 low = _mm_sra_epi16(_mm_unpacklo_epi8(a, a), count);
  v128 high = _mm_sra_epi16(_mm_unpackhi_epi8(a, a), count);
  return _mm_packs_epi16(low, high);
}

/* ---- from one width to another ---- */

V_VV(i8x16_narrow_i16x8_s, _mm_packs_epi16(a, b))
V_VV(i8x16_narrow_i16x8_u, _mm_packus_epi16(a, b))
V_VV(i16x8_narrow_i32x4_s, _mm_packs_epi32(a, b))
V_VV(i16x8_narrow_i32x4_u, _mm_packus_epi32(a, b))

#define HIGH_HALF(a) _mm_unpackhi_epi64(a, a)
V_V(i16x8_extend_low_i8x16_s, _mm_cvtepi8_epi16(a))
V_V(i16x8_extend_high_i8x16_s, _mm_cvtepi8_epi16(HIGH_HALF(a)))
V_V(i16x8_extend_low_i8x16_u, _mm_cvtepu8_epi16(a))
V_V(i16x8_extend_high_i8x16_u, _mm_unpackhi_epi8(a, _mm_setzero_si128()))
V_V(i32x4_extend_low_i16x8_s, _mm_cvtepi16_epi32(a))
V_V(i32x4_extend_high_i16x8_s, _mm_cvtepi16_epi32(HIGH_HALF(a)))
V_V(i32x4_extend_low_i16x8_u, _mm_cvtepu16_epi32(a))
V_V(i32x4_extend_high_i16x8_u, _mm_unpackhi_epi16(a, _mm_setzero_si128()))
V_V(i64x2_extend_low_i32x4_s, _mm_cvtepi32_epi64(a))
V_V(i64x2_extend_high_i32x4_s, _mm_cvtepi32_epi64(HIGH_HALF(a)))
V_V(i64x2_extend_low_i32x4_u, _mm_cvtepu32_epi64(a))
V_V(i64x2_extend_high_i32x4_u, _mm_unpackhi_epi32(a, _mm_setzero_si128()))

#define DEFINE_EXTMUL_I16(half, sign)                                                              \
  V_VV(i16x8_extmul_##half##_i8x16_##sign, _mm_mullo_epi16(i16x8_extend_##half##_i8x16_##sign(a),  \
                                                           i16x8_extend_##half##_i8x16_##sign(b)))
DEFINE_EXTMUL_I16(low, s)
DEFINE_EXTMUL_I16(high, s)
DEFINE_EXTMUL_I16(low, u)
DEFINE_EXTMUL_I16(high, u)
V_VV(i32x4_extmul_low_i16x8_s, _mm_unpacklo_epi16(_mm_mullo_epi16(a, b), _mm_mulhi_epi16(a, b)))
V_VV(i32x4_extmul_high_i16x8_s, _mm_unpackhi_epi16(_mm_mullo_epi16(a, b), _mm_mulhi_epi16(a, b)))
V_VV(i32x4_extmul_low_i16x8_u, _mm_unpacklo_epi16(_mm_mullo_epi16(a, b), _mm_mulhi_epu16(a, b)))
V_VV(i32x4_extmul_high_i16x8_u, _mm_unpackhi_epi16(_mm_mullo_epi16(a, b), _mm_mulhi_epu16(a, b)))
#define LOW_PAIR(a) _mm_unpacklo_epi32(a, a)
#define HIGH_PAIR(a) _mm_unpackhi_epi32(a, a)
V_VV(i64x2_extmul_low_i32x4_s, _mm_mul_epi32(LOW_PAIR(a), LOW_PAIR(b)))
V_VV(i64x2_extmul_high_i32x4_s, _mm_mul_epi32(HIGH_PAIR(a), HIGH_PAIR(b)))
V_VV(i64x2_extmul_low_i32x4_u, _mm_mul_epu32(LOW_PAIR(a), LOW_PAIR(b)))
V_VV(i64x2_extmul_high_i32x4_u, _mm_mul_epu32(HIGH_PAIR(a), HIGH_PAIR(b)))

V_V(i16x8_extadd_pairwise_i8x16_s, _mm_maddubs_epi16(_mm_set1_epi8(1), a))
V_V(i16x8_extadd_pairwise_i8x16_u, _mm_maddubs_epi16(a, _mm_set1_epi8(1)))
V_V(i32x4_extadd_pairwise_i16x8_s, _mm_madd_epi16(a, _mm_set1_epi16(1)))
V_V(i32x4_extadd_pairwise_i16x8_u, ((u32x4)a & 0xffff) + ((u32x4)a >> 16))
V_VV(i32x4_dot_i16x8_s, _mm_madd_epi16(a, b))

/* pmulhrsw but for the one product that does not fit, -1 times -1. */
INLINE v128 i16x8_q15mulr_sat_s(v128 a, v128 b) {
  v128 product = _mm_mulhrs_epi16(a, b);
  return _mm_xor_si128(product, _mm_cmpeq_epi16(product, _mm_set1_epi16(INT16_MIN)));
}

#endif
