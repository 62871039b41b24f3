/* Compresses the request's body to a gzip file (RFC 1952). The deflate stream is made by Debian's
 * stb_image_write, whose zlib header and trailer are replaced by gzip's. */
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stdlib.h>
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma clang diagnostic pop

#include "../wasi_io.h"

enum { INPUT_BYTES_MAX = 4 << 20, LEVEL = 8, ZLIB_HEAD_BYTES = 2, ZLIB_TAIL_BYTES = 4 };

static uint32_t checksum(const uint8_t *bytes, size_t length) {
  uint32_t table[256];
  for (uint32_t i = 0; i < 256; i += 1) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit += 1)
      value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
    table[i] = value;
  }
  uint32_t sum = ~0u;
  for (size_t i = 0; i < length; i += 1)
    sum = sum >> 8 ^ table[(sum ^ bytes[i]) & 255];
  return ~sum;
}

static void put_word(uint8_t *to, uint32_t word) {
  for (int i = 0; i < 4; i += 1)
    to[i] = (uint8_t)(word >> 8 * i);
}

int main(void) {
  uint8_t *input = malloc(INPUT_BYTES_MAX);
  if (input == NULL)
    return 1;
  size_t length = read_all(input, INPUT_BYTES_MAX);
  uint8_t more;
  if (length == INPUT_BYTES_MAX && read_some(&more, 1) > 0) {
    write_text(STANDARD_ERROR, "gzip: the input is larger than 4 MiB\n");
    return 2;
  }
  int count = 0;
  uint8_t *zlib = stbi_zlib_compress(input, (int)length, &count, LEVEL);
  if (zlib == NULL)
    return 1;
  /* Method deflate, no flags, no time, no hint, and an unknown system. */
  static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
  uint8_t tail[8];
  put_word(tail, checksum(input, length));
  put_word(tail + 4, (uint32_t)length);
  size_t deflated = (size_t)count - ZLIB_HEAD_BYTES - ZLIB_TAIL_BYTES;
  int is_written = write_all(STANDARD_OUTPUT, head, sizeof head) &&
                   write_all(STANDARD_OUTPUT, zlib + ZLIB_HEAD_BYTES, deflated) &&
                   write_all(STANDARD_OUTPUT, tail, sizeof tail);
  return is_written ? 0 : 1;
}
