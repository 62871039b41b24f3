/* Dot products of 16-bit samples, as a filter or a quantised layer has them, n of them: with the
 * intrinsics of wasm_simd128.h where those are there, else as a loop. */
#include "kernel.h"
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

#define LENGTH 4096

static int16_t samples[2 * LENGTH], weights[LENGTH];

static int32_t dot(const int16_t *a, const int16_t *b) {
#ifdef __wasm_simd128__
  v128_t sums = wasm_i32x4_splat(0);
  for (int i = 0; i < LENGTH; i += 8)
    sums = wasm_i32x4_add(sums, wasm_i32x4_dot_i16x8(wasm_v128_load(a + i), wasm_v128_load(b + i)));
  return wasm_i32x4_extract_lane(sums, 0) + wasm_i32x4_extract_lane(sums, 1) +
         wasm_i32x4_extract_lane(sums, 2) + wasm_i32x4_extract_lane(sums, 3);
#else
  int32_t sum = 0;
  for (int i = 0; i < LENGTH; i += 1)
    sum += a[i] * b[i];
  return sum;
#endif
}

KERNEL {
  uint32_t seed = 41;
  for (int i = 0; i < 2 * LENGTH; i += 1)
    samples[i] = (int16_t)(next_random(&seed) % 1001) - 500;
  for (int i = 0; i < LENGTH; i += 1)
    weights[i] = (int16_t)(next_random(&seed) % 1001) - 500;
  uint32_t hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1)
    hash = fold(hash, (uint32_t)dot(samples + round % LENGTH, weights));
  return hash;
}
