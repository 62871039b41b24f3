/* Reads far beyond its memory. */
#include <stdint.h>

static volatile uint32_t address = 0xfffffff0u;

int main(void) {
  return (int)*(volatile uint32_t *)(uintptr_t)address;
}
