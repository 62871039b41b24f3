/* network.h - a perceptron of two layers for digits of 12 x 12 pixels; 144 inputs, 32 hidden units.
 * Weights are integers of 8 bits: units of 1/64 in the first layer, and 1/32 in the second. */
#ifndef SLEDGE_DIGITS_NETWORK_H
#define SLEDGE_DIGITS_NETWORK_H

#include <stdint.h>

enum { SIDE = 12, INPUTS = SIDE * SIDE, HIDDEN = 32, DIGITS = 10 };

typedef struct network {
  int8_t first[HIDDEN][INPUTS];
  int8_t first_bias[HIDDEN];
  int8_t second[DIGITS][HIDDEN];
  int8_t second_bias[DIGITS];
} network;

/* Pixels are 0 (paper) to 255 (ink). */
static inline int recognise(const network *n, const uint8_t pixels[INPUTS]) {
  int32_t hidden[HIDDEN], best = INT32_MIN;
  int digit = 0;
  for (int h = 0; h < HIDDEN; h += 1) {
    int32_t sum = n->first_bias[h] * 255;
    for (int i = 0; i < INPUTS; i += 1)
      sum += n->first[h][i] * pixels[i];
    hidden[h] = sum > 0 ? sum / 255 : 0;
  }
  for (int d = 0; d < DIGITS; d += 1) {
    int32_t sum = n->second_bias[d] * 64;
    for (int h = 0; h < HIDDEN; h += 1)
      sum += n->second[d][h] * hidden[h];
    if (sum > best)
      best = sum, digit = d;
  }
  return digit;
}

#endif
