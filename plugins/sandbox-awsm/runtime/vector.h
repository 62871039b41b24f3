/* vector.h - the 128-bit operations of WebAssembly as C, for modules that use them: types, accesses
 * to memory, lanes and bits. Operations are vector extensions of GCC and clang where those say what
 * WebAssembly says, and SSE4.2 (x86-64-v2, what every module is compiled for) where they do not.
 */
#ifndef SLEDGE_VECTOR_H
#define SLEDGE_VECTOR_H

/* The intrinsics' headers want malloc for something that is not used here. */
#define _MM_MALLOC_H_INCLUDED
#define __MM_MALLOC_H
#include <nmmintrin.h>

typedef __m128i v128;
#define VECTOR_TYPE(name, T) typedef T name __attribute__((vector_size(16)))
VECTOR_TYPE(u8x16, u8);
VECTOR_TYPE(u16x8, u16);
VECTOR_TYPE(u32x4, u32);
VECTOR_TYPE(u64x2, u64);
VECTOR_TYPE(s8x16, s8);
VECTOR_TYPE(s16x8, s16);
VECTOR_TYPE(s32x4, s32);
VECTOR_TYPE(s64x2, s64);
VECTOR_TYPE(f32x4, float);
VECTOR_TYPE(f64x2, double);
DEFINE_ACCESS(v128);

#define FORCE_VECTOR(v) __asm__ volatile("" : : "x"(v))

/* `a`, `b` and `c` in the body are the operands. */
#define V_V(name, body)                                                                            \
  INLINE v128 name(v128 a) {                                                                       \
    return (v128)(body);                                                                           \
  }
#define V_VV(name, body)                                                                           \
  INLINE v128 name(v128 a, v128 b) {                                                               \
    return (v128)(body);                                                                           \
  }
#define V_VI(name, body)                                                                           \
  INLINE v128 name(v128 a, u32 b) {                                                                \
    return (v128)(body);                                                                           \
  }
#define I_V(name, body)                                                                            \
  INLINE u32 name(v128 a) {                                                                        \
    return (u32)(body);                                                                            \
  }

INLINE v128 v128_of_bytes(const u8 *p) {
  return ((const struct v128_access *)p)->v;
}
INLINE void v128_to_bytes(u8 *p, v128 v) {
  ((struct v128_access *)p)->v = v;
}

/* ---- loads and stores: each load is forced, as those of prelude.h ---- */

#define DEFINE_VECTOR_LOAD(name, body)                                                             \
  INLINE v128 name##_covered(const u8 *p) {                                                        \
    return (v128)(body);                                                                           \
  }                                                                                                \
  INLINE v128 name(const u8 *p) {                                                                  \
    v128 v = name##_covered(p);                                                                    \
    FORCE_VECTOR(v);                                                                               \
    return v;                                                                                      \
  }
#define STORED(T) (((const struct T##_access *)p)->v)
#define LOW_HALF _mm_cvtsi64_si128((s64)STORED(u64))
DEFINE_VECTOR_LOAD(v128_load, STORED(v128))
DEFINE_VECTOR_LOAD(v128_load8x8_s, _mm_cvtepi8_epi16(LOW_HALF))
DEFINE_VECTOR_LOAD(v128_load8x8_u, _mm_cvtepu8_epi16(LOW_HALF))
DEFINE_VECTOR_LOAD(v128_load16x4_s, _mm_cvtepi16_epi32(LOW_HALF))
DEFINE_VECTOR_LOAD(v128_load16x4_u, _mm_cvtepu16_epi32(LOW_HALF))
DEFINE_VECTOR_LOAD(v128_load32x2_s, _mm_cvtepi32_epi64(LOW_HALF))
DEFINE_VECTOR_LOAD(v128_load32x2_u, _mm_cvtepu32_epi64(LOW_HALF))
DEFINE_VECTOR_LOAD(v128_load8_splat, _mm_set1_epi8((char)STORED(u8)))
DEFINE_VECTOR_LOAD(v128_load16_splat, _mm_set1_epi16((s16)STORED(u16)))
DEFINE_VECTOR_LOAD(v128_load32_splat, _mm_set1_epi32((s32)STORED(u32)))
DEFINE_VECTOR_LOAD(v128_load64_splat, _mm_set1_epi64x((s64)STORED(u64)))
DEFINE_VECTOR_LOAD(v128_load32_zero, _mm_cvtsi32_si128((s32)STORED(u32)))
DEFINE_VECTOR_LOAD(v128_load64_zero, LOW_HALF)

INLINE void v128_store(u8 *p, v128 v) {
  ((struct v128_access *)p)->v = v;
}

