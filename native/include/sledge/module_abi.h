/* module_abi.h - what a compiled module (.wasm.so) and the runtime know of each other.
 *
 * Plain C11, included by the generated C of every module and by the C++ runtime. A module exports
 * one symbol, `sledge_module`, and imports none: the runtime hands it a table of host functions.
 *
 * Memory layout of a slot, low to high addresses:
 *
 *   guard | stack (grows down) | instance (header + module state) | linear memory | 8 GiB + guard
 *
 * The instance ends exactly where linear memory begins, so that `memory == instance + state_bytes`
 * with `state_bytes` a constant of the module: one register addresses both. A guest address is a
 * u32 plus a u32 offset and so never reaches below its memory.
 */
#ifndef SLEDGE_MODULE_ABI_H
#define SLEDGE_MODULE_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEDGE_MODULE_ABI_VERSION 2u
#define SLEDGE_PAGE_BYTES 65536ull
/* The host lets no memory grow beyond: addresses in the last page below 4 GiB trap, unless the
 * memory begins with it. */
#define SLEDGE_GROWN_PAGES_MAX 65535u
/* Room below linear memory for the instance (header and module state), per slot. */
#define SLEDGE_INSTANCE_AREA_BYTES 65536ull
/* The instance's size is a multiple of this, and linear memory is page aligned. */
#define SLEDGE_INSTANCE_ALIGN_BYTES 64u
#define SLEDGE_TABLE_ENTRIES_MAX 1000000u

typedef enum sledge_trap {
  SLEDGE_TRAP_NONE = 0,
  SLEDGE_TRAP_UNREACHABLE = 1,
  SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS = 2,
  SLEDGE_TRAP_TABLE_OUT_OF_BOUNDS = 3,
  SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO = 4,
  SLEDGE_TRAP_INTEGER_OVERFLOW = 5,
  SLEDGE_TRAP_INVALID_CONVERSION = 6,
  SLEDGE_TRAP_UNDEFINED_ELEMENT = 7,     /* call_indirect: index beyond the table */
  SLEDGE_TRAP_UNINITIALIZED_ELEMENT = 8, /* call_indirect: null entry */
  SLEDGE_TRAP_INDIRECT_CALL_MISMATCH = 9,
  SLEDGE_TRAP_STACK_OVERFLOW = 10,
  SLEDGE_TRAP_COUNT = 11
} sledge_trap;

/* Value types as in the binary format. */
enum {
  SLEDGE_I32 = 0x7f,
  SLEDGE_I64 = 0x7e,
  SLEDGE_F32 = 0x7d,
  SLEDGE_F64 = 0x7c,
  SLEDGE_V128 = 0x7b,
  SLEDGE_FUNCREF = 0x70,
  SLEDGE_EXTERNREF = 0x6f
};

/* One value on its way through the generic invoker: 16 bytes, unused bytes zero. */
typedef union sledge_value {
  uint32_t i32;
  uint64_t i64;
  uint32_t f32_bits;
  uint64_t f64_bits;
  const void *ref; /* funcref: a sledge_funcref; externref: opaque; null: 0 */
  uint8_t v128[16];
  uint64_t cells[2];
} sledge_value;

typedef struct sledge_instance sledge_instance;
typedef void (*sledge_code)(void);

/* What a funcref points to. `instance` is null in a module that is not linkable: "your own". */
typedef struct sledge_funcref {
  sledge_code code; /* RET code(sledge_instance *, params...) */
  sledge_instance *instance;
  uint64_t type_id; /* from 1; see sledge_module_descriptor.types */
} sledge_funcref;

/* 32 bytes. Null entry: all zero. externref tables use `ref` only. */
typedef struct sledge_table_entry {
  sledge_code code;
  sledge_instance *instance;
  uint64_t type_id;
  const void *ref; /* the funcref or externref itself, for table.get */
} sledge_table_entry;

typedef struct sledge_table {
  sledge_table_entry *entries;
  uint32_t size;
  uint32_t max;
} sledge_table;

typedef struct sledge_memory {
  uint8_t *base;
  uint64_t bytes;
  uint32_t pages;
  uint32_t max_pages; /* the smaller of the module's and the function's limit */
} sledge_memory;

/* A resolved function import. `instance` null: pass the caller's own instance (host functions). */
typedef struct sledge_import_function {
  sledge_code code;
  sledge_instance *instance;
} sledge_import_function;

/* Host functions that generated code may call. All run on the sandbox's stack. */
typedef struct sledge_host {
  uint32_t abi_version;
  uint32_t table_bytes;
  /* Ends the invocation; never returns. `kind` is a sledge_trap. */
  void (*trap)(sledge_instance *, uint32_t kind);
  /* Grows instance->memory; the old size in pages, or 0xffffffff. Never moves memory. */
  uint32_t (*memory_grow)(sledge_instance *, uint32_t delta_pages);
  /* Grows *table; the old size, or 0xffffffff. New entries are copies of *init. */
  uint32_t (*table_grow)(sledge_instance *, sledge_table *table, uint32_t delta,
                         const sledge_table_entry *init);
  /* Called at a safepoint that saw `pending`, or that leave_at_tsc has come; may switch away and
   * come back. The module's stub has saved every register that the ABI lets a callee change. */
  void (*safepoint)(sledge_instance *);
} sledge_host;

