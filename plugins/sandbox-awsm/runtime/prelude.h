/* prelude.h - the operations of WebAssembly as C, for generated modules only.
 *
 * Nothing here may be undefined behaviour in C where WebAssembly defines a result or a trap. Memory
 * is accessed through packed may_alias types. Each load is forced into a register even when its
 * value is unused, so that an access out of bounds always traps.
 */
#ifndef SLEDGE_PRELUDE_H
#define SLEDGE_PRELUDE_H

#include "sledge/module_abi.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef const void *ref;

#define INLINE static inline __attribute__((always_inline, unused))
#define OUTLINE static __attribute__((noinline, unused))
#define HIDDEN __attribute__((visibility("hidden")))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static __attribute__((noreturn, cold, noinline, unused)) void trap(sledge_instance *I, u32 kind) {
  I->host->trap(I, kind);
  __builtin_unreachable();
}

/* ---- loads and stores ---- */

#define DEFINE_ACCESS(T)                                                                           \
  struct __attribute__((packed, may_alias)) T##_access {                                           \
    T v;                                                                                           \
  }
DEFINE_ACCESS(u8);
DEFINE_ACCESS(u16);
DEFINE_ACCESS(u32);
DEFINE_ACCESS(u64);
DEFINE_ACCESS(s8);
DEFINE_ACCESS(s16);
DEFINE_ACCESS(s32);
DEFINE_ACCESS(float);
DEFINE_ACCESS(double);

#define FORCE_INT(v) __asm__ volatile("" : : "r"(v))
#if defined(__x86_64__)
#define FORCE_FLOAT(v) __asm__ volatile("" : : "x"(v))
#else
#define FORCE_FLOAT(v) __asm__ volatile("" : : "w"(v))
#endif

