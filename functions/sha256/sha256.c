/* SHA-256 (FIPS 180-4) of the request's body, in hexadecimal. */
#include "../wasi_io.h"

enum { BLOCK_BYTES = 64, ROUNDS = 64, WORDS = 8, READ_BYTES = 16 * 1024 };

static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t word, int by) {
  return word >> by | word << (32 - by);
}

static void expand(uint32_t words[ROUNDS], const uint8_t *block) {
  for (int i = 0; i < 16; i += 1)
    words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < ROUNDS; i += 1) {
    uint32_t a = words[i - 15];
    uint32_t b = words[i - 2];
    words[i] = words[i - 16] + words[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
}

static void compress(uint32_t state[WORDS], const uint8_t *block) {
  uint32_t words[ROUNDS];
  expand(words, block);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < ROUNDS; i += 1) {
    uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                     constants[i] + words[i];
    uint32_t second =
        (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + first;
    d = c, c = b, b = a, a = first + second;
  }
  const uint32_t added[WORDS] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < WORDS; i += 1)
    state[i] += added[i];
}

/* The last block or two: a one, zeros, and the length in bits. */
static void finish(uint32_t state[WORDS], const uint8_t *rest, size_t count, uint64_t total) {
  uint8_t tail[2 * BLOCK_BYTES] = {0};
  memcpy(tail, rest, count);
  tail[count] = 0x80;
  size_t length = count + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  for (int i = 0; i < 8; i += 1)
    tail[length - 1 - (size_t)i] = (uint8_t)(total * 8 >> 8 * i);
  for (size_t at = 0; at < length; at += BLOCK_BYTES)
    compress(state, tail + at);
}

int main(void) {
  static uint8_t buffer[READ_BYTES];
  uint32_t state[WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint64_t total = 0;
  size_t count = 0;
  while ((count = read_all(buffer, READ_BYTES)) == READ_BYTES) {
    for (size_t at = 0; at < READ_BYTES; at += BLOCK_BYTES)
      compress(state, buffer + at);
    total += READ_BYTES;
  }
  size_t whole = count / BLOCK_BYTES * BLOCK_BYTES;
  for (size_t at = 0; at < whole; at += BLOCK_BYTES)
    compress(state, buffer + at);
  finish(state, buffer + whole, count - whole, total + count);
  char text[8 * WORDS + 1];
  for (int i = 0; i < 8 * WORDS; i += 1)
    text[i] = "0123456789abcdef"[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
  text[8 * WORDS] = '\n';
  return write_all(STANDARD_OUTPUT, text, sizeof text) ? 0 : 1;
}
