/* Encodes and decodes a buffer, n times. */
#include "kernel.h"

#define LENGTH 49152

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t values[256];
static uint8_t plain[LENGTH];
static uint8_t coded[LENGTH / 3 * 4];
static uint8_t decoded[LENGTH];

static void encode(void) {
  uint8_t *out = coded;
  for (int i = 0; i < LENGTH; i += 3) {
    uint32_t group = (uint32_t)plain[i] << 16 | (uint32_t)plain[i + 1] << 8 | plain[i + 2];
    *out++ = (uint8_t)alphabet[group >> 18];
    *out++ = (uint8_t)alphabet[group >> 12 & 63];
    *out++ = (uint8_t)alphabet[group >> 6 & 63];
    *out++ = (uint8_t)alphabet[group & 63];
  }
}

static void decode(void) {
  uint8_t *out = decoded;
  for (uint32_t i = 0; i < sizeof coded; i += 4) {
    uint32_t group = (uint32_t)values[coded[i]] << 18 | (uint32_t)values[coded[i + 1]] << 12 |
                     (uint32_t)values[coded[i + 2]] << 6 | values[coded[i + 3]];
    *out++ = (uint8_t)(group >> 16);
    *out++ = (uint8_t)(group >> 8);
    *out++ = (uint8_t)group;
  }
}

KERNEL {
  for (uint32_t i = 0; i < 64; i += 1)
    values[(uint8_t)alphabet[i]] = (uint8_t)i;
  uint32_t seed = 11;
  for (int i = 0; i < LENGTH; i += 1)
    plain[i] = (uint8_t)next_random(&seed);
  uint32_t hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1) {
    plain[round % LENGTH] ^= 1;
    encode();
    decode();
    hash = fold(hash, decoded[round % LENGTH]);
  }
  for (uint32_t i = 0; i < LENGTH; i += 61)
    hash = fold(hash, decoded[i]);
  return hash;
}
