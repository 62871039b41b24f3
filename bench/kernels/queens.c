/* Counts the ways to place n queens, by bit masks and recursion. */
#include "kernel.h"

static uint32_t place(uint32_t all, uint32_t columns, uint32_t left, uint32_t right) {
  if (columns == all)
    return 1;
  uint32_t ways = 0;
  uint32_t free = all & ~(columns | left | right);
  while (free != 0) {
    uint32_t bit = free & (0u - free);
    free ^= bit;
    ways += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
  }
  return ways;
}

KERNEL {
  return n > 16 ? 0 : place((1u << n) - 1, 0, 0, 0);
}
