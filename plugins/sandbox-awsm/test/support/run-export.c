/* run-export.c - runs an exported function of a module with its pending flag set all the time, and
 * a safepoint that spoils every register that its caller does not expect to be kept. Prints the
 * result, how often the safepoint was called, and the gap that the module promises; or "trap" and
 * its kind. Arguments: module, name of the export, its one i32 argument, and instead of the flag
 * perhaps `time` (that to leave is over) or `nothing`. Without name and argument, it reads lines of
 * both and answers each by a line, of an instance and a process of its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sledge/module_abi.h"

static uint64_t polls;

static void trap(sledge_instance *instance, uint32_t kind) {
  (void)instance;
  printf("trap %u\n", kind);
  fflush(stdout);
  _Exit(0);
}

static void fault(int number) {
  (void)number;
  trap(NULL, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
}

static uint32_t memory_grow(sledge_instance *instance, uint32_t delta) {
  (void)instance;
  (void)delta;
  return UINT32_MAX;
}

static uint32_t table_grow(sledge_instance *instance, sledge_table *table, uint32_t delta,
                           const sledge_table_entry *init) {
  (void)instance;
  (void)table;
  (void)delta;
  (void)init;
  return UINT32_MAX;
}

static void safepoint(sledge_instance *instance) {
  (void)instance;
  polls++;
  __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\t"
                   "pcmpeqd %%xmm1, %%xmm1\n\t"
                   "pcmpeqd %%xmm2, %%xmm2\n\t"
                   "pcmpeqd %%xmm3, %%xmm3\n\t"
                   "pcmpeqd %%xmm4, %%xmm4\n\t"
                   "pcmpeqd %%xmm5, %%xmm5\n\t"
                   "pcmpeqd %%xmm6, %%xmm6\n\t"
                   "pcmpeqd %%xmm7, %%xmm7\n\t"
                   "pcmpeqd %%xmm8, %%xmm8\n\t"
                   "pcmpeqd %%xmm9, %%xmm9\n\t"
                   "pcmpeqd %%xmm10, %%xmm10\n\t"
                   "pcmpeqd %%xmm11, %%xmm11\n\t"
                   "pcmpeqd %%xmm12, %%xmm12\n\t"
                   "pcmpeqd %%xmm13, %%xmm13\n\t"
                   "pcmpeqd %%xmm14, %%xmm14\n\t"
                   "pcmpeqd %%xmm15, %%xmm15\n\t"
                   "mov $-1, %%rax\n\tmov $-1, %%rcx\n\tmov $-1, %%rdx\n\tmov $-1, %%rsi\n\t"
                   "mov $-1, %%rdi\n\tmov $-1, %%r8\n\tmov $-1, %%r9\n\tmov $-1, %%r10\n\t"
                   "mov $-1, %%r11\n\tcmp $0, %%eax"
                   :
                   :
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "rax", "rcx", "rdx",
                     "rsi", "rdi", "r8", "r9", "r10", "r11", "cc", "memory");
}

static const sledge_host host = {
    SLEDGE_MODULE_ABI_VERSION, sizeof host, trap, memory_grow, table_grow, safepoint};

static sledge_instance *make_instance(const sledge_module_descriptor *module, const char *by) {
  uint64_t bytes = module->memory_min_pages * SLEDGE_PAGE_BYTES;
  uint8_t *area = mmap(NULL, (8ull << 30) + 2 * SLEDGE_INSTANCE_AREA_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  mprotect(area, SLEDGE_INSTANCE_AREA_BYTES + bytes, PROT_READ | PROT_WRITE);
  uint8_t *memory = area + SLEDGE_INSTANCE_AREA_BYTES;
  sledge_instance *instance = (sledge_instance *)(memory - module->state_bytes);
  instance->host = &host;
  instance->memory = &instance->own_memory;
  instance->own_memory =
      (sledge_memory){memory, bytes, module->memory_min_pages, module->memory_min_pages};
  for (uint32_t i = 0; i < module->table_count; i++) {
    sledge_table *table = (sledge_table *)((uint8_t *)instance + module->tables[i].state_offset);
    uint32_t size = module->tables[i].min;
    *table = (sledge_table){calloc(size + 1, sizeof(sledge_table_entry)), size, size};
  }
  module->initialise(instance);
  if (module->start != NULL)
    module->start(instance);
  instance->pending = strcmp(by, "flag") == 0;
  instance->leave_at_tsc = strcmp(by, "time") == 0 ? 0 : UINT64_MAX;
  return instance;
}

static void run(const sledge_module_descriptor *module, const char *name, const char *argument,
                const char *by) {
  sledge_instance *instance = make_instance(module, by);
  for (uint32_t i = 0; i < module->export_count; i++) {
    const sledge_export *item = &module->exports[i];
    if (item->kind != SLEDGE_KIND_FUNC || item->name.length != strlen(name))
      continue;
    if (memcmp(item->name.bytes, name, item->name.length) != 0)
      continue;
    sledge_value parameter = {.i32 = (uint32_t)strtoul(argument, NULL, 0)};
    sledge_value result = {0};
    item->invoke(instance, &parameter, &result);
    printf("%u %llu %llu\n", result.i32, (unsigned long long)polls,
           (unsigned long long)module->poll_gap_cost_max);
  }
}

static void run_lines(const sledge_module_descriptor *module) {
  char name[64], argument[64];
  while (scanf("%63s %63s", name, argument) == 2) {
    const pid_t child = fork();
    if (child == 0) {
      run(module, name, argument, "flag");
      fflush(stdout);
      _Exit(0);
    }
    waitpid(child, NULL, 0);
  }
}

int main(int count, char **arguments) {
  if (count != 2 && count != 4 && count != 5)
    return 2;
  signal(SIGSEGV, fault);
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL)
    return fprintf(stderr, "%s\n", dlerror()), 1;
  const sledge_module_descriptor *module = dlsym(library, "sledge_module");
  if (count == 2)
    run_lines(module);
  else
    run(module, arguments[2], arguments[3], count == 5 ? arguments[4] : "flag");
  return 0;
}
