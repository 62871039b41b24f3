/* link_importer.c - linkable: imports what link_exporter exports, and a host function. */
#include "module.h"

typedef struct State {
  sledge_instance header;
} State;

/* Types in another order than the exporter's: their ids must agree all the same. */
static const sledge_signature kTypes[] = {
    SIGNATURE_I32S(1, 0),
    SIGNATURE_I32S(0, 1),
    {(const uint8_t[]){I32}, (const uint8_t[]){I32}, 1, 1},
    {kI32s, (const uint8_t[]){I64}, 0, 1},
};
static const sledge_import kImports[] = {
    {NAME("a"), NAME("next"), SLEDGE_KIND_FUNC, 1, 0, 0, 0xffffffff},
    {NAME("a"), NAME("load"), SLEDGE_KIND_FUNC, 0, 0, 0, 0xffffffff},
    IMPORT_FUNCTION("sched_yield", 1),
    {NAME("a"), NAME("table"), SLEDGE_KIND_TABLE, SLEDGE_FUNCREF, 0, 1, 10},
    {NAME("a"), NAME("memory"), SLEDGE_KIND_MEMORY, 0, 0, 1, 5},
    {NAME("a"), NAME("counter"), SLEDGE_KIND_GLOBAL, I32, 1, 0, 0},
};

typedef uint32_t (*Next)(sledge_instance *);
typedef void (*Load)(sledge_instance *, uint32_t);

static void invoke_next_twice(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  const sledge_import_function *f = &i->imports[0];
  (void)p;
  ((Next)f->code)(f->instance);
  r[0].i32 = ((Next)f->code)(f->instance);
}
static void invoke_their_load(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  const sledge_import_function *f = &i->imports[1];
  (void)r;
  ((Load)f->code)(f->instance, p[0].i32);
}
static void invoke_indirect(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  const sledge_table *table = i->tables[0];
  if (p[0].i32 >= table->size)
    i->host->trap(i, SLEDGE_TRAP_UNDEFINED_ELEMENT);
  const sledge_table_entry *entry = &table->entries[p[0].i32];
  if (entry->code == 0)
    i->host->trap(i, SLEDGE_TRAP_UNINITIALIZED_ELEMENT);
  if (entry->type_id != i->type_ids[1])
    i->host->trap(i, SLEDGE_TRAP_INDIRECT_CALL_MISMATCH);
  r[0].i32 = ((Next)entry->code)(entry->instance);
}
static void invoke_peek(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  r[0].i32 = memory_of(i)[p[0].i32] + 1000u * *(uint32_t *)i->import_globals[0];
}
static void invoke_yield(sledge_instance *i, const sledge_value *p, sledge_value *r) {
  (void)p;
  r[0].i32 = ((Next)i->imports[2].code)(i);
}

static void initialise(sledge_instance *i) {
  memory_of(i)[6] = 66;
}

static const sledge_code kCodes[8];
static const uint32_t kFunctionTypes[8] = {1, 0, 1, 1, 0, 2, 2, 1};
static const sledge_export kExports[] = {
    {NAME("next_twice"), SLEDGE_KIND_FUNC, 3, 1, 0, invoke_next_twice, 0},
    {NAME("their_load"), SLEDGE_KIND_FUNC, 4, 0, 0, invoke_their_load, 0},
    {NAME("indirect"), SLEDGE_KIND_FUNC, 5, 2, 0, invoke_indirect, 0},
    {NAME("peek"), SLEDGE_KIND_FUNC, 6, 2, 0, invoke_peek, 0},
    {NAME("yield"), SLEDGE_KIND_FUNC, 7, 1, 0, invoke_yield, 0},
    {NAME("their_counter"), SLEDGE_KIND_GLOBAL, 0, I32, 1, 0, 0},
};
static const sledge_table_decl kTables[] = {{SLEDGE_FUNCREF, 1, 10, 1, 0}};

EXPORTED const sledge_module_descriptor sledge_module = {
    .abi_version = SLEDGE_MODULE_ABI_VERSION,
    .descriptor_bytes = sizeof(sledge_module_descriptor),
    .flags = SLEDGE_MODULE_LINKABLE | SLEDGE_MODULE_IMPORTS_MEMORY | SLEDGE_MODULE_TABLES_CHANGE,
    .state_bytes = STATE_BYTES(State),
    .memory_max_pages = 0xffffffff,
    .types = kTypes,
    .type_count = COUNT(kTypes),
    .imports = kImports,
    .import_count = COUNT(kImports),
    .exports = kExports,
    .export_count = COUNT(kExports),
    .tables = kTables,
    .table_count = COUNT(kTables),
    .function_count = 8,
    .initialise = initialise,
    .function_codes = kCodes,
    .function_types = kFunctionTypes,
};
