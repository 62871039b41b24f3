/* Trains network.h on digits that it draws itself, and writes weights.h; with "sample TEXT" it
 * writes a PGM picture of those digits instead. For the machine that builds, not for the sandbox:
 *
 *   clang -O2 -ffp-contract=off train.c -lm -o train && ./train > weights.h
 *   ./train sample 31415926535897932384 > input.pgm
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "network.h"

enum { COLUMNS = 5, ROWS = 7, PICTURES = 30000, STEPS = 3 };

static const char *const glyphs[DIGITS][ROWS] = {
    {" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "},
    {"  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "},
    {" ### ", "#   #", "    #", "  ## ", " #   ", "#    ", "#####"},
    {" ### ", "#   #", "    #", "  ## ", "    #", "#   #", " ### "},
    {"   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "},
    {"#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "},
    {" ### ", "#    ", "#    ", "#### ", "#   #", "#   #", " ### "},
    {"#####", "    #", "   # ", "  #  ", "  #  ", " #   ", " #   "},
    {" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "},
    {" ### ", "#   #", "#   #", " ####", "    #", "    #", " ### "},
};
static uint32_t seed = 2463534242u;

static uint32_t random_bits(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

static float uniform(float from, float to) {
  return from + (to - from) * (float)(random_bits() >> 8) / 16777216.0f;
}

/* A digit, a little moved, stretched, sheared and blotted. */
static void draw(int digit, uint8_t pixels[INPUTS]) {
  float width = uniform(1.25f, 1.75f), height = uniform(1.25f, 1.55f), shear = uniform(-0.2f, 0.2f);
  float left = uniform(1.2f, 2.6f), top = uniform(0.6f, 1.6f);
  for (int y = 0; y < SIDE; y += 1)
    for (int x = 0; x < SIDE; x += 1) {
      float row = ((float)y + 0.5f - top) / height;
      float column = ((float)x + 0.5f - left - shear * ((float)y - 6)) / width;
      int is_inside = row >= 0 && row < ROWS && column >= 0 && column < COLUMNS;
      int ink = is_inside && glyphs[digit][(int)row][(int)column] == '#';
      float value = (ink ? 225 : 25) + uniform(-25, 25) + (random_bits() % 60 == 0 ? 90 : 0);
      pixels[y * SIDE + x] = value > 255 ? 255 : (uint8_t)value;
    }
}

static float w1[HIDDEN][INPUTS], b1[HIDDEN], w2[DIGITS][HIDDEN], b2[DIGITS];

static void learn(const uint8_t pixels[INPUTS], int digit, float rate) {
  float hidden[HIDDEN], out[DIGITS], back[HIDDEN] = {0}, sum = 0, most = -1e9f;
  for (int h = 0; h < HIDDEN; h += 1) {
    hidden[h] = b1[h];
    for (int i = 0; i < INPUTS; i += 1)
      hidden[h] += w1[h][i] * (float)pixels[i] / 255;
    if (hidden[h] < 0)
      hidden[h] = 0;
  }
  for (int d = 0; d < DIGITS; d += 1) {
    out[d] = b2[d];
    for (int h = 0; h < HIDDEN; h += 1)
      out[d] += w2[d][h] * hidden[h];
    most = out[d] > most ? out[d] : most;
  }
  for (int d = 0; d < DIGITS; d += 1)
    sum += out[d] = expf(out[d] - most);
  for (int d = 0; d < DIGITS; d += 1) {
    float error = out[d] / sum - (d == digit);
    b2[d] -= rate * error;
    for (int h = 0; h < HIDDEN; h += 1) {
      back[h] += error * w2[d][h];
      w2[d][h] -= rate * error * hidden[h];
    }
  }
  for (int h = 0; h < HIDDEN; h += 1) {
    if (hidden[h] == 0)
      continue;
    b1[h] -= rate * back[h];
    for (int i = 0; i < INPUTS; i += 1)
      w1[h][i] -= rate * back[h] * (float)pixels[i] / 255;
  }
}

static int8_t rounded(float value, float scale) {
  float units = roundf(value * scale);
  return (int8_t)(units > 127 ? 127 : units < -127 ? -127 : units);
}

static void round_all(network *n) {
  for (int h = 0; h < HIDDEN; h += 1) {
    n->first_bias[h] = rounded(b1[h], 64);
    for (int i = 0; i < INPUTS; i += 1)
      n->first[h][i] = rounded(w1[h][i], 64);
  }
  for (int d = 0; d < DIGITS; d += 1) {
    n->second_bias[d] = rounded(b2[d], 32);
    for (int h = 0; h < HIDDEN; h += 1)
      n->second[d][h] = rounded(w2[d][h], 32);
  }
}

static void write_rows(const char *name, const int8_t *values, int count) {
  printf("    .%s =\n        {", name);
  for (int i = 0; i < count; i += 1)
    printf("%s%d,", i % 20 == 0 && i > 0 ? "\n         " : "", values[i]);
  printf("},\n");
}

static void write_sample(const char *text) {
  int count = (int)strlen(text);
  static uint8_t picture[SIDE][SIDE * 64];
  for (int c = 0; c < count && c < 64; c += 1) {
    uint8_t pixels[INPUTS];
    draw(text[c] - '0', pixels);
    for (int y = 0; y < SIDE; y += 1)
      memcpy(&picture[y][c * SIDE], pixels + y * SIDE, SIDE);
  }
  printf("P5\n%d %d\n255\n", count * SIDE, SIDE);
  for (int y = 0; y < SIDE; y += 1)
    for (int x = 0; x < count * SIDE; x += 1)
      putchar(255 - picture[y][x]);
}

int main(int argc, char **argv) {
  static network n;
  uint8_t pixels[INPUTS];
  int right = 0;
  if (argc == 3) {
    seed = 88172645u;
    write_sample(argv[2]);
    return 0;
  }
  for (int h = 0; h < HIDDEN; h += 1)
    for (int i = 0; i < INPUTS; i += 1)
      w1[h][i] = uniform(-0.1f, 0.1f);
  for (int d = 0; d < DIGITS; d += 1)
    for (int h = 0; h < HIDDEN; h += 1)
      w2[d][h] = uniform(-0.2f, 0.2f);
  for (int step = 0; step < STEPS * PICTURES; step += 1) {
    int digit = (int)(random_bits() % DIGITS);
    draw(digit, pixels);
    learn(pixels, digit, step < 2 * PICTURES ? 0.02f : 0.004f);
  }
  round_all(&n);
  for (int i = 0; i < 10000; i += 1) {
    int digit = (int)(random_bits() % DIGITS);
    draw(digit, pixels);
    right += recognise(&n, pixels) == digit;
  }
  printf("/* Written by train.c: of 10,000 new digits these recognise %d. */\n", right);
  printf("#include \"network.h\"\n\nstatic const network weights = {\n");
  write_rows("first", n.first[0], HIDDEN * INPUTS);
  write_rows("first_bias", n.first_bias, HIDDEN);
  write_rows("second", n.second[0], DIGITS * HIDDEN);
  write_rows("second_bias", n.second_bias, DIGITS);
  printf("};\n");
  return 0;
}
