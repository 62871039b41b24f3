/* probe.c - does what the first byte of its input says; bytes 1 to 8 are the command's
 * argument. */
#include "module.h"

typedef struct State {
  sledge_instance header;
  sledge_table table;
  uint64_t globals[32];
} State;

enum { kFdRead, kFdWrite, kProcExit, kRandomGet, kPollOneoff, kClockTimeGet };
enum { kInput = 1024, kVector = 512, kScratch = 2048, kVectors = 16384, kTableMax = 100 };
#ifndef MEMORY_MAX_PAGES
#define MEMORY_MAX_PAGES 16
#endif

static const sledge_signature kTypes[] = {
    SIGNATURE_NONE,
    SIGNATURE_I32S(4, 1),
    SIGNATURE_I32S(1, 0),
    SIGNATURE_I32S(2, 1),
    {(const uint8_t[]){I32, I64, I32}, kI32s, 3, 1},
};
static const sledge_import kImports[] = {
    IMPORT_FUNCTION("fd_read", 1),     IMPORT_FUNCTION("fd_write", 1),
    IMPORT_FUNCTION("proc_exit", 2),   IMPORT_FUNCTION("random_get", 3),
    IMPORT_FUNCTION("poll_oneoff", 1), IMPORT_FUNCTION("clock_time_get", 4),
};

typedef uint32_t (*Call4)(sledge_instance *, uint32_t, uint32_t, uint32_t, uint32_t);
typedef uint32_t (*Call2)(sledge_instance *, uint32_t, uint32_t);
typedef void (*Call1)(sledge_instance *, uint32_t);

static uint32_t call4(sledge_instance *i, int import, uint32_t a, uint32_t b, uint32_t c,
                      uint32_t d) {
  return ((Call4)i->imports[import].code)(i, a, b, c, d);
}

static uint32_t write_bytes(sledge_instance *i, uint32_t fd, uint32_t address, uint32_t bytes) {
  store32(i, kVector, address);
  store32(i, kVector + 4, bytes);
  return call4(i, kFdWrite, fd, kVector, 1, kVector + 8);
}

static uint64_t argument_of(sledge_instance *i) {
  return *(uint64_t *)(memory_of(i) + kInput + 1);
}

NO_INLINE static uint64_t shallow(volatile uint64_t *depth, uint64_t x) {
  *depth = x;
  return x == ~0ull ? 0 : shallow(depth, x + 1) + *depth;
}

NO_INLINE static uint64_t deep(uint64_t x) {
  volatile uint8_t frame[150000];
  frame[0] = (uint8_t)x;
  frame[149999] = (uint8_t)x;
  return x == ~0ull ? 0 : deep(x + 1) + frame[0];
}

NO_INLINE static uint64_t host_recursion(sledge_instance *i, uint64_t x) {
  write_bytes(i, 1, kScratch, 0);
  return x == ~0ull ? 0 : host_recursion(i, x + 1) + x;
}

static void fill(sledge_instance *i, uint8_t value) {
  State *state = (State *)i;
  const sledge_table_entry init = {0, 0, 77, (const void *)77};
  i->host->table_grow(i, &state->table, kTableMax - state->table.size, &init);
  i->host->memory_grow(i, MEMORY_MAX_PAGES - i->memory->pages);
  for (uint32_t k = 0; k < COUNT(state->globals); k++)
    state->globals[k] = 0x0101010101010101ull * value;
  for (uint32_t k = 0; k < state->table.size; k++)
    state->table.entries[k].type_id = value;
  volatile uint8_t *memory = memory_of(i);
  for (uint64_t k = 0; k < i->memory->bytes; k++)
    memory[k] = value;
}

/* Random bytes after the first page, in memory that has room for them. */
static void random_bytes(sledge_instance *i, uint32_t bytes) {
  i->host->memory_grow(i, bytes / 65536 + 2 - i->memory->pages);
  ((Call2)i->imports[kRandomGet].code)(i, 65536, bytes);
}

/* One write of 1024 times the same bytes, each different from the one before. */
static void write_thousand(sledge_instance *i, uint32_t bytes) {
  i->host->memory_grow(i, bytes / 65536 + 2);
  for (uint32_t k = 0; k < bytes; k++)
    memory_of(i)[65536 + k] = (uint8_t)(k * 7 + k / 256);
  for (uint32_t k = 0; k < 1024; k++) {
    store32(i, kVectors + 8 * k, 65536);
    store32(i, kVectors + 8 * k + 4, bytes);
  }
  call4(i, kFdWrite, 1, kVectors, 1024, kVector + 8);
}

static void sleep_ns(sledge_instance *i, uint64_t ns) {
  for (uint32_t k = 0; k < 12; k++)
    store32(i, kScratch + 4 * k, 0);
  store32(i, kScratch + 16, 1); /* monotonic */
  *(uint64_t *)(memory_of(i) + kScratch + 24) = ns;
  call4(i, kPollOneoff, kScratch, kScratch + 64, 1, kScratch + 128);
}

static void host_storm(sledge_instance *i) {
  typedef uint32_t (*Clock)(sledge_instance *, uint32_t, uint64_t, uint32_t);
  while (1)
    ((Clock)i->imports[kClockTimeGet].code)(i, 1, 0, kScratch);
}

static void loop_polled(sledge_instance *i) {
  while (1) {
    if (__builtin_expect(*(volatile uint32_t *)&i->pending != 0, 0))
      i->host->safepoint(i);
  }
}