#define DEFINE_LANE_ACCESS(bits, V, T)                                                             \
  INLINE v128 v128_load##bits##_lane_covered(const u8 *p, v128 a, u32 lane) {                      \
    V lanes = (V)a;                                                                                \
    lanes[lane] = STORED(T);                                                                       \
    return (v128)lanes;                                                                            \
  }                                                                                                \
  INLINE v128 v128_load##bits##_lane(const u8 *p, v128 a, u32 lane) {                              \
    v128 v = v128_load##bits##_lane_covered(p, a, lane);                                           \
    FORCE_VECTOR(v);                                                                               \
    return v;                                                                                      \
  }                                                                                                \
  INLINE void v128_store##bits##_lane(u8 *p, v128 a, u32 lane) {                                   \
    ((struct T##_access *)p)->v = ((V)a)[lane];                                                    \
  }
DEFINE_LANE_ACCESS(8, u8x16, u8)
DEFINE_LANE_ACCESS(16, u16x8, u16)
DEFINE_LANE_ACCESS(32, u32x4, u32)
DEFINE_LANE_ACCESS(64, u64x2, u64)

/* ---- lanes ---- */

#define DEFINE_LANES(P, V, T, S, suffix)                                                           \
  INLINE S P##_extract_lane##suffix(v128 a, u32 lane) {                                            \
    return (S)((V)a)[lane];                                                                        \
  }
#define DEFINE_REPLACE(P, V, T, S)                                                                 \
  INLINE v128 P##_replace_lane(v128 a, u32 lane, S value) {                                        \
    V lanes = (V)a;                                                                                \
    lanes[lane] = (T)value;                                                                        \
    return (v128)lanes;                                                                            \
  }
DEFINE_LANES(i8x16, s8x16, s8, u32, _s)
DEFINE_LANES(i8x16, u8x16, u8, u32, _u)
DEFINE_LANES(i16x8, s16x8, s16, u32, _s)
DEFINE_LANES(i16x8, u16x8, u16, u32, _u)
DEFINE_LANES(i32x4, u32x4, u32, u32, )
DEFINE_LANES(i64x2, u64x2, u64, u64, )
DEFINE_LANES(f32x4, f32x4, float, float, )
DEFINE_LANES(f64x2, f64x2, double, double, )
DEFINE_REPLACE(i8x16, u8x16, u8, u32)
DEFINE_REPLACE(i16x8, u16x8, u16, u32)
DEFINE_REPLACE(i32x4, u32x4, u32, u32)
DEFINE_REPLACE(i64x2, u64x2, u64, u64)
DEFINE_REPLACE(f32x4, f32x4, float, float)
DEFINE_REPLACE(f64x2, f64x2, double, double)

#define DEFINE_SPLAT(P, S, body)                                                                   \
  INLINE v128 P##_splat(S a) {                                                                     \
    return (v128)(body);                                                                           \
  }
DEFINE_SPLAT(i8x16, u32, _mm_set1_epi8((char)a))
DEFINE_SPLAT(i16x8, u32, _mm_set1_epi16((s16)a))
DEFINE_SPLAT(i32x4, u32, _mm_set1_epi32((s32)a))
DEFINE_SPLAT(i64x2, u64, _mm_set1_epi64x((s64)a))
DEFINE_SPLAT(f32x4, float, ((f32x4){a, a, a, a}))
DEFINE_SPLAT(f64x2, double, ((f64x2){a, a}))

#if defined(__clang__) || __GNUC__ >= 12
#define i8x16_shuffle(a, b, ...)                                                                   \
  ((v128)__builtin_shufflevector((u8x16)(a), (u8x16)(b), __VA_ARGS__))
#else
#define i8x16_shuffle(a, b, ...)                                                                   \
  ((v128)__builtin_shuffle((u8x16)(a), (u8x16)(b), (u8x16){__VA_ARGS__}))
#endif
/* An index of 16 or more becomes one whose highest bit is set: pshufb gives zero for those. */
V_VV(i8x16_swizzle, _mm_shuffle_epi8(a, _mm_adds_epu8(b, _mm_set1_epi8(0x70))))

/* ---- bits ---- */

V_V(v128_not, ~(u64x2)a)
V_VV(v128_and, (u64x2)a &(u64x2)b)
V_VV(v128_andnot, (u64x2)a & ~(u64x2)b)
V_VV(v128_or, (u64x2)a | (u64x2)b)
V_VV(v128_xor, (u64x2)a ^ (u64x2)b)
INLINE v128 v128_bitselect(v128 a, v128 b, v128 c) {
  return (v128)(((u64x2)a & (u64x2)c) | ((u64x2)b & ~(u64x2)c));
}
I_V(v128_any_true, !_mm_testz_si128(a, a))

#include "vector_integer.h"

#include "vector_float.h"

#endif
