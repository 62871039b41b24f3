/* Recurses without an end that it would ever reach. It keeps nothing on the shadow stack, so that
 * the sandbox's own stack is what overflows. */
#include <stdint.h>

static volatile uint32_t last = 0xffffffffu;

__attribute__((noinline)) static uint32_t descend(uint32_t depth) {
  if (depth == last)
    return depth;
  uint32_t below = descend(depth + 1);
  last = below | 0x80000000u;
  return below * 31 + depth;
}

int main(void) {
  return (int)descend(0);
}
