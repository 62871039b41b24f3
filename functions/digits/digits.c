/* Reads the digits in the picture in the request's body, a binary PGM of 8 bits and a multiple of
 * 12 pixels, and answers with them as text. */
#include "../wasi_io.h"
#include "weights.h"

enum { INPUT_BYTES_MAX = 256 * 1024, HEADER_NUMBERS = 3 };

static int fail(void) {
  write_text(STANDARD_ERROR, "digits: give a binary PGM of 8 bits, its sides multiples of 12\n");
  return 2;
}

/* Width, height and largest value. @returns bytes of the header, 0 when it is none. */
static size_t read_header(const uint8_t *bytes, size_t length, uint32_t numbers[HEADER_NUMBERS]) {
  size_t at = 2;
  if (length < 8 || bytes[0] != 'P' || bytes[1] != '5')
    return 0;
  for (int i = 0; i < HEADER_NUMBERS; i += 1) {
    while (at < length && is_space((char)bytes[at]))
      at += 1;
    numbers[i] = 0;
    for (; at < length && bytes[at] >= '0' && bytes[at] <= '9' && numbers[i] < 100000; at += 1)
      numbers[i] = numbers[i] * 10 + (uint32_t)(bytes[at] - '0');
  }
  return at + 1;
}

int main(void) {
  static uint8_t input[INPUT_BYTES_MAX];
  uint32_t numbers[HEADER_NUMBERS];
  size_t length = read_all(input, sizeof input);
  size_t start = read_header(input, length, numbers);
  uint32_t width = numbers[0], height = numbers[1];
  if (start == 0 || numbers[2] != 255 || width == 0 || width % SIDE != 0 || height % SIDE != 0 ||
      start + (uint64_t)width * height > length)
    return fail();
  for (uint32_t top = 0; top < height; top += SIDE) {
    for (uint32_t left = 0; left < width; left += SIDE) {
      uint8_t pixels[INPUTS];
      for (uint32_t i = 0; i < INPUTS; i += 1)
        pixels[i] = (uint8_t)(255 - input[start + (top + i / SIDE) * width + left + i % SIDE]);
      char text = (char)('0' + recognise(&weights, pixels));
      write_all(STANDARD_OUTPUT, &text, 1);
    }
    write_text(STANDARD_OUTPUT, "\n");
  }
  return 0;
}
