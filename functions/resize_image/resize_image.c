/* Scales the picture in the request's body (PNG) to argv[1] pixels of width (64 without
 * one), its proportions kept, and answers with a PNG. Debian's stb does the work. Without a body it
 * scales a picture of its own, for loads whose requests have none. */
#define STBI_NO_STDIO
#define STBI_NO_THREAD_LOCALS
#define STBI_ONLY_PNG
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <assert.h>
#include <stdlib.h>
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#pragma clang diagnostic ignored "-Wunused-parameter"
#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>
#include <stb/stb_image_write.h>
#pragma clang diagnostic pop

#include "../wasi_io.h"

enum { INPUT_BYTES_MAX = 2 << 20, WIDTH_MAX = 2048, CHANNELS = 3 };

static int fail(const char *why) {
  write_text(STANDARD_ERROR, "resize_image: ");
  write_text(STANDARD_ERROR, why);
  write_text(STANDARD_ERROR, "\n");
  return 2;
}

enum { OWN_WIDTH = 160, OWN_HEIGHT = 120 };

static uint8_t *own_picture(int *width, int *height) {
  *width = OWN_WIDTH;
  *height = OWN_HEIGHT;
  uint8_t *pixels = malloc(OWN_WIDTH * OWN_HEIGHT * CHANNELS);
  for (int i = 0; pixels != NULL && i < OWN_WIDTH * OWN_HEIGHT; i += 1) {
    int x = i % OWN_WIDTH, y = i / OWN_WIDTH;
    pixels[CHANNELS * i] = (uint8_t)(x + y);
    pixels[CHANNELS * i + 1] = (uint8_t)(x * y / 75);
    pixels[CHANNELS * i + 2] = (uint8_t)(2 * y);
  }
  return pixels;
}

int main(int argc, char **argv) {
  uint64_t wanted;
  if (!number_argument(argc, argv, 64, &wanted) || wanted == 0 || wanted > WIDTH_MAX)
    return fail("give a width from 1 to 2048");
  uint8_t *input = malloc(INPUT_BYTES_MAX);
  if (input == NULL)
    return fail("no memory");
  int length = (int)read_all(input, INPUT_BYTES_MAX);
  int width, height, channels;
  uint8_t *pixels =
      length == 0 ? own_picture(&width, &height)
                  : stbi_load_from_memory(input, length, &width, &height, &channels, CHANNELS);
  if (pixels == NULL)
    return fail(stbi_failure_reason());
  int to_width = (int)wanted;
  int to_height = (int)((int64_t)height * to_width / width);
  if (to_height < 1)
    to_height = 1;
  uint8_t *scaled = malloc((size_t)to_width * (size_t)to_height * CHANNELS);
  if (scaled == NULL ||
      !stbir_resize_uint8(pixels, width, height, 0, scaled, to_width, to_height, 0, CHANNELS))
    return fail("no memory");
  int count = 0;
  uint8_t *png = stbi_write_png_to_mem(scaled, 0, to_width, to_height, CHANNELS, &count);
  if (png == NULL)
    return fail("no memory");
  return write_all(STANDARD_OUTPUT, png, (size_t)count) ? 0 : 1;
}
