/* Cholesky decomposition of a positive definite matrix, n times. */
#include "kernel.h"

#define SIZE 160

static double a[SIZE][SIZE];

static void fill(double shift) {
  for (int i = 0; i < SIZE; i += 1)
    for (int j = 0; j <= i; j += 1) {
      double value = i == j ? SIZE + shift : (double)((i * 7 + j * 3) % 11) / 11;
      a[i][j] = value;
      a[j][i] = value;
    }
}

static void decompose(void) {
  for (int i = 0; i < SIZE; i += 1) {
    for (int j = 0; j < i; j += 1) {
      for (int k = 0; k < j; k += 1)
        a[i][j] -= a[i][k] * a[j][k];
      a[i][j] /= a[j][j];
    }
    for (int k = 0; k < i; k += 1)
      a[i][i] -= a[i][k] * a[i][k];
    a[i][i] = __builtin_sqrt(a[i][i]);
  }
}

KERNEL {
  uint32_t hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1) {
    fill(round);
    decompose();
    for (int i = 0; i < SIZE; i += 8)
      hash = fold_double(hash, a[i][i / 2]);
  }
  return hash;
}
