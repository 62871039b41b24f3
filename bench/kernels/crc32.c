/* CRC-32 over a buffer by table, n times. */
#include "kernel.h"

#define LENGTH 65536

static uint32_t table[256];
static uint8_t buffer[LENGTH];

KERNEL {
  for (uint32_t i = 0; i < 256; i += 1) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit += 1)
      crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    table[i] = crc;
  }
  uint32_t seed = 7;
  for (int i = 0; i < LENGTH; i += 1)
    buffer[i] = (uint8_t)next_random(&seed);
  uint32_t crc = 0xffffffffu;
  for (uint32_t round = 0; round < n; round += 1)
    for (int i = 0; i < LENGTH; i += 1)
      crc = table[(crc ^ buffer[i]) & 255] ^ crc >> 8;
  return ~crc;
}
