/* Product of two integer matrices, n times. */
#include "kernel.h"

#define SIZE 128

static int32_t a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

KERNEL {
  uint32_t seed = 13;
  for (int i = 0; i < SIZE; i += 1)
    for (int j = 0; j < SIZE; j += 1) {
      a[i][j] = (int32_t)(next_random(&seed) % 1000);
      b[i][j] = (int32_t)(next_random(&seed) % 1000);
    }
  for (uint32_t round = 0; round < n; round += 1)
    for (int i = 0; i < SIZE; i += 1)
      for (int k = 0; k < SIZE; k += 1)
        for (int j = 0; j < SIZE; j += 1)
          c[i][j] = (int32_t)((uint32_t)c[i][j] + (uint32_t)(a[i][k] * b[k][j]));
  uint32_t hash = FOLD_START;
  for (int i = 0; i < SIZE; i += 1) {
    hash = fold(hash, (uint32_t)c[i][(i * 9) % SIZE]);
    for (int j = 0; j < SIZE; j += 1)
      c[i][j] = 0;
  }
  return hash;
}
