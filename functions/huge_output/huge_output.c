/* Writes argv[1] bytes (64 MiB without one), more than a response may hold. */
#include "../wasi_io.h"

static uint8_t block[16384];

int main(int argc, char **argv) {
  uint64_t left;
  if (!number_argument(argc, argv, 64u << 20, &left)) {
    write_text(STANDARD_ERROR, "huge_output: give the number of bytes in decimal\n");
    return 2;
  }
  memset(block, 'x', sizeof block);
  while (left > 0) {
    size_t length = left < sizeof block ? (size_t)left : sizeof block;
    if (!write_all(STANDARD_OUTPUT, block, length))
      return 1;
    left -= length;
  }
  return 0;
}
