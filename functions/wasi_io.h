/* wasi_io.h - reading and writing without stdio, so that a sample stays below a few kilobytes. */
#ifndef SLEDGE_SAMPLE_WASI_IO_H
#define SLEDGE_SAMPLE_WASI_IO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wasi/api.h>

enum { STANDARD_INPUT = 0, STANDARD_OUTPUT = 1, STANDARD_ERROR = 2 };

/* Reads up to `capacity` bytes; 0 at the end of input or on an error. */
static size_t read_some(uint8_t *buffer, size_t capacity) {
  __wasi_iovec_t part = {.buf = buffer, .buf_len = capacity};
  __wasi_size_t count = 0;
  if (__wasi_fd_read(STANDARD_INPUT, &part, 1, &count) != 0)
    return 0;
  return count;
}

/* Reads until the buffer is full or input ends. */
static inline size_t read_all(uint8_t *buffer, size_t capacity) {
  size_t length = 0;
  while (length < capacity) {
    size_t count = read_some(buffer + length, capacity - length);
    if (count == 0)
      break;
    length += count;
  }
  return length;
}

/* 1 when everything was written. */
static int write_all(int file, const void *bytes, size_t length) {
  const uint8_t *next = bytes;
  while (length > 0) {
    __wasi_ciovec_t part = {.buf = next, .buf_len = length};
    __wasi_size_t count = 0;
    if (__wasi_fd_write((__wasi_fd_t)file, &part, 1, &count) != 0 || count == 0)
      return 0;
    next += count;
    length -= count;
  }
  return 1;
}

static inline int write_text(int file, const char *text) {
  return write_all(file, text, strlen(text));
}

static inline int write_decimal(int file, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return write_all(file, digits + at, sizeof digits - at);
}

static inline int is_space(char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Parses a decimal number that may be surrounded by white space; 0 when it is none. */
static inline int parse_decimal(const char *text, size_t length, uint64_t *value) {
  size_t start = 0;
  while (start < length && is_space(text[start]))
    start += 1;
  while (length > start && is_space(text[length - 1]))
    length -= 1;
  if (start == length || length - start > 18)
    return 0;
  uint64_t result = 0;
  for (size_t i = start; i < length; i += 1) {
    if (text[i] < '0' || text[i] > '9')
      return 0;
    result = result * 10 + (uint64_t)(text[i] - '0');
  }
  *value = result;
  return 1;
}

/* The number in argv[1], or else `otherwise`; 0 when argv[1] is there and is no number. */
static inline int number_argument(int argc, char **argv, uint64_t otherwise, uint64_t *value) {
  *value = otherwise;
  return argc < 2 || parse_decimal(argv[1], strlen(argv[1]), value);
}

#endif
