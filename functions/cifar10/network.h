/* network.h - a convolutional network for pictures of CIFAR-10's size, 32 x 32 in three colours:
 * three layers of 3 x 3 filters (16, 32 and 32 of them), each rectified and halved by the largest
 * of four, then one full layer to ten classes. About 2.2 million multiplications. */
#ifndef SLEDGE_CIFAR10_NETWORK_H
#define SLEDGE_CIFAR10_NETWORK_H

#include <string.h>

enum {
  SIDE = 32,
  COLOURS = 3,
  CLASSES = 10,
  LAYERS = 3,
  FILTERS_MAX = 32,
  FEATURES = 4 * 4 * 32,
  PIXELS_MAX = SIDE * SIDE,
};

static const int channels[LAYERS + 1] = {COLOURS, 16, 32, 32};

/* Places of each layer's weights in one list: 3 x 3 x in x out, then a bias for each out. */
enum {
  FIRST_AT = 0,
  SECOND_AT = FIRST_AT + 9 * 3 * 16 + 16,
  THIRD_AT = SECOND_AT + 9 * 16 * 32 + 32,
  FULL_AT = THIRD_AT + 9 * 32 * 32 + 32,
  WEIGHTS = FULL_AT + FEATURES * CLASSES + CLASSES,
};
static const int layer_at[LAYERS] = {FIRST_AT, SECOND_AT, THIRD_AT};

/* What a picture becomes on its way: the sums of each layer, and what is left of them. */
typedef struct activations {
  float input[LAYERS + 1][PIXELS_MAX * FILTERS_MAX];
  float sums[LAYERS][PIXELS_MAX * FILTERS_MAX];
  float out[CLASSES];
} activations;

/* Filters of 3 x 3 over a square of `side`; beyond its border is nothing. */
static void convolve(const float *from, float *to, int side, int in, int out, const float *w) {
  const float *bias = w + 9 * in * out;
  for (int y = 0; y < side; y += 1)
    for (int x = 0; x < side; x += 1) {
      float *sum = to + (y * side + x) * out;
      memcpy(sum, bias, (size_t)out * sizeof *sum);
      for (int tap = 0; tap < 9; tap += 1) {
        int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
        if (row < 0 || row >= side || column < 0 || column >= side)
          continue;
        const float *pixel = from + (row * side + column) * in;
        for (int c = 0; c < in; c += 1) {
          const float *weight = w + (tap * in + c) * out;
          for (int o = 0; o < out; o += 1)
            sum[o] += pixel[c] * weight[o];
        }
      }
    }
}

/* The largest of each 2 x 2, and nothing below zero. */
static void halve(const float *from, float *to, int side, int count) {
  for (int y = 0; y < side / 2; y += 1)
    for (int x = 0; x < side / 2; x += 1)
      for (int c = 0; c < count; c += 1) {
        const float *pixel = from + (2 * y * side + 2 * x) * count + c;
        float most = pixel[0] > pixel[count] ? pixel[0] : pixel[count];
        float left = pixel[side * count], right = pixel[side * count + count];
        float other = left > right ? left : right;
        most = most > other ? most : other;
        to[(y * (side / 2) + x) * count + c] = most > 0 ? most : 0;
      }
}

/* Scores of the classes for the picture in a->input[0]. */
static void classify(activations *a, const float *weights) {
  int side = SIDE;
  for (int layer = 0; layer < LAYERS; layer += 1, side /= 2) {
    int in = channels[layer], out = channels[layer + 1];
    convolve(a->input[layer], a->sums[layer], side, in, out, weights + layer_at[layer]);
    halve(a->sums[layer], a->input[layer + 1], side, out);
  }
  const float *full = weights + FULL_AT;
  memcpy(a->out, full + FEATURES * CLASSES, sizeof a->out);
  for (int f = 0; f < FEATURES; f += 1)
    for (int c = 0; c < CLASSES; c += 1)
      a->out[c] += a->input[LAYERS][f] * full[f * CLASSES + c];
}

#endif
