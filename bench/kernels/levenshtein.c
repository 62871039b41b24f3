/* Edit distance of two random texts of n letters. */
#include "kernel.h"

#define CAPACITY 4096

static uint8_t one[CAPACITY], other[CAPACITY];
static uint32_t row[CAPACITY + 1];

KERNEL {
  if (n > CAPACITY)
    return 0;
  uint32_t seed = 21;
  for (uint32_t i = 0; i < n; i += 1) {
    one[i] = (uint8_t)('a' + next_random(&seed) % 4);
    other[i] = (uint8_t)('a' + next_random(&seed) % 4);
  }
  for (uint32_t j = 0; j <= n; j += 1)
    row[j] = j;
  for (uint32_t i = 1; i <= n; i += 1) {
    uint32_t diagonal = row[0];
    row[0] = i;
    for (uint32_t j = 1; j <= n; j += 1) {
      uint32_t best = diagonal + (one[i - 1] != other[j - 1]);
      if (row[j] + 1 < best)
        best = row[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[n];
}
