/* run-sledge.c - runs a module built by sandbox-awsm: its kernel, or _start with WASI.
 * Arguments: module, then "kernel" and a number, or the function's argv. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "sledge/module_abi.h"

#define HOST sledge_instance *
#define NAME(function) wasi_##function
#define MEMORY(host) ((host)->own_memory.base)
#include "wasi.h"

#define RESERVED_BYTES ((8ull << 30) + 2 * SLEDGE_INSTANCE_AREA_BYTES)
#define STACK_BYTES (256 << 10)
#define TABLE_ENTRIES_MORE 4096

static void trap(sledge_instance *instance, uint32_t kind) {
  (void)instance;
  (void)kind;
  _exit(TRAP_EXIT_CODE);
}

static void fault(int number) {
  (void)number;
  _exit(TRAP_EXIT_CODE);
}

static uint32_t memory_grow(sledge_instance *instance, uint32_t delta) {
  sledge_memory *memory = &instance->own_memory;
  uint32_t before = memory->pages;
  if (delta > memory->max_pages - before)
    return UINT32_MAX;
  mprotect(memory->base + memory->bytes, delta * SLEDGE_PAGE_BYTES, PROT_READ | PROT_WRITE);
  memory->pages += delta;
  memory->bytes += delta * SLEDGE_PAGE_BYTES;
  return before;
}

static uint32_t table_grow(sledge_instance *instance, sledge_table *table, uint32_t delta,
                           const sledge_table_entry *init) {
  (void)instance;
  uint32_t before = table->size;
  if (delta > table->max - before)
    return UINT32_MAX;
  for (uint32_t i = 0; i < delta; i++)
    table->entries[before + i] = *init;
  table->size += delta;
  return before;
}

static const sledge_host host = {
    .abi_version = SLEDGE_MODULE_ABI_VERSION,
    .table_bytes = sizeof(sledge_host),
    .trap = trap,
    .memory_grow = memory_grow,
    .table_grow = table_grow,
};

static const struct {
  const char *name;
  sledge_code code;
} functions[] = {
    {"args_get", (sledge_code)wasi_args_get},
    {"args_sizes_get", (sledge_code)wasi_args_sizes_get},
    {"environ_get", (sledge_code)wasi_environ_get},
    {"environ_sizes_get", (sledge_code)wasi_environ_sizes_get},
    {"fd_read", (sledge_code)wasi_fd_read},
    {"fd_write", (sledge_code)wasi_fd_write},
    {"proc_exit", (sledge_code)wasi_proc_exit},
};

static int equals(sledge_name name, const char *text) {
  return name.length == strlen(text) && memcmp(name.bytes, text, name.length) == 0;
}

static sledge_instance *make_instance(const sledge_module_descriptor *module) {
  uint64_t bytes = module->memory_min_pages * SLEDGE_PAGE_BYTES;
  uint8_t *area = mmap(NULL, RESERVED_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  mprotect(area, SLEDGE_INSTANCE_AREA_BYTES + bytes, PROT_READ | PROT_WRITE);
  uint8_t *memory = area + SLEDGE_INSTANCE_AREA_BYTES;
  sledge_instance *instance = (sledge_instance *)(memory - module->state_bytes);
  sledge_import_function *imports = calloc(module->import_count + 1, sizeof *imports);
  for (uint32_t i = 0; i < module->import_count; i++) {
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
      if (equals(module->imports[i].name, functions[k].name))
        imports[i].code = functions[k].code;
    }
  }
  instance->host = &host;
  instance->imports = imports;
  instance->memory = &instance->own_memory;
  instance->own_memory = (sledge_memory){memory, bytes, module->memory_min_pages, 1024};
  for (uint32_t i = 0; i < module->table_count; i++) {
    sledge_table *table = (sledge_table *)((uint8_t *)instance + module->tables[i].state_offset);
    const sledge_table_decl *declared = &module->tables[i];
    uint32_t most = declared->min + TABLE_ENTRIES_MORE;
    if (most > declared->max)
      most = declared->max;
    *table = (sledge_table){calloc(most + 1, sizeof(sledge_table_entry)), declared->min, most};
  }
  module->initialise(instance);
  return instance;
}

static const sledge_export *find(const sledge_module_descriptor *module, const char *name) {
  for (uint32_t i = 0; i < module->export_count; i++) {
    if (equals(module->exports[i].name, name))
      return &module->exports[i];
  }
  return NULL;
}

int main(int count, char **arguments) {
  static uint8_t signal_stack[STACK_BYTES];
  const stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_handler = fault, .sa_flags = SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  void *library = count < 2 ? NULL : dlopen(arguments[1], RTLD_NOW);
  if (library == NULL)
    return fprintf(stderr, "%s\n", dlerror()), 2;
  argument_count = count - 2;
  argument_values = arguments + 2;
  const sledge_module_descriptor *module = dlsym(library, "sledge_module");
  sledge_instance *instance = make_instance(module);
  const sledge_export *kernel = find(module, "kernel");
  if (kernel == NULL)
    return find(module, "_start")->invoke(instance, NULL, NULL), 0;
  sledge_value number = {.i32 = (uint32_t)strtoul(arguments[3], NULL, 10)};
  sledge_value result = {0};
  kernel->invoke(instance, &number, &result);
  return printf("%u", result.i32) < 0;
}
