/* Names what the picture in the request's body shows: 32 x 32 pixels of red, green and blue, 3,072
 * bytes as CIFAR-10 has them (but pixel by pixel). Answers with the class and its probability.
 * Without a body it draws a picture of its own, for loads whose requests have none. */
#include <math.h>
#include <stdio.h>

#include "../wasi_io.h"
#include "pictures.h"
#include "weights.h"

enum { INPUT_BYTES = SIDE * SIDE * COLOURS, LEVELS = 31 };

static const char *const names[CLASSES] = {
    "disc", "ring",    "square", "triangle",  "cross",
    "rows", "columns", "checks", "diagonals", "diamond",
};

static int level_of(char digit) {
  if (digit >= 'a')
    return digit - 'a' + 26 - LEVELS;
  if (digit >= 'A')
    return digit - 'A' - LEVELS;
  if (digit >= '0')
    return digit - '0' + 52 - LEVELS;
  return (digit == '+' ? 62 : 63) - LEVELS;
}

static void read_weights(float weights[WEIGHTS]) {
  static const int ends[] = {SECOND_AT, THIRD_AT, FULL_AT, WEIGHTS};
  int layer = 0;
  for (int i = 0; i < WEIGHTS; i += 1) {
    if (i == ends[layer])
      layer += 1;
    weights[i] = (float)level_of(levels[i]) * units[layer];
  }
}

int main(void) {
  static uint8_t input[INPUT_BYTES + 1];
  static float weights[WEIGHTS];
  static activations a;
  size_t length = read_all(input, sizeof input);
  if (length == 0)
    draw(4, input);
  else if (length != INPUT_BYTES) {
    write_text(STANDARD_ERROR, "cifar10: give 3072 bytes, 32 x 32 pixels of three colours\n");
    return 2;
  }
  read_weights(weights);
  for (int i = 0; i < INPUT_BYTES; i += 1)
    a.input[0][i] = ((float)input[i] - 128) / 64;
  classify(&a, weights);
  int best = 0;
  for (int c = 1; c < CLASSES; c += 1)
    best = a.out[c] > a.out[best] ? c : best;
  float sum = 0;
  for (int c = 0; c < CLASSES; c += 1)
    sum += expf(a.out[c] - a.out[best]);
  char text[64];
  int count = snprintf(text, sizeof text, "%s %.4f\n", names[best], 1.0 / (double)sum);
  return write_all(STANDARD_OUTPUT, text, (size_t)count) ? 0 : 1;
}
