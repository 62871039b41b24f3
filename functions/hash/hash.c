/* Mixes its input for argv[1] rounds and prints the result: a service time of one's choice. Each
 * round needs the one before, so the time grows linearly and no compiler shortens it. */
#include "../wasi_io.h"

static uint64_t mix(uint64_t state) {
  state ^= state >> 33;
  state *= 0xff51afd7ed558ccdu;
  state ^= state >> 33;
  state *= 0xc4ceb9fe1a85ec53u;
  return state ^ (state >> 33);
}

int main(int argc, char **argv) {
  uint64_t rounds;
  if (!number_argument(argc, argv, 1000, &rounds)) {
    write_text(STANDARD_ERROR, "hash: give the number of rounds in decimal\n");
    return 2;
  }
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (uint64_t round = 0; round < rounds; round += 1)
    state = mix(state + round);
  char text[16];
  for (int i = 0; i < 16; i += 1)
    text[i] = "0123456789abcdef"[(state >> (60 - 4 * i)) & 15];
  write_all(STANDARD_OUTPUT, text, sizeof text);
  return 0;
}
