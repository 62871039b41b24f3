/* pictures.h - pictures of ten simple classes, drawn anew each time: what the network is trained on
 * in place of CIFAR-10, whose pictures are not ours to hand on. */
#ifndef SLEDGE_CIFAR10_PICTURES_H
#define SLEDGE_CIFAR10_PICTURES_H

#include <math.h>
#include <stdint.h>

static uint32_t seed = 2463534242u;

static uint32_t random_bits(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

static float uniform(float from, float to) {
  return from + (to - from) * (float)(random_bits() >> 8) / 16777216.0f;
}

/* Whether a point belongs to the figure of a class; x and y from its middle, r its size. */
static int is_figure(int class, float x, float y, float r) {
  float ax = fabsf(x), ay = fabsf(y), d = sqrtf(x * x + y * y);
  switch (class) {
  case 0:
    return d < r;
  case 1:
    return d < r && d > 0.6f * r;
  case 2:
    return ax < 0.85f * r && ay < 0.85f * r;
  case 3:
    return y < 0.8f * r && ax < (y + r) * 0.55f;
  case 4:
    return (ax < 0.25f * r || ay < 0.25f * r) && ax < r && ay < r;
  case 5:
    return fmodf(y + 64, r * 0.8f) < r * 0.4f;
  case 6:
    return fmodf(x + 64, r * 0.8f) < r * 0.4f;
  case 7:
    return (fmodf(x + 64, r) < r * 0.5f) != (fmodf(y + 64, r) < r * 0.5f);
  case 8:
    return fmodf(x + y + 128, r * 1.2f) < r * 0.6f;
  default:
    return ax + ay < r && ax + ay > 0.55f * r;
  }
}

/* 3072 bytes: red, green and blue of each pixel. */
static void draw(int class, uint8_t pixels[32 * 32 * 3]) {
  float figure[3], ground[3], difference;
  do {
    difference = 0;
    for (int c = 0; c < 3; c += 1) {
      figure[c] = uniform(0, 255);
      ground[c] = uniform(0, 255);
      difference += fabsf(figure[c] - ground[c]);
    }
  } while (difference < 160);
  float x0 = uniform(12, 20), y0 = uniform(12, 20), r = uniform(8, 12);
  for (int y = 0; y < 32; y += 1)
    for (int x = 0; x < 32; x += 1) {
      int is_inside = is_figure(class, (float)x - x0, (float)y - y0, r);
      for (int c = 0; c < 3; c += 1) {
        float value = (is_inside ? figure : ground)[c] + uniform(-18, 18);
        pixels[(y * 32 + x) * 3 + c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
      }
    }
}

#endif