/* name_covered: for loads that something else traps for; see loop-hulls.ts. */
#define DEFINE_LOAD(name, T, stored, force)                                                        \
  INLINE T name(const u8 *p) {                                                                     \
    T v = (T)((const struct stored##_access *)p)->v;                                               \
    force(v);                                                                                      \
    return v;                                                                                      \
  }                                                                                                \
  INLINE T name##_covered(const u8 *p) {                                                           \
    return (T)((const struct stored##_access *)p)->v;                                              \
  }
DEFINE_LOAD(i32_load, u32, u32, FORCE_INT)
DEFINE_LOAD(i64_load, u64, u64, FORCE_INT)
DEFINE_LOAD(f32_load, float, float, FORCE_FLOAT)
DEFINE_LOAD(f64_load, double, double, FORCE_FLOAT)
DEFINE_LOAD(i32_load8_s, u32, s8, FORCE_INT)
DEFINE_LOAD(i32_load8_u, u32, u8, FORCE_INT)
DEFINE_LOAD(i32_load16_s, u32, s16, FORCE_INT)
DEFINE_LOAD(i32_load16_u, u32, u16, FORCE_INT)
DEFINE_LOAD(i64_load8_s, u64, s8, FORCE_INT)
DEFINE_LOAD(i64_load8_u, u64, u8, FORCE_INT)
DEFINE_LOAD(i64_load16_s, u64, s16, FORCE_INT)
DEFINE_LOAD(i64_load16_u, u64, u16, FORCE_INT)
DEFINE_LOAD(i64_load32_s, u64, s32, FORCE_INT)
DEFINE_LOAD(i64_load32_u, u64, u32, FORCE_INT)

#define DEFINE_STORE(name, T, stored)                                                              \
  INLINE void name(u8 *p, T v) {                                                                   \
    ((struct stored##_access *)p)->v = (stored)v;                                                  \
  }
DEFINE_STORE(i32_store, u32, u32)
DEFINE_STORE(i64_store, u64, u64)
DEFINE_STORE(f32_store, float, float)
DEFINE_STORE(f64_store, double, double)
DEFINE_STORE(i32_store8, u32, u8)
DEFINE_STORE(i32_store16, u32, u16)
DEFINE_STORE(i64_store8, u64, u8)
DEFINE_STORE(i64_store16, u64, u16)
DEFINE_STORE(i64_store32, u64, u32)

/* ---- integers ---- */

#define DEFINE_INTEGER(P, U, S, BITS, CLZ, CTZ, POPCOUNT)                                          \
  INLINE u32 P##_eqz(U a) {                                                                        \
    return a == 0;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_eq(U a, U b) {                                                                    \
    return a == b;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_ne(U a, U b) {                                                                    \
    return a != b;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_lt_s(U a, U b) {                                                                  \
    return (S)a < (S)b;                                                                            \
  }                                                                                                \
  INLINE u32 P##_lt_u(U a, U b) {                                                                  \
    return a < b;                                                                                  \
  }                                                                                                \
  INLINE u32 P##_gt_s(U a, U b) {                                                                  \
    return (S)a > (S)b;                                                                            \
  }                                                                                                \
  INLINE u32 P##_gt_u(U a, U b) {                                                                  \
    return a > b;                                                                                  \
  }                                                                                                \
  INLINE u32 P##_le_s(U a, U b) {                                                                  \
    return (S)a <= (S)b;                                                                           \
  }                                                                                                \
  INLINE u32 P##_le_u(U a, U b) {                                                                  \
    return a <= b;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_ge_s(U a, U b) {                                                                  \
    return (S)a >= (S)b;                                                                           \
  }                                                                                                \
  INLINE u32 P##_ge_u(U a, U b) {                                                                  \
    return a >= b;                                                                                 \
  }                                                                                                \
  INLINE U P##_clz(U a) {                                                                          \
    return a == 0 ? BITS : (U)CLZ(a);                                                              \
  }                                                                                                \
  INLINE U P##_ctz(U a) {                                                                          \
    return a == 0 ? BITS : (U)CTZ(a);                                                              \
  }                                                                                                \
  INLINE U P##_popcnt(U a) {                                                                       \
    return (U)POPCOUNT(a);                                                                         \
  }                                                                                                \
  INLINE U P##_add(U a, U b) {                                                                     \
    return a + b;                                                                                  \
  }                                                                                                \
  INLINE U P##_sub(U a, U b) {                                                                     \
    return a - b;                                                                                  \
  }                                                                                                \
  INLINE U P##_mul(U a, U b) {                                                                     \
    return a * b;                                                                                  \
  }                                                                                                \
  INLINE U P##_and(U a, U b) {                                                                     \
    return a & b;                                                                                  \
  }                                                                                                \
  INLINE U P##_or(U a, U b) {                                                                      \
    return a | b;                                                                                  \
  }                                                                                                \
  INLINE U P##_xor(U a, U b) {                                                                     \
    return a ^ b;                                                                                  \
  }                                                                                                \
  INLINE U P##_shl(U a, U b) {                                                                     \
    return a << (b & (BITS - 1));                                                                  \
  }                                                                                                \
  INLINE U P##_shr_u(U a, U b) {                                                                   \
    return a >> (b & (BITS - 1));                                                                  \
  }                                                                                                \
  INLINE U P##_shr_s(U a, U b) {                                                                   \
    return (U)((S)a >> (b & (BITS - 1)));                                                          \
  }                                                                                                \
  INLINE U P##_rotl(U a, U b) {                                                                    \
    return (a << (b & (BITS - 1))) | (a >> ((0 - b) & (BITS - 1)));                                \
  }                                                                                                \
  INLINE U P##_rotr(U a, U b) {                                                                    \
    return (a >> (b & (BITS - 1))) | (a << ((0 - b) & (BITS - 1)));                                \
  }                                                                                                \
  INLINE U P##_div_u(sledge_instance *I, U a, U b) {                                               \
    if (UNLIKELY(b == 0))                                                                          \
      trap(I, SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO);                                                 \
    return a / b;                                                                                  \
  }                                                                                                \
  INLINE U P##_rem_u(sledge_instance *I, U a, U b) {                                               \
    if (UNLIKELY(b == 0))                                                                          \
      trap(I, SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO);                                                 \
    return a % b;                                                                                  \
  }                                                                                                \
  INLINE U P##_div_s(sledge_instance *I, U a, U b) {                                               \
    if (UNLIKELY(b == 0))                                                                          \
      trap(I, SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO);                                                 \
    if (UNLIKELY(a == (U)1 << (BITS - 1) && b == (U)-1))                                           \
      trap(I, SLEDGE_TRAP_INTEGER_OVERFLOW);                                                       \
    return (U)((S)a / (S)b);                                                                       \
  }                                                                                                \
  INLINE U P##_rem_s(sledge_instance *I, U a, U b) {                                               \
    if (UNLIKELY(b == 0))                                                                          \
      trap(I, SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO);                                                 \
    return UNLIKELY(b == (U)-1) ? 0 : (U)((S)a % (S)b);                                            \
  }
DEFINE_INTEGER(i32, u32, s32, 32u, __builtin_clz, __builtin_ctz, __builtin_popcount)
DEFINE_INTEGER(i64, u64, s64, 64u, __builtin_clzll, __builtin_ctzll, __builtin_popcountll)

