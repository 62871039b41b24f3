/* Prints the n-th Fibonacci number; n comes from argv[1] or else from stdin. */
#include "../wasi_io.h"

/* Beyond it the result leaves 64 bits. */
#define ARGUMENT_MAX 93

static uint64_t fibonacci(uint64_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

int main(int argc, char **argv) {
  uint64_t n = 0;
  int valid;
  if (argc > 1) {
    valid = parse_decimal(argv[1], strlen(argv[1]), &n);
  } else {
    uint8_t text[64];
    size_t length = read_all(text, sizeof text);
    valid = length < sizeof text && parse_decimal((const char *)text, length, &n);
  }
  if (!valid || n > ARGUMENT_MAX) {
    write_text(STANDARD_ERROR, "fibonacci: give a decimal number from 0 to 93\n");
    return 2;
  }
  write_decimal(STANDARD_OUTPUT, fibonacci(n));
  return 0;
}
