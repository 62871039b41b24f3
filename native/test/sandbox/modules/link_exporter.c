/* link_exporter.c - linkable: exports memory, table, globals and functions. */
#include "module.h"

typedef struct State {
  sledge_instance header;
  sledge_table table;
  uint32_t counter;
  uint64_t constant;
} State;

static const uint8_t kRefs[] = {SLEDGE_EXTERNREF, SLEDGE_FUNCREF};
static const sledge_signature kTypes[] = {
    SIGNATURE_I32S(0, 1),
    SIGNATURE_I32S(1, 0),
    {kRefs, kRefs, 1, 1},
    {kRefs, kRefs + 1, 0, 1},
};

static uint32_t next(sledge_instance *i) {
  return ++((State *)i)->counter;
}
static void load(sledge_instance *i, uint32_t address) {
  load32(i, address);
}
NO_INLINE static void recurse(sledge_instance *i, uint32_t x) {
  volatile uint32_t here = x;
  recurse(i, here + 1);
  (void)here;
}

static void invoke_next(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  (void)p;
  r[0].i32 = next(i);
}
static void invoke_load(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  (void)r;
  load(i, p[0].i32);
}
static void invoke_recurse(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  (void)r;
  recurse(i, p[0].i32);
}
static void invoke_same(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  (void)i;
  r[0].ref = p[0].ref;
}
static void invoke_get_function(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  (void)p;
  r[0].ref = &i->own_funcs[0];
}

static void initialise(sledge_instance *i) {
  State *state = (State *)i;
  state->counter = 10;
  state->constant = 0x1122334455667788ull;
  const sledge_funcref *f = &i->own_funcs[0];
  state->table.entries[0] = (sledge_table_entry){f->code, f->instance, f->type_id, f};
  memory_of(i)[5] = 55;
}

static const sledge_code kCodes[] = {(sledge_code)next, (sledge_code)load, (sledge_code)recurse, 0,
                                     0};
static const uint32_t kFunctionTypes[] = {0, 1, 1, 2, 3};
static const sledge_export kExports[] = {
    {NAME("next"), SLEDGE_KIND_FUNC, 0, 0, 0, invoke_next, 0},
    {NAME("load"), SLEDGE_KIND_FUNC, 1, 1, 0, invoke_load, 0},
    {NAME("recurse"), SLEDGE_KIND_FUNC, 2, 1, 0, invoke_recurse, 0},
    {NAME("same"), SLEDGE_KIND_FUNC, 3, 2, 0, invoke_same, 0},
    {NAME("get_function"), SLEDGE_KIND_FUNC, 4, 3, 0, invoke_get_function, 0},
    {NAME("counter"), SLEDGE_KIND_GLOBAL, 0, I32, 1, 0, __builtin_offsetof(State, counter)},
    {NAME("constant"), SLEDGE_KIND_GLOBAL, 1, I64, 0, 0, __builtin_offsetof(State, constant)},
    {NAME("table"), SLEDGE_KIND_TABLE, 0, SLEDGE_FUNCREF, 0, 0, __builtin_offsetof(State, table)},
    {NAME("memory"), SLEDGE_KIND_MEMORY, 0, 0, 0, 0, 0},
};
static const sledge_table_decl kTables[] = {
    {SLEDGE_FUNCREF, 2, 10, 0, __builtin_offsetof(State, table)},
};

EXPORTED const sledge_module_descriptor sledge_module = {
    .abi_version = SLEDGE_MODULE_ABI_VERSION,
    .descriptor_bytes = sizeof(sledge_module_descriptor),
    .flags = SLEDGE_MODULE_HAS_MEMORY | SLEDGE_MODULE_LINKABLE | SLEDGE_MODULE_TABLES_CHANGE,
    .state_bytes = STATE_BYTES(State),
    .memory_min_pages = 1,
    .memory_max_pages = 3,
    .types = kTypes,
    .type_count = COUNT(kTypes),
    .exports = kExports,
    .export_count = COUNT(kExports),
    .tables = kTables,
    .table_count = COUNT(kTables),
    .function_count = 5,
    .initialise = initialise,
    .function_codes = kCodes,
    .function_types = kFunctionTypes,
};
