/* Holds its worker for very long in the way that argv[1] names, to be ended by a limit. */
#include "../wasi_io.h"

#define PAGE_BYTES 65536u
#define GIB (1u << 30)
#define HOUR_NS 3600000000000u

/* A pointer to 1 GiB of memory; 0: refused. */
static uint8_t *take_memory(void) {
  size_t first = __builtin_wasm_memory_grow(0, GIB / PAGE_BYTES);
  return first == (size_t)-1 ? 0 : (uint8_t *)(first * PAGE_BYTES);
}

static int fill(void) {
  volatile uint8_t *memory = take_memory();
  if (memory == 0)
    return 3;
  for (;;)
    memset((void *)memory, memory[0] + 1, GIB);
}

static int copy(void) {
  volatile uint8_t *memory = take_memory();
  if (memory == 0)
    return 3;
  for (;;)
    memcpy((void *)memory, (const void *)(memory + GIB / 2), GIB / 2);
}

static int draw(void) {
  uint8_t *memory = take_memory();
  if (memory == 0)
    return 3;
  return __wasi_random_get(memory, GIB) == 0 ? 0 : 4;
}

static int wait(void) {
  __wasi_subscription_t timer = {
      .u = {.tag = __WASI_EVENTTYPE_CLOCK,
            .u.clock = {.id = __WASI_CLOCKID_MONOTONIC, .timeout = HOUR_NS}}};
  __wasi_event_t event;
  __wasi_size_t count = 0;
  return __wasi_poll_oneoff(&timer, &event, 1, &count) == 0 ? 0 : 4;
}

static int call_host(void) {
  __wasi_timestamp_t now = 0;
  while (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now) == 0)
    ;
  return 4;
}

int main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "";
  if (strcmp(way, "fill") == 0)
    return fill();
  if (strcmp(way, "copy") == 0)
    return copy();
  if (strcmp(way, "random") == 0)
    return draw();
  if (strcmp(way, "sleep") == 0)
    return wait();
  if (strcmp(way, "calls") == 0)
    return call_host();
  write_text(STANDARD_ERROR, "hold: fill, copy, random, sleep or calls\n");
  return 2;
}
