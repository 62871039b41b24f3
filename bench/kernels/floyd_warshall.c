/* All shortest paths of a dense graph. */
#include "kernel.h"

#define NODES 180

static int32_t path[NODES][NODES];

KERNEL {
  uint32_t hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1) {
    for (int i = 0; i < NODES; i += 1)
      for (int j = 0; j < NODES; j += 1) {
        path[i][j] = (i * j + (int)round) % 7 + 1;
        if ((i + j) % 13 == 0 || (i + j) % 7 == 0 || (i + j) % 11 == 0)
          path[i][j] = 999;
      }
    for (int k = 0; k < NODES; k += 1)
      for (int i = 0; i < NODES; i += 1)
        for (int j = 0; j < NODES; j += 1) {
          int32_t through = path[i][k] + path[k][j];
          if (through < path[i][j])
            path[i][j] = through;
        }
    for (int i = 0; i < NODES; i += 1)
      hash = fold(hash, (uint32_t)path[i][(i * 17) % NODES]);
  }
  return hash;
}
