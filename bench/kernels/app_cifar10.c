/* functions/cifar10: n pictures through the convolutional network. */
#include "application.h"

#include "../../functions/cifar10/weights.h"

KERNEL {
  static float weights[WEIGHTS];
  static activations a;
  uint32_t hash = FOLD_START, seed = 5;
  for (int i = 0; i < WEIGHTS; i += 1)
    weights[i] = (float)(levels[i] - 80) / 512;
  for (uint32_t round = 0; round < n; round += 1) {
    for (int i = 0; i < SIDE * SIDE * COLOURS; i += 1)
      a.input[0][i] = (float)(next_random(&seed) & 255) / 64 - 2;
    classify(&a, weights);
    for (int c = 0; c < CLASSES; c += 1)
      hash = fold_double(hash, (double)a.out[c] * (double)units[0]);
  }
  return hash;
}
