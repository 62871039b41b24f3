/* A 3 x 3 smoothing filter (weights 1 2 1, 2 4 2, 1 2 1, rounded) over a grey image, n times: with
 * the intrinsics of wasm_simd128.h where those are there, else as a loop. */
#include "kernel.h"
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

#define WIDTH 256
#define HEIGHT 128
#define STRIDE (WIDTH + 16)

/* A border of one pixel, and room for a vector that ends beyond the last one. */
static uint8_t from[(HEIGHT + 2) * STRIDE + 16], to[(HEIGHT + 2) * STRIDE + 16];

#ifdef __wasm_simd128__
/* 1 2 1 over eight pixels of one row. */
static v128_t row_sum(const uint8_t *at) {
  v128_t left = wasm_u16x8_load8x8(at - 1);
  v128_t middle = wasm_u16x8_load8x8(at);
  v128_t right = wasm_u16x8_load8x8(at + 1);
  return wasm_i16x8_add(wasm_i16x8_add(left, right), wasm_i16x8_shl(middle, 1));
}

static void filter_row(const uint8_t *at, uint8_t *out) {
  const v128_t half = wasm_i16x8_splat(8);
  for (int x = 0; x < WIDTH; x += 8) {
    v128_t sum = wasm_i16x8_add(row_sum(at + x - STRIDE), row_sum(at + x + STRIDE));
    sum = wasm_i16x8_add(sum, wasm_i16x8_shl(row_sum(at + x), 1));
    sum = wasm_u16x8_shr(wasm_i16x8_add(sum, half), 4);
    wasm_v128_store64_lane(out + x, wasm_u8x16_narrow_i16x8(sum, sum), 0);
  }
}
#else
static int row_sum(const uint8_t *at) {
  return at[-1] + 2 * at[0] + at[1];
}

static void filter_row(const uint8_t *restrict at, uint8_t *restrict out) {
  for (int x = 0; x < WIDTH; x += 1)
    out[x] =
        (uint8_t)((row_sum(at + x - STRIDE) + 2 * row_sum(at + x) + row_sum(at + x + STRIDE) + 8) >>
                  4);
}
#endif

KERNEL {
  uint32_t seed = 43;
  for (size_t i = 0; i < sizeof from; i += 1)
    from[i] = (uint8_t)next_random(&seed);
  uint32_t hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1) {
    uint8_t *source = round % 2 == 0 ? from : to;
    uint8_t *target = round % 2 == 0 ? to : from;
    for (int y = 1; y <= HEIGHT; y += 1)
      filter_row(source + y * STRIDE + 1, target + y * STRIDE + 1);
    hash = fold(hash, target[(round % HEIGHT + 1) * STRIDE + 1 + round * 7 % WIDTH]);
  }
  for (size_t i = 0; i < sizeof to; i += 1) {
    hash = fold(hash, to[i]);
    to[i] = 0;
  }
  return hash;
}