static void run_loop(sledge_instance *i, uint8_t command) {
  volatile uint32_t *memory = (volatile uint32_t *)memory_of(i);
  if (command == 'P')
    loop_polled(i);
  if (command == 't')
    host_storm(i);
  while (command == 'l')
    memory[600]++;
}

/* At the edge of the stack: an endless loop, a host call, a safepoint. */
NO_INLINE static void act_at_the_edge(sledge_instance *i, uint8_t command) {
  if (command == 'E')
    run_loop(i, 'l');
  if (command == 'H')
    call4(i, kFdWrite, 1, kVector, 0, kVector + 8);
  if (command == 'S')
    i->host->safepoint(i);
}

NO_INLINE static uint64_t go_to_the_edge(sledge_instance *i, uint64_t bytes_left, uintptr_t bottom,
                                         uint8_t command) {
  volatile uint8_t here = 0;
  const uint64_t left = (uintptr_t)&here - bottom;
  if (left > bytes_left + 256)
    return go_to_the_edge(i, bytes_left, bottom, command) + here;
  volatile uint8_t *rest = __builtin_alloca(left - bytes_left);
  rest[0] = command;
  act_at_the_edge(i, rest[0]);
  return here;
}

static void run_trap(sledge_instance *i, uint8_t command) {
  volatile uint64_t depth;
  volatile int zero = 0;
  const uint64_t argument = argument_of(i);
  if (command == 'u')
    i->host->trap(i, (uint32_t)argument);
  if (command == 'o')
    load32(i, argument);
  if (command == 'O')
    store32(i, argument, 1);
  if (command == 's')
    shallow(&depth, 0);
  if (command == 'm') { /* after a while */
    for (uint64_t k = 0; k < argument; k++)
      ((volatile uint32_t *)memory_of(i))[600]++;
    shallow(&depth, 0);
  }
  if (command == 'b')
    deep(0);
  if (command == 'h')
    host_recursion(i, 0);
  if (command == '/')
    zero = 100 / zero;
  if (command == 'U')
    __asm__ volatile("ud2");
  if (command == 'n') /* not the guest's memory: must not be taken for its trap */
    *(volatile int *)argument = 1;
  if (command == 'E' || command == 'H' || command == 'S') /* bytes 9 to 16: the stack's bottom */
    go_to_the_edge(i, argument, *(uint64_t *)(memory_of(i) + kInput + 9), command);
}

static void start(sledge_instance *i, const sledge_value *params, sledge_value *results) {
  (void)params;
  (void)results;
  store32(i, kVector, kInput);
  store32(i, kVector + 4, 4096);
  call4(i, kFdRead, 0, kVector, 1, kVector + 8);
  const uint8_t command = memory_of(i)[kInput];
  const uint64_t argument = argument_of(i);
  const uint32_t input_bytes = load32(i, kVector + 8);
  run_loop(i, command);
  run_trap(i, command);
  if (command == 'd')
    fill(i, (uint8_t)argument);
  if (command == 'g')
    store32(i, kScratch, i->host->memory_grow(i, (uint32_t)argument));
  if (command == 'g')
    write_bytes(i, 1, kScratch, 4);
  if (command == 'e')
    ((Call1)i->imports[kProcExit].code)(i, (uint32_t)argument);
  if (command == 'w')
    while (write_bytes(i, 1, 0, (uint32_t)argument) == 0)
      ;
  if (command == 'x') /* stderr */
    write_bytes(i, 2, 0, (uint32_t)argument);
  if (command == 'i')
    write_bytes(i, 1, kInput, input_bytes);
  if (command == 'p')
    sleep_ns(i, argument);
  if (command == 'G')
    random_bytes(i, (uint32_t)argument);
  if (command == 'W')
    write_thousand(i, (uint32_t)argument);
  if (command == 'R')
    store32(i, kScratch, ((Call2)i->imports[kRandomGet].code)(i, 65536, (uint32_t)argument));
}

static void initialise(sledge_instance *i) {
  State *state = (State *)i;
  state->globals[0] = 42;
  state->table.entries[1].type_id = 1;
  for (uint32_t k = 0; k < 100; k++)
    memory_of(i)[3000 + k] = (uint8_t)(k + 1);
}

static const sledge_export kExports[] = {
    {NAME("_start"), SLEDGE_KIND_FUNC, 6, 0, 0, start, 0},
};
static const sledge_table_decl kTables[] = {
    {SLEDGE_FUNCREF, 4, kTableMax, 0, __builtin_offsetof(State, table)},
};

EXPORTED const sledge_module_descriptor sledge_module = {
    .abi_version = SLEDGE_MODULE_ABI_VERSION,
    .descriptor_bytes = sizeof(sledge_module_descriptor),
    .flags = SLEDGE_MODULE_HAS_MEMORY | SLEDGE_MODULE_TABLES_CHANGE,
    .state_bytes = STATE_BYTES(State),
    .memory_min_pages = 2,
    .memory_max_pages = MEMORY_MAX_PAGES,
    .types = kTypes,
    .type_count = COUNT(kTypes),
    .imports = kImports,
    .import_count = COUNT(kImports),
    .exports = kExports,
    .export_count = COUNT(kExports),
    .tables = kTables,
    .table_count = COUNT(kTables),
    .function_count = 7,
    .initialise = initialise,
};