/* Header of every instance; the module's own state (globals, own tables, drop flags) follows. */
struct sledge_instance {
  uint32_t pending;  /* set by other threads: leave at the next safepoint */
  int32_t countdown; /* the module's: below 0 it reads the time at its next safepoint */
  const sledge_host *host;
  const sledge_import_function *imports; /* one per imported function */
  sledge_memory *memory;                 /* &own_memory, or that of another instance */
  sledge_memory own_memory;
  sledge_table **tables;           /* linkable modules: one per table, own or imported; else null */
  void **import_globals;           /* linkable modules: address of each imported global's value */
  const uint64_t *type_ids;        /* linkable modules: process-wide id of each of `types` */
  const sledge_funcref *own_funcs; /* linkable modules: one per function of the index space */
  void *sandbox;                   /* the runtime's */
  /* Modules that read the time: at this count of the time-stamp counter a safepoint calls the
   * host as if `pending` were set. All ones: never. Written while the instance does not run. */
  uint64_t leave_at_tsc;
  uint64_t reserved_words[3];
};

typedef struct sledge_name { /* module text: bytes, never C source text */
  const uint8_t *bytes;
  uint32_t length;
} sledge_name;

typedef struct sledge_signature {
  const uint8_t *params; /* value types */
  const uint8_t *results;
  uint16_t param_count;
  uint16_t result_count;
} sledge_signature;

enum {
  SLEDGE_KIND_FUNC = 0,
  SLEDGE_KIND_TABLE = 1,
  SLEDGE_KIND_MEMORY = 2,
  SLEDGE_KIND_GLOBAL = 3
};

typedef struct sledge_import {
  sledge_name module;
  sledge_name name;
  uint32_t kind;
  uint32_t type;       /* func: index into types; global: value type; table: element type */
  uint32_t mutability; /* global: 1 if mutable */
  uint32_t min;        /* table, memory */
  uint32_t max;        /* table, memory; 0xffffffff: none */
} sledge_import;

/* Calls an exported function: reads param_count values, writes result_count values. */
typedef void (*sledge_invoke)(sledge_instance *, const sledge_value *params, sledge_value *results);

typedef struct sledge_export {
  sledge_name name;
  uint32_t kind;
  uint32_t index; /* in its index space */
  uint32_t type;  /* as in sledge_import */
  uint32_t mutability;
  sledge_invoke invoke;  /* func only */
  uint64_t state_offset; /* own global or own table: bytes from the instance's start; else 0 */
} sledge_export;

typedef struct sledge_table_decl {
  uint32_t element_type;
  uint32_t min;
  uint32_t max; /* 0xffffffff: none */
  uint32_t imported;
  uint64_t state_offset; /* own table: its sledge_table, bytes from the instance's start */
} sledge_table_decl;

enum {
  SLEDGE_MODULE_POLLED = 1u << 0, /* has safepoints */
  SLEDGE_MODULE_STRICT_FLOAT = 1u << 1,
  SLEDGE_MODULE_LINKABLE = 1u << 2,      /* may share state with other modules (tests) */
  SLEDGE_MODULE_TABLES_CHANGE = 1u << 3, /* tables can change at run time: copy per instance */
  SLEDGE_MODULE_HAS_MEMORY = 1u << 4,
  SLEDGE_MODULE_IMPORTS_MEMORY = 1u << 5,
  SLEDGE_MODULE_READS_TIME = 1u << 6 /* safepoints see when leave_at_tsc has come */
};

typedef struct sledge_module_descriptor {
  uint32_t abi_version;
  uint32_t descriptor_bytes; /* sizeof(sledge_module_descriptor) */
  uint8_t content_hash[32];  /* sha256 of the .wasm */
  uint32_t flags;
  uint32_t state_bytes; /* whole instance, header included; multiple of the alignment */
  uint32_t memory_min_pages;
  uint32_t memory_max_pages;  /* 0xffffffff: none declared */
  uint64_t poll_gap_cost_max; /* largest cost between two polls, in the compiler's units; 0: none */
  const sledge_signature *types; /* structurally distinct; type_id k+1 is types[k] */
  uint32_t type_count;
  const sledge_import *imports;
  uint32_t import_count;
  const sledge_export *exports;
  uint32_t export_count;
  const sledge_table_decl *tables;
  uint32_t table_count;
  uint32_t function_count; /* imported functions included */
  /* Sets globals, tables and active segments of a zeroed instance whose header, memory and table
   * storage the runtime has prepared; traps as instantiation traps. Does not call start. */
  void (*initialise)(sledge_instance *);
  /* The start function, or null. */
  void (*start)(sledge_instance *);
  /* Linkable modules: code and type (index into types) of each function of the index space. */
  const sledge_code *function_codes;
  const uint32_t *function_types;
} sledge_module_descriptor;

#ifdef __cplusplus
}
#endif
#endif
