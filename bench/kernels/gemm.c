/* C = alpha A B + beta C in double precision, as in PolyBench. */
#include "kernel.h"

#define SIZE 160

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

KERNEL {
  for (int i = 0; i < SIZE; i += 1)
    for (int j = 0; j < SIZE; j += 1) {
      a[i][j] = (double)((i * j + 1) % SIZE) / SIZE;
      b[i][j] = (double)(i * (j + 1) % SIZE) / SIZE;
      c[i][j] = (double)(i * (j + 2) % SIZE) / SIZE;
    }
  for (uint32_t round = 0; round < n; round += 1)
    for (int i = 0; i < SIZE; i += 1) {
      for (int j = 0; j < SIZE; j += 1)
        c[i][j] *= 0.5;
      for (int k = 0; k < SIZE; k += 1)
        for (int j = 0; j < SIZE; j += 1)
          c[i][j] += 1.5 * a[i][k] * b[k][j];
    }
  uint32_t hash = FOLD_START;
  for (int i = 0; i < SIZE; i += 1)
    hash = fold_double(hash, c[i][(i * 7) % SIZE]);
  return hash;
}
