/* Bilinear resize of an RGBA picture in fixed point, n times. */
#include "kernel.h"

#define FROM 200
#define TO 320
#define CHANNELS 4

static uint8_t from[FROM * FROM * CHANNELS];
static uint8_t to[TO * TO * CHANNELS];

static void resize(void) {
  const uint32_t step = ((FROM - 1) << 16) / TO;
  for (uint32_t row = 0; row < TO; row += 1) {
    uint32_t y = row * step;
    const uint8_t *upper = from + (y >> 16) * FROM * CHANNELS;
    const uint8_t *lower = upper + FROM * CHANNELS;
    uint32_t down = y >> 8 & 255;
    for (uint32_t column = 0; column < TO; column += 1) {
      uint32_t x = column * step;
      uint32_t left = (x >> 16) * CHANNELS;
      uint32_t across = x >> 8 & 255;
      for (uint32_t channel = 0; channel < CHANNELS; channel += 1) {
        uint32_t a = left + channel;
        uint32_t top = upper[a] * (256 - across) + upper[a + CHANNELS] * across;
        uint32_t bottom = lower[a] * (256 - across) + lower[a + CHANNELS] * across;
        to[(row * TO + column) * CHANNELS + channel] =
            (uint8_t)((top * (256 - down) + bottom * down) >> 16);
      }
    }
  }
}

KERNEL {
  uint32_t seed = 3;
  for (uint32_t i = 0; i < sizeof from; i += 1)
    from[i] = (uint8_t)next_random(&seed);
  uint32_t hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1) {
    from[round % sizeof from] += 1;
    resize();
    for (uint32_t i = 0; i < sizeof to; i += 997)
      hash = fold(hash, to[i]);
  }
  return hash;
}
