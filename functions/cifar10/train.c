/* Trains network.h on the pictures of pictures.h and writes weights.h; with "sample CLASS" it
 * writes a picture instead. For the machine that builds, not for the sandbox:
 *
 *   clang -O3 -ffp-contract=off train.c -lm -o train && ./train > weights.h
 *   ./train sample 4 > input.rgb
 */
#include <stdio.h>
#include <stdlib.h>

#include "network.h"
#include "pictures.h"

enum { PICTURES = 16000, TESTED = 1000, COLUMNS = 88, LEVELS = 31 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static float weights[WEIGHTS];
static activations a;
static float back[LAYERS + 1][PIXELS_MAX * FILTERS_MAX];

static void set_input(const uint8_t *pixels) {
  for (int i = 0; i < SIDE * SIDE * COLOURS; i += 1)
    a.input[0][i] = ((float)pixels[i] - 128) / 64;
}

/* The gradient goes to where the largest of four came from. */
static void unhalve(int layer, int side, float *to) {
  int count = channels[layer + 1];
  memset(to, 0, sizeof(float) * (size_t)(side * side * count));
  for (int i = 0; i < side / 2 * (side / 2) * count; i += 1) {
    if (a.input[layer + 1][i] <= 0)
      continue;
    int c = i % count, x = i / count % (side / 2), y = i / count / (side / 2);
    int base = (2 * y * side + 2 * x) * count + c;
    int places[4] = {base, base + count, base + side * count, base + side * count + count};
    int best = 0;
    for (int p = 1; p < 4; p += 1)
      if (a.sums[layer][places[p]] > a.sums[layer][places[best]])
        best = p;
    to[places[best]] = back[layer + 1][i];
  }
}

static void unconvolve(int layer, int side, const float *error, float rate) {
  int in = channels[layer], out = channels[layer + 1];
  float *w = weights + layer_at[layer], *bias = w + 9 * in * out;
  memset(back[layer], 0, sizeof back[layer]);
  for (int place = 0; place < side * side; place += 1) {
    const float *e = error + place * out;
    for (int o = 0; o < out; o += 1)
      bias[o] -= rate * e[o];
    for (int tap = 0; tap < 9; tap += 1) {
      int row = place / side + tap / 3 - 1, column = place % side + tap % 3 - 1;
      if (row < 0 || row >= side || column < 0 || column >= side)
        continue;
      const float *pixel = a.input[layer] + (row * side + column) * in;
      float *to = back[layer] + (row * side + column) * in;
      for (int c = 0; c < in; c += 1)
        for (int o = 0; o < out; o += 1) {
          float *weight = &w[(tap * in + c) * out + o];
          to[c] += e[o] * *weight;
          *weight -= rate * e[o] * pixel[c];
        }
    }
  }
}

static void learn(int class, float rate) {
  static float error[PIXELS_MAX * FILTERS_MAX];
  float sum = 0, most = a.out[0], *full = weights + FULL_AT;
  for (int c = 0; c < CLASSES; c += 1)
    most = a.out[c] > most ? a.out[c] : most;
  for (int c = 0; c < CLASSES; c += 1)
    sum += a.out[c] = expf(a.out[c] - most);
  memset(back[LAYERS], 0, sizeof back[LAYERS]);
  for (int c = 0; c < CLASSES; c += 1) {
    float wrong = a.out[c] / sum - (c == class);
    full[FEATURES * CLASSES + c] -= rate * wrong;
    for (int f = 0; f < FEATURES; f += 1) {
      back[LAYERS][f] += wrong * full[f * CLASSES + c];
      full[f * CLASSES + c] -= rate * wrong * a.input[LAYERS][f];
    }
  }
  for (int layer = LAYERS - 1, side = SIDE / 4; layer >= 0; layer -= 1, side *= 2) {
    unhalve(layer, side, error);
    unconvolve(layer, side, error, rate);
  }
}

static int best_class(void) {
  int best = 0;
  for (int c = 1; c < CLASSES; c += 1)
    best = a.out[c] > a.out[best] ? c : best;
  return best;
}

/* Rounds a layer to 63 levels, and writes its unit. */
static void round_layer(int from, int to) {
  float most = 0;
  for (int i = from; i < to; i += 1)
    most = fabsf(weights[i]) > most ? fabsf(weights[i]) : most;
  float unit = most / LEVELS;
  printf("%a, ", (double)unit);
  for (int i = from; i < to; i += 1)
    weights[i] = roundf(weights[i] / unit);
}

static void scale(const int *bounds, const float *units) {
  for (int layer = 0; layer <= LAYERS; layer += 1)
    for (int i = bounds[layer]; i < bounds[layer + 1]; i += 1)
      weights[i] *= units[layer];
}

int main(int argc, char **argv) {
  static uint8_t pixels[SIDE * SIDE * COLOURS];
  static const int bounds[] = {FIRST_AT, SECOND_AT, THIRD_AT, FULL_AT, WEIGHTS};
  if (argc == 3) {
    draw(atoi(argv[2]), pixels);
    return fwrite(pixels, 1, sizeof pixels, stdout) != sizeof pixels;
  }
  for (int layer = 0; layer < LAYERS; layer += 1)
    for (int i = 0; i < 9 * channels[layer] * channels[layer + 1]; i += 1)
      weights[layer_at[layer] + i] = uniform(-1, 1) * sqrtf(2.0f / (float)(9 * channels[layer]));
  for (int i = 0; i < FEATURES * CLASSES; i += 1)
    weights[FULL_AT + i] = uniform(-0.05f, 0.05f);
  for (int step = 0; step < PICTURES; step += 1) {
    int class = (int)(random_bits() % CLASSES);
    draw(class, pixels);
    set_input(pixels);
    classify(&a, weights);
    learn(class, step < PICTURES / 2 ? 0.003f : 0.0008f);
  }
  printf("#include \"network.h\"\n\n/* What a level is worth, by layer. */\n");
  printf("static const float units[LAYERS + 1] = {");
  float units[LAYERS + 1];
  for (int layer = 0; layer <= LAYERS; layer += 1) {
    float most = 0;
    for (int i = bounds[layer]; i < bounds[layer + 1]; i += 1)
      most = fabsf(weights[i]) > most ? fabsf(weights[i]) : most;
    units[layer] = most / LEVELS;
    round_layer(bounds[layer], bounds[layer + 1]);
  }
  printf("};\nstatic const char levels[] =\n");
  for (int i = 0; i < WEIGHTS; i += 1)
    printf("%s%c%s", i % COLUMNS == 0 ? "    \"" : "", digits[(int)weights[i] + LEVELS],
           i % COLUMNS == COLUMNS - 1 || i == WEIGHTS - 1 ? "\"\n" : "");
  scale(bounds, units);
  int right = 0;
  for (int i = 0; i < TESTED; i += 1) {
    int class = (int)(random_bits() % CLASSES);
    draw(class, pixels);
    set_input(pixels);
    classify(&a, weights);
    right += best_class() == class;
  }
  printf("    ;\n/* Written by train.c: of %d new pictures these name %d. */\n", TESTED, right);
  return 0;
}
