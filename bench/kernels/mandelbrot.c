/* Escape times over a square of the complex plane, at most n iterations a point. */
#include "kernel.h"

#define SIZE 96

KERNEL {
  uint32_t hash = FOLD_START;
  for (int row = 0; row < SIZE; row += 1)
    for (int column = 0; column < SIZE; column += 1) {
      double re = 3.0 * column / SIZE - 2.25;
      double im = 2.5 * row / SIZE - 1.25;
      double x = 0;
      double y = 0;
      uint32_t count = 0;
      while (count < n && x * x + y * y < 4.0) {
        double next = x * x - y * y + re;
        y = 2.0 * x * y + im;
        x = next;
        count += 1;
      }
      hash = fold(hash, count);
    }
  return hash;
}
