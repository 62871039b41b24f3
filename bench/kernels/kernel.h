/* kernel.h - what every kernel needs. A kernel is one exported function that sets up its own data,
 * works, and returns a checksum; it imports nothing, so one source serves every variant. */
#ifndef SLEDGE_BENCH_KERNEL_H
#define SLEDGE_BENCH_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define KERNEL __attribute__((visibility("default"), used)) uint32_t kernel(uint32_t n)

/* xorshift32: equal on every variant. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

static inline uint32_t fold(uint32_t hash, uint32_t word) {
  return (hash ^ word) * 16777619u;
}

/* A double's bits, folded. */
static inline uint32_t fold_double(uint32_t hash, double value) {
  union {
    double value;
    uint32_t words[2];
  } bits = {.value = value};
  return fold(fold(hash, bits.words[0]), bits.words[1]);
}

#define FOLD_START 2166136261u

#endif
