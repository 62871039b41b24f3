/* application.h - in place of functions/wasi_io.h: a body and its answer in memory, so that
 * a real function is a kernel without imports. */
#ifndef SLEDGE_BENCH_APPLICATION_H
#define SLEDGE_BENCH_APPLICATION_H
#define SLEDGE_SAMPLE_WASI_IO_H

#include <string.h>

#include "kernel.h"

enum { STANDARD_INPUT = 0, STANDARD_OUTPUT = 1, STANDARD_ERROR = 2 };

static const uint8_t *body;
static size_t body_length;
static uint32_t answer_hash;

static inline size_t read_some(uint8_t *buffer, size_t capacity) {
  size_t count = capacity < body_length ? capacity : body_length;
  memcpy(buffer, body, count);
  body += count;
  body_length -= count;
  return count;
}

static inline size_t read_all(uint8_t *buffer, size_t capacity) {
  return read_some(buffer, capacity);
}

static inline int write_all(int file, const void *bytes, size_t length) {
  const uint8_t *next = bytes;
  (void)file;
  for (size_t i = 0; i < length; i += 1)
    answer_hash = fold(answer_hash, next[i]);
  return 1;
}

static inline int write_text(int file, const char *text) {
  return write_all(file, text, strlen(text));
}

static inline int is_space(char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Gives a request its body; the hash of answers goes on. */
static inline void set_body(const void *bytes, size_t length) {
  body = bytes;
  body_length = length;
}

#define main application_main
#define OTHER_LETTERS "etaoin shrdlu cmfwyp vbgkqj xz"

/* Text like that of logs and pages: words of letters, with marks between them. */
static inline void fill_text(char *text, size_t length, const char *marks) {
  uint32_t seed = 7;
  size_t count = strlen(marks);
  for (size_t i = 0; i < length; i += 1) {
    uint32_t bits = next_random(&seed) >> 8;
    int is_mark = bits % 13 == 0;
    text[i] = is_mark ? marks[(bits >> 8) % count] : OTHER_LETTERS[(bits >> 8) % 30];
  }
}

#endif
