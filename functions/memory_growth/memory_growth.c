/* Grows its memory page by page until that is refused, writes to each page, and reports. */
#include "../wasi_io.h"

#define PAGE_BYTES 65536u

int main(void) {
  size_t first = __builtin_wasm_memory_size(0);
  while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) {
    size_t pages = __builtin_wasm_memory_size(0);
    *(volatile uint8_t *)(pages * PAGE_BYTES - 1) = 0xa5;
  }
  write_text(STANDARD_OUTPUT, "grew from ");
  write_decimal(STANDARD_OUTPUT, first);
  write_text(STANDARD_OUTPUT, " to ");
  write_decimal(STANDARD_OUTPUT, __builtin_wasm_memory_size(0));
  write_text(STANDARD_OUTPUT, " pages");
  return 0;
}
