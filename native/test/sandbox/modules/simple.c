/* simple.c - small modules of one file, chosen by VARIANT_*: what a loader must accept or refuse.
 */
#include "module.h"

#ifndef MIN_PAGES
#define MIN_PAGES 2
#endif
#ifndef ABI
#define ABI SLEDGE_MODULE_ABI_VERSION
#endif
#ifndef START_NAME
#define START_NAME "_start"
#endif
#ifndef IMAGE_BYTES
#define IMAGE_BYTES 16
#endif

typedef struct State {
  sledge_instance header;
  uint64_t first_instruction_tsc;
} State;

static const sledge_signature kTypes[] = {SIGNATURE_NONE, SIGNATURE_I32S(2, 1)};

static void start(sledge_instance *instance, const sledge_value *params, sledge_value *results) {
  (void)params;
  (void)results;
  ((State *)instance)->first_instruction_tsc = __builtin_ia32_rdtsc();
#ifdef VARIANT_TRAP
  *(volatile uint8_t *)(memory_of(instance) + instance->memory->bytes) = 1;
#endif
#ifdef VARIANT_TOUCH_BYTES
  for (uint64_t i = 0; i < VARIANT_TOUCH_BYTES; i++)
    ((volatile uint8_t *)memory_of(instance))[i] = (uint8_t)(i | 1);
#endif
#ifdef VARIANT_SPIN
  while (1) {
#ifdef READS_TIME
    if (*(volatile uint32_t *)&instance->pending != 0 ||
        __builtin_ia32_rdtsc() >= *(volatile uint64_t *)&instance->leave_at_tsc)
      instance->host->safepoint(instance);
#elif defined(POLLED)
    if (*(volatile uint32_t *)&instance->pending != 0)
      instance->host->safepoint(instance);
#endif
    ((volatile uint32_t *)memory_of(instance))[1]++;
  }
#endif
#ifdef VARIANT_YIELD
  while (1)
    instance->host->safepoint(instance);
#endif
}

static void initialise(sledge_instance *instance) {
  for (uint64_t i = 0; i < IMAGE_BYTES; i++)
    memory_of(instance)[i] = (uint8_t)(i | 1);
#ifdef VARIANT_INITIALISE_TRAPS
  *(volatile uint8_t *)(memory_of(instance) + MIN_PAGES * 65536) = 1;
#endif
}

#ifdef VARIANT_START
static void run_start_function(sledge_instance *instance) {
  instance->host->trap(instance, SLEDGE_TRAP_UNREACHABLE);
}
#endif

#ifdef VARIANT_IMPORT
static const sledge_import kImports[] = {IMPORT_FUNCTION(VARIANT_IMPORT, 1)};
#endif

static const sledge_export kExports[] = {
    {NAME(START_NAME), SLEDGE_KIND_FUNC, 0, 0, 0, start, 0},
};

EXPORTED const sledge_module_descriptor sledge_module = {
    .abi_version = ABI,
    .descriptor_bytes = sizeof(sledge_module_descriptor),
#ifdef READS_TIME
    .flags = SLEDGE_MODULE_HAS_MEMORY | SLEDGE_MODULE_POLLED | SLEDGE_MODULE_READS_TIME,
#elif defined(POLLED)
    .flags = SLEDGE_MODULE_HAS_MEMORY | SLEDGE_MODULE_POLLED,
#else
    .flags = SLEDGE_MODULE_HAS_MEMORY,
#endif
    .state_bytes = STATE_BYTES(State),
    .memory_min_pages = MIN_PAGES,
    .memory_max_pages = 0xffffffff,
    .types = kTypes,
    .type_count = COUNT(kTypes),
#ifdef VARIANT_IMPORT
    .imports = kImports,
    .import_count = COUNT(kImports),
#endif
    .exports = kExports,
    .export_count = COUNT(kExports),
    .function_count = 1,
    .initialise = initialise,
#ifdef VARIANT_START
    .start = run_start_function,
#endif
};
