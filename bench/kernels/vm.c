/* A small stack machine whose instructions are called through a table; n turns of its loop. */
#include "kernel.h"

typedef struct machine {
  uint32_t stack[16];
  uint32_t locals[4];
  uint32_t top;
  uint32_t at;
} machine;

typedef void (*instruction)(machine *, uint32_t operand);

static void push(machine *m, uint32_t operand) {
  m->stack[m->top++ & 15] = operand;
}
static void load(machine *m, uint32_t operand) {
  m->stack[m->top++ & 15] = m->locals[operand & 3];
}
static void store(machine *m, uint32_t operand) {
  m->locals[operand & 3] = m->stack[--m->top & 15];
}
static void add(machine *m, uint32_t operand) {
  uint32_t right = m->stack[--m->top & 15];
  m->stack[(m->top - 1) & 15] += right + operand;
}
static void multiply(machine *m, uint32_t operand) {
  uint32_t right = m->stack[--m->top & 15];
  m->stack[(m->top - 1) & 15] *= right + operand;
}
static void exclusive_or(machine *m, uint32_t operand) {
  uint32_t right = m->stack[--m->top & 15];
  m->stack[(m->top - 1) & 15] ^= right >> (operand & 31);
}
static void jump_if(machine *m, uint32_t operand) {
  if (m->stack[--m->top & 15] != 0)
    m->at = operand;
}

static instruction volatile table[] = {push, load, store, add, multiply, exclusive_or, jump_if};

typedef struct word {
  uint8_t code;
  uint32_t operand;
} word;

/* locals[0] counts down, locals[1] is mixed. */
static const word program[] = {{1, 1}, {0, 31}, {4, 0}, {1, 0}, {5, 3}, {2, 1},
                               {1, 1}, {1, 1},  {5, 7}, {2, 1}, {1, 0}, {0, 0xffffffffu},
                               {3, 0}, {2, 0},  {1, 0}, {6, 0}};
#define LENGTH (sizeof program / sizeof program[0])

KERNEL {
  machine m = {.locals = {n, 17, 0, 0}};
  while (m.at < LENGTH) {
    const word *next = &program[m.at++];
    table[next->code](&m, next->operand);
  }
  return m.locals[1];
}
