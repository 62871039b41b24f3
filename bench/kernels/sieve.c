/* Counts the primes below a million, n times. */
#include "kernel.h"

#define LIMIT 1000000

static uint8_t composite[LIMIT];

KERNEL {
  uint32_t count = 0;
  for (uint32_t round = 0; round < n; round += 1) {
    for (int i = 0; i < LIMIT; i += 1)
      composite[i] = 0;
    for (int i = 2; i * i < LIMIT; i += 1) {
      if (composite[i])
        continue;
      for (int j = i * i; j < LIMIT; j += i)
        composite[j] = 1;
    }
    for (int i = 2; i < LIMIT; i += 1)
      count += !composite[i];
  }
  return count;
}
