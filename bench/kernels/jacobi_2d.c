/* Five-point stencil over a square, n time steps, as in PolyBench. */
#include "kernel.h"

#define SIZE 250

static double a[SIZE][SIZE], b[SIZE][SIZE];

static void relax(double (*from)[SIZE], double (*to)[SIZE]) {
  for (int i = 1; i < SIZE - 1; i += 1)
    for (int j = 1; j < SIZE - 1; j += 1)
      to[i][j] =
          0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] + from[i - 1][j]);
}

KERNEL {
  for (int i = 0; i < SIZE; i += 1)
    for (int j = 0; j < SIZE; j += 1) {
      a[i][j] = (double)(i * (j + 2) + 2) / SIZE;
      b[i][j] = (double)(i * (j + 3) + 3) / SIZE;
    }
  for (uint32_t step = 0; step < n; step += 1) {
    relax(a, b);
    relax(b, a);
  }
  uint32_t hash = FOLD_START;
  for (int i = 0; i < SIZE; i += 1)
    hash = fold_double(hash, a[i][(i * 3) % SIZE]);
  return hash;
}