INLINE u32 i32_wrap_i64(u64 a) {
  return (u32)a;
}
INLINE u64 i64_extend_i32_s(u32 a) {
  return (u64)(s64)(s32)a;
}
INLINE u64 i64_extend_i32_u(u32 a) {
  return a;
}
INLINE u32 i32_extend8_s(u32 a) {
  return (u32)(s32)(s8)a;
}
INLINE u32 i32_extend16_s(u32 a) {
  return (u32)(s32)(s16)a;
}
INLINE u64 i64_extend8_s(u64 a) {
  return (u64)(s64)(s8)a;
}
INLINE u64 i64_extend16_s(u64 a) {
  return (u64)(s64)(s16)a;
}
INLINE u64 i64_extend32_s(u64 a) {
  return (u64)(s64)(s32)a;
}

/* ---- floats: bit patterns in and out, no contraction, NaN and signed zero as specified ---- */

#define DEFINE_BITS(name, T, F)                                                                    \
  INLINE T name(F a) {                                                                             \
    union {                                                                                        \
      F from;                                                                                      \
      T to;                                                                                        \
    } pun;                                                                                         \
    pun.from = a;                                                                                  \
    return pun.to;                                                                                 \
  }
DEFINE_BITS(i32_reinterpret_f32, u32, float)
DEFINE_BITS(i64_reinterpret_f64, u64, double)
DEFINE_BITS(f32_reinterpret_i32, float, u32)
DEFINE_BITS(f64_reinterpret_i64, double, u64)

#if defined(__x86_64__)
#define DEFINE_ROUND(name, F, instruction, mode)                                                   \
  INLINE F name(F a) {                                                                             \
    F rounded;                                                                                     \
    __asm__(instruction " $" mode ", %1, %0" : "=x"(rounded) : "x"(a));                            \
    return rounded;                                                                                \
  }
DEFINE_ROUND(f32_nearest, float, "roundss", "8")
DEFINE_ROUND(f32_floor, float, "roundss", "9")
DEFINE_ROUND(f32_ceil, float, "roundss", "10")
DEFINE_ROUND(f32_trunc, float, "roundss", "11")
DEFINE_ROUND(f64_nearest, double, "roundsd", "8")
DEFINE_ROUND(f64_floor, double, "roundsd", "9")
DEFINE_ROUND(f64_ceil, double, "roundsd", "10")
DEFINE_ROUND(f64_trunc, double, "roundsd", "11")
#else
#error "sandbox-awsm generates code for x86-64 only"
#endif

#define DEFINE_FLOAT(P, F, U, BITS_OF, FROM_BITS, SIGN, SQRT)                                      \
  INLINE u32 P##_eq(F a, F b) {                                                                    \
    return a == b;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_ne(F a, F b) {                                                                    \
    return a != b;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_lt(F a, F b) {                                                                    \
    return a < b;                                                                                  \
  }                                                                                                \
  INLINE u32 P##_gt(F a, F b) {                                                                    \
    return a > b;                                                                                  \
  }                                                                                                \
  INLINE u32 P##_le(F a, F b) {                                                                    \
    return a <= b;                                                                                 \
  }                                                                                                \
  INLINE u32 P##_ge(F a, F b) {                                                                    \
    return a >= b;                                                                                 \
  }                                                                                                \
  INLINE F P##_abs(F a) {                                                                          \
    return FROM_BITS(BITS_OF(a) & ~(SIGN));                                                        \
  }                                                                                                \
  INLINE F P##_neg(F a) {                                                                          \
    return FROM_BITS(BITS_OF(a) ^ (SIGN));                                                         \
  }                                                                                                \
  INLINE F P##_copysign(F a, F b) {                                                                \
    return FROM_BITS((BITS_OF(a) & ~(SIGN)) | (BITS_OF(b) & (SIGN)));                              \
  }                                                                                                \
  INLINE F P##_sqrt(F a) {                                                                         \
    return SQRT(a);                                                                                \
  }                                                                                                \
  INLINE F P##_add(F a, F b) {                                                                     \
    return a + b;                                                                                  \
  }                                                                                                \
  INLINE F P##_sub(F a, F b) {                                                                     \
    return a - b;                                                                                  \
  }                                                                                                \
  INLINE F P##_mul(F a, F b) {                                                                     \
    return a * b;                                                                                  \
  }                                                                                                \
  INLINE F P##_div(F a, F b) {                                                                     \
    return a / b;                                                                                  \
  }                                                                                                \
  INLINE F P##_min(F a, F b) {                                                                     \
    if (UNLIKELY(a != a || b != b))                                                                \
      return a + b;                                                                                \
    if (a == b)                                                                                    \
      return FROM_BITS(BITS_OF(a) | BITS_OF(b));                                                   \
    return a < b ? a : b;                                                                          \
  }                                                                                                \
  INLINE F P##_max(F a, F b) {                                                                     \
    if (UNLIKELY(a != a || b != b))                                                                \
      return a + b;                                                                                \
    if (a == b)                                                                                    \
      return FROM_BITS(BITS_OF(a) & BITS_OF(b));                                                   \
    return a > b ? a : b;                                                                          \
  }
