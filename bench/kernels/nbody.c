/* Five bodies under gravity, n steps. */
#include "kernel.h"

#define BODIES 5
#define STEP 0.01

typedef struct body {
  double position[3];
  double velocity[3];
  double mass;
} body;

static body bodies[BODIES];

static void place(void) {
  uint32_t seed = 42;
  for (int i = 0; i < BODIES; i += 1) {
    for (int axis = 0; axis < 3; axis += 1) {
      bodies[i].position[axis] = (double)(next_random(&seed) % 2000) / 100 - 10;
      bodies[i].velocity[axis] = (double)(next_random(&seed) % 200) / 100 - 1;
    }
    bodies[i].mass = 1 + (double)(next_random(&seed) % 100) / 100;
  }
}

static void attract(body *one, body *other) {
  double delta[3];
  double square = 0.01;
  for (int axis = 0; axis < 3; axis += 1) {
    delta[axis] = one->position[axis] - other->position[axis];
    square += delta[axis] * delta[axis];
  }
  double pull = STEP / (square * __builtin_sqrt(square));
  for (int axis = 0; axis < 3; axis += 1) {
    one->velocity[axis] -= delta[axis] * other->mass * pull;
    other->velocity[axis] += delta[axis] * one->mass * pull;
  }
}

KERNEL {
  place();
  for (uint32_t step = 0; step < n; step += 1) {
    for (int i = 0; i < BODIES; i += 1)
      for (int j = i + 1; j < BODIES; j += 1)
        attract(&bodies[i], &bodies[j]);
    for (int i = 0; i < BODIES; i += 1)
      for (int axis = 0; axis < 3; axis += 1)
        bodies[i].position[axis] += STEP * bodies[i].velocity[axis];
  }
  uint32_t hash = FOLD_START;
  for (int i = 0; i < BODIES; i += 1)
    hash = fold_double(hash, bodies[i].position[0]);
  return hash;
}
