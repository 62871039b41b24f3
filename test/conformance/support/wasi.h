/* wasi.h - as much of WASI preview 1 as the sample functions need, over stdin and stdout, written
 * once for both programs that run them. The includer defines HOST (the first parameter's type),
 * NAME(function) and MEMORY(host). A trap ends the process with TRAP_EXIT_CODE. */
#ifndef SLEDGE_TEST_WASI_H
#define SLEDGE_TEST_WASI_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRAP_EXIT_CODE 134
#define ERRNO_BAD_DESCRIPTOR 8

static int argument_count;
static char **argument_values;

static void put_u32(uint8_t *memory, uint32_t at, uint32_t value) {
  memcpy(memory + at, &value, sizeof value);
}

static uint32_t get_u32(const uint8_t *memory, uint32_t at) {
  uint32_t value;
  memcpy(&value, memory + at, sizeof value);
  return value;
}

uint32_t NAME(args_sizes_get)(HOST host, uint32_t count_at, uint32_t bytes_at) {
  uint32_t bytes = 0;
  for (int i = 0; i < argument_count; i++)
    bytes += (uint32_t)strlen(argument_values[i]) + 1;
  put_u32(MEMORY(host), count_at, (uint32_t)argument_count);
  put_u32(MEMORY(host), bytes_at, bytes);
  return 0;
}

uint32_t NAME(args_get)(HOST host, uint32_t pointers_at, uint32_t text_at) {
  uint32_t at = text_at;
  for (int i = 0; i < argument_count; i++) {
    uint32_t bytes = (uint32_t)strlen(argument_values[i]) + 1;
    put_u32(MEMORY(host), pointers_at + 4 * (uint32_t)i, at);
    memcpy(MEMORY(host) + at, argument_values[i], bytes);
    at += bytes;
  }
  return 0;
}

uint32_t NAME(environ_sizes_get)(HOST host, uint32_t count_at, uint32_t bytes_at) {
  put_u32(MEMORY(host), count_at, 0);
  put_u32(MEMORY(host), bytes_at, 0);
  return 0;
}

uint32_t NAME(environ_get)(HOST host, uint32_t pointers_at, uint32_t text_at) {
  (void)host;
  (void)pointers_at;
  (void)text_at;
  return 0;
}

static uint32_t transfer(uint8_t *memory, uint32_t descriptor, uint32_t vectors, uint32_t count,
                         uint32_t done_at) {
  uint32_t done = 0;
  if (descriptor > 2)
    return ERRNO_BAD_DESCRIPTOR;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *bytes = memory + get_u32(memory, vectors + 8 * i);
    uint32_t length = get_u32(memory, vectors + 8 * i + 4);
    ssize_t moved =
        descriptor == 0 ? read(0, bytes, length) : write((int)descriptor, bytes, length);
    if (moved > 0)
      done += (uint32_t)moved;
    if (moved < (ssize_t)length)
      break;
  }
  put_u32(memory, done_at, done);
  return 0;
}

uint32_t NAME(fd_read)(HOST host, uint32_t descriptor, uint32_t vectors, uint32_t count,
                       uint32_t done_at) {
  return transfer(MEMORY(host), descriptor, vectors, count, done_at);
}

uint32_t NAME(fd_write)(HOST host, uint32_t descriptor, uint32_t vectors, uint32_t count,
                        uint32_t done_at) {
  return transfer(MEMORY(host), descriptor, vectors, count, done_at);
}

void NAME(proc_exit)(HOST host, uint32_t code) {
  (void)host;
  _exit((int)code);
}

#endif