DEFINE_FLOAT(f32, float, u32, i32_reinterpret_f32, f32_reinterpret_i32, 0x80000000u,
             __builtin_sqrtf)
DEFINE_FLOAT(f64, double, u64, i64_reinterpret_f64, f64_reinterpret_i64, 0x8000000000000000ull,
             __builtin_sqrt)

/* Opaque to the optimiser, which would drop the pair promote and demote and not quiet a NaN. */
INLINE float f32_demote_f64(double a) {
  __asm__("" : "+x"(a));
  return (float)a;
}
INLINE double f64_promote_f32(float a) {
  return (double)a;
}
INLINE float f32_convert_i32_s(u32 a) {
  return (float)(s32)a;
}
INLINE float f32_convert_i32_u(u32 a) {
  return (float)a;
}
INLINE float f32_convert_i64_s(u64 a) {
  return (float)(s64)a;
}
INLINE float f32_convert_i64_u(u64 a) {
  return (float)a;
}
INLINE double f64_convert_i32_s(u32 a) {
  return (double)(s32)a;
}
INLINE double f64_convert_i32_u(u32 a) {
  return (double)a;
}
INLINE double f64_convert_i64_s(u64 a) {
  return (double)(s64)a;
}
INLINE double f64_convert_i64_u(u64 a) {
  return (double)a;
}

/* `low` and `high` are exclusive or inclusive as LOW and HIGH say; both are exact in F. */
#define DEFINE_TRUNC(suffix, P, F, U, S, LOW, low, high, MIN, MAX)                                 \
  INLINE U P##_trunc_##suffix(sledge_instance *I, F a) {                                           \
    if (UNLIKELY(!(a LOW low && a < high))) {                                                      \
      trap(I, a != a ? SLEDGE_TRAP_INVALID_CONVERSION : SLEDGE_TRAP_INTEGER_OVERFLOW);             \
    }                                                                                              \
    return (U)(S)a;                                                                                \
  }                                                                                                \
  INLINE U P##_trunc_sat_##suffix(F a) {                                                           \
    if (a != a)                                                                                    \
      return 0;                                                                                    \
    if (!(a LOW low))                                                                              \
      return (U)MIN;                                                                               \
    if (!(a < high))                                                                               \
      return (U)MAX;                                                                               \
    return (U)(S)a;                                                                                \
  }
DEFINE_TRUNC(f32_s, i32, float, u32, s32, >=, -2147483648.0f, 2147483648.0f, INT32_MIN, INT32_MAX)
DEFINE_TRUNC(f32_u, i32, float, u32, u32, >, -1.0f, 4294967296.0f, 0, UINT32_MAX)
DEFINE_TRUNC(f64_s, i32, double, u32, s32, >, -2147483649.0, 2147483648.0, INT32_MIN, INT32_MAX)
DEFINE_TRUNC(f64_u, i32, double, u32, u32, >, -1.0, 4294967296.0, 0, UINT32_MAX)
DEFINE_TRUNC(f32_s, i64, float, u64, s64, >=, -0x1p63f, 0x1p63f, INT64_MIN, INT64_MAX)
DEFINE_TRUNC(f32_u, i64, float, u64, u64, >, -1.0f, 0x1p64f, 0, UINT64_MAX)
DEFINE_TRUNC(f64_s, i64, double, u64, s64, >=, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
DEFINE_TRUNC(f64_u, i64, double, u64, u64, >, -1.0, 0x1p64, 0, UINT64_MAX)

#include "hull.h"

#include "poll.h"

#include "bulk.h"

/* SLEDGE_FUNCTIONS: a test wants what optimised code is made of. */
#if !defined(__OPTIMIZE__) && !defined(SLEDGE_FUNCTIONS)
#include "direct.h"
#endif

#endif
