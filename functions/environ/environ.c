/* Answers its environment, one NAME=value a line. */
#include "../wasi_io.h"

static uint8_t *names[1024];
static uint8_t bytes[49152];

int main(void) {
  __wasi_size_t count = 0;
  __wasi_size_t length = 0;
  if (__wasi_environ_sizes_get(&count, &length) != 0)
    return 1;
  if (count > sizeof names / sizeof names[0] || length > sizeof bytes) {
    write_text(STANDARD_ERROR, "environ: too large\n");
    return 1;
  }
  if (__wasi_environ_get(names, bytes) != 0)
    return 1;
  for (__wasi_size_t i = 0; i < count; i += 1) {
    write_text(STANDARD_OUTPUT, (const char *)names[i]);
    write_text(STANDARD_OUTPUT, "\n");
  }
  return 0;
}
