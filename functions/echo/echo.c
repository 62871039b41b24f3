/* Answers its body. */
#include "../wasi_io.h"

static uint8_t buffer[32768];

int main(void) {
  for (;;) {
    size_t length = read_some(buffer, sizeof buffer);
    if (length == 0)
      return 0;
    if (!write_all(STANDARD_OUTPUT, buffer, length))
      return 1;
  }
}
