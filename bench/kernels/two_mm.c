/* D = A B C by two matrix products, inner products first, as in PolyBench's 2mm. */
#include "kernel.h"

#define SIZE 112

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE], d[SIZE][SIZE], middle[SIZE][SIZE];

static void multiply(double (*left)[SIZE], double (*right)[SIZE], double (*result)[SIZE]) {
  for (int i = 0; i < SIZE; i += 1)
    for (int j = 0; j < SIZE; j += 1) {
      double sum = 0;
      for (int k = 0; k < SIZE; k += 1)
        sum += left[i][k] * right[k][j];
      result[i][j] = sum;
    }
}

KERNEL {
  for (int i = 0; i < SIZE; i += 1)
    for (int j = 0; j < SIZE; j += 1) {
      a[i][j] = (double)((i * j + 1) % SIZE) / SIZE;
      b[i][j] = (double)(i * (j + 1) % SIZE) / SIZE;
      c[i][j] = (double)((i * (j + 3) + 1) % SIZE) / SIZE;
    }
  for (uint32_t round = 0; round < n; round += 1) {
    multiply(a, b, middle);
    multiply(middle, c, d);
    a[0][round % SIZE] += 0.25;
  }
  uint32_t hash = FOLD_START;
  for (int i = 0; i < SIZE; i += 1)
    hash = fold_double(hash, d[i][(i * 5) % SIZE]);
  return hash;
}
