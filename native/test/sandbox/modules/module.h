/* module.h - what the hand-written test modules share: they stand for the compiler's output. */
#ifndef TEST_MODULE_H
#define TEST_MODULE_H

#include "sledge/module_abi.h"

#define NAME(text)                                                                                 \
  { (const uint8_t *)(text), sizeof(text) - 1 }
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define STATE_BYTES(type) ((uint32_t)((sizeof(type) + 63) / 64 * 64))
#define EXPORTED __attribute__((visibility("default")))
#define NO_INLINE __attribute__((noinline))

enum { I32 = SLEDGE_I32, I64 = SLEDGE_I64 };
static const uint8_t kI32s[] = {I32, I32, I32, I32, I32, I32, I32, I32, I32};
static const uint8_t kI64s[] = {I64, I64};

#define SIGNATURE_NONE                                                                             \
  { 0, 0, 0, 0 }
#define SIGNATURE_I32S(params, results)                                                            \
  { kI32s, kI32s, params, results }

#define IMPORT_FUNCTION(function, type)                                                            \
  { NAME("wasi_snapshot_preview1"), NAME(function), SLEDGE_KIND_FUNC, type, 0, 0, 0xffffffff }

/* clang may make these of loops, as it may in compiled modules. */
__attribute__((weak)) void *memset(void *to, int value, unsigned long bytes) {
  volatile unsigned char *at = to;
  for (unsigned long i = 0; i < bytes; i++)
    at[i] = (unsigned char)value;
  return to;
}
__attribute__((weak)) void *memcpy(void *to, const void *from, unsigned long bytes) {
  volatile unsigned char *at = to;
  for (unsigned long i = 0; i < bytes; i++)
    at[i] = ((const unsigned char *)from)[i];
  return to;
}

static inline uint8_t *memory_of(sledge_instance *instance) {
  return instance->memory->base;
}

static inline uint32_t load32(sledge_instance *instance, uint64_t address) {
  return *(volatile uint32_t *)(memory_of(instance) + address);
}
static inline void store32(sledge_instance *instance, uint64_t address, uint32_t value) {
  *(volatile uint32_t *)(memory_of(instance) + address) = value;
}

#endif
