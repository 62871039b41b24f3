/* vector_float.h - float lanes and conversions: included by vector.h. */
#ifndef SLEDGE_VECTOR_FLOAT_H
#define SLEDGE_VECTOR_FLOAT_H

#define DEFINE_VECTOR_FLOAT(P, F, U, SIGN, X, M)                                                   \
  V_VV(P##_eq, (F)a == (F)b)                                                                       \
  V_VV(P##_ne, (F)a != (F)b)                                                                       \
  V_VV(P##_lt, (F)a < (F)b)                                                                        \
  V_VV(P##_gt, (F)a > (F)b)                                                                        \
  V_VV(P##_le, (F)a <= (F)b)                                                                       \
  V_VV(P##_ge, (F)a >= (F)b)                                                                       \
  V_V(P##_abs, (U)a & ~(SIGN))                                                                     \
  V_V(P##_neg, (U)a ^ (SIGN))                                                                      \
  V_V(P##_sqrt, _mm_sqrt_##X((M)a))                                                                \
  V_VV(P##_add, (F)a + (F)b)                                                                       \
  V_VV(P##_sub, (F)a - (F)b)                                                                       \
  V_VV(P##_mul, (F)a *(F)b)                                                                        \
  V_VV(P##_div, (F)a / (F)b)                                                                       \
  V_VV(P##_pmin, _mm_min_##X((M)b, (M)a))                                                          \
  V_VV(P##_pmax, _mm_max_##X((M)b, (M)a))                                                          \
  V_V(P##_nearest, _mm_round_##X((M)a, 8))                                                         \
  V_V(P##_floor, _mm_round_##X((M)a, 9))                                                           \
  V_V(P##_ceil, _mm_round_##X((M)a, 10))                                                           \
  V_V(P##_trunc, _mm_round_##X((M)a, 11))
DEFINE_VECTOR_FLOAT(f32x4, f32x4, u32x4, 0x80000000u, ps, __m128)
DEFINE_VECTOR_FLOAT(f64x2, f64x2, u64x2, 0x8000000000000000ull, pd, __m128d)

/* minps gives its second operand for NaN and for two zeros, so both orders are taken: their bits
 * together have the sign of either zero and are NaN where either is one; what NaNs carry is cut
 * down to the canonical one. For the maximum the sign of either zero is taken away instead. */
#define DEFINE_VECTOR_MIN_MAX(P, X, M, U, PAYLOAD_SHIFT)                                           \
  INLINE v128 P##_min(v128 a, v128 b) {                                                            \
    U either = (U)_mm_min_##X((M)a, (M)b) | (U)_mm_min_##X((M)b, (M)a);                            \
    U is_nan = (U)_mm_cmpunord_##X((M)a, (M)b);                                                    \
    return (v128)((either | is_nan) & ~(is_nan >> PAYLOAD_SHIFT));                                 \
  }                                                                                                \
  INLINE v128 P##_max(v128 a, v128 b) {                                                            \
    U both = (U)_mm_max_##X((M)a, (M)b) & (U)_mm_max_##X((M)b, (M)a);                              \
    U is_nan = (U)_mm_cmpunord_##X((M)a, (M)b);                                                    \
    return (v128)((both | is_nan) & ~(is_nan >> PAYLOAD_SHIFT));                                   \
  }
DEFINE_VECTOR_MIN_MAX(f32x4, ps, __m128, u32x4, 10)
DEFINE_VECTOR_MIN_MAX(f64x2, pd, __m128d, u64x2, 13)

/* ---- conversions ---- */

V_V(f32x4_demote_f64x2_zero, _mm_cvtpd_ps((__m128d)a))
V_V(f64x2_promote_low_f32x4, _mm_cvtps_pd((__m128)a))
V_V(f32x4_convert_i32x4_s, _mm_cvtepi32_ps(a))
V_V(f32x4_convert_i32x4_u, __builtin_convertvector((u32x4)a, f32x4))
V_V(f64x2_convert_low_i32x4_s, _mm_cvtepi32_pd(a))
/* The number in the low bits of 2^52, less 2^52. */
V_V(f64x2_convert_low_i32x4_u,
    (f64x2)_mm_unpacklo_epi32(a, _mm_set1_epi32(0x43300000)) - (f64x2)_mm_set1_pd(0x1p52))

/* What does not fit is INT32_MIN for the instruction: inverted where it is too large. */
INLINE v128 i32x4_trunc_sat_f32x4_s(v128 a) {
  __m128 number = _mm_and_ps((__m128)a, _mm_cmpord_ps((__m128)a, (__m128)a));
  v128 large = (v128)_mm_cmpge_ps(number, _mm_set1_ps(0x1p31f));
  return _mm_xor_si128(_mm_cvttps_epi32(number), large);
}
/* Numbers from 2^31 on: 2^31, which the instruction gives, and what they have more. */
INLINE v128 i32x4_trunc_sat_f32x4_u(v128 a) {
  __m128 number = _mm_max_ps((__m128)a, _mm_setzero_ps());
  __m128 more = _mm_sub_ps(number, _mm_set1_ps(0x1p31f));
  v128 large = (v128)_mm_cmpge_ps(more, _mm_set1_ps(0x1p31f));
  v128 rest = _mm_xor_si128(_mm_cvttps_epi32(more), large);
  rest = _mm_max_epi32(rest, _mm_setzero_si128());
  return _mm_add_epi32(_mm_cvttps_epi32(number), rest);
}
INLINE v128 i32x4_trunc_sat_f64x2_s_zero(v128 a) {
  __m128d number = _mm_and_pd((__m128d)a, _mm_cmpord_pd((__m128d)a, (__m128d)a));
  return _mm_cvttpd_epi32(_mm_min_pd(number, _mm_set1_pd(2147483647.0)));
}
/* Rounded to the low bits of 2^52. */
INLINE v128 i32x4_trunc_sat_f64x2_u_zero(v128 a) {
  __m128d number = _mm_max_pd((__m128d)a, _mm_setzero_pd());
  number = _mm_round_pd(_mm_min_pd(number, _mm_set1_pd(4294967295.0)), 11);
  __m128 bits = (__m128)_mm_add_pd(number, _mm_set1_pd(0x1p52));
  return (v128)_mm_shuffle_ps(bits, _mm_setzero_ps(), 0x88);
}

#endif
