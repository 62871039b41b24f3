/* host.h - the contract of host plugins: functions of a shared object as imports of functions.
 *
 * A host plugin is a shared object that exports `sledge_host_plugin`. Its functions are called by
 * compiled modules directly, on the sandbox's stack and on any worker, many at once. They
 *   - call `enter` first: it sees to the stack, and gives what `attach` made for the tenant;
 *   - reach the caller's memory through `memory` alone, anew after each `look`;
 *   - end with `look`, and call it after at most 64 KiB of work: it may leave the worker and come
 *     back on another one, or never. So at a `look` they hold no lock, own nothing that must be
 *     given back, and keep no thread-local address;
 *   - throw nothing, need at most 40 KiB of stack, and do not wait: the worker has others to run.
 * The code is trusted as the runtime is: its faults end the process.
 */
#ifndef SLEDGE_HOST_H
#define SLEDGE_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "sledge/module_abi.h"
#include "sledge/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 2 appended `forget` to sledge_host_plugin; plugins made for 1 are taken as they are. */
#define SLEDGE_HOST_API_VERSION 2u
#define SLEDGE_HOST_SYMBOL "sledge_host_plugin_table"

typedef struct sledge_host_plugin sledge_host_plugin;

/* What the runtime does for host functions; valid as long as the plugin. */
typedef struct sledge_host_services {
  uint32_t api_version;
  uint32_t struct_bytes;
  /* What `attach` of this plugin gave for the caller's tenant. Ends the invocation (a trap) when
   * the guest has left too little stack. */
  void *(*enter)(sledge_instance *caller, const sledge_host_plugin *plugin);
  /* Where [address, address + bytes) of the caller's memory is; null: it is not all there. */
  uint8_t *(*memory)(sledge_instance *caller, uint32_t address, uint64_t bytes);
  void (*look)(sledge_instance *caller);
} sledge_host_services;

typedef struct sledge_host_function {
  const char *name;
  /* A letter for each parameter, a colon, and one for the result, if any: i for i32, I for i64, f
   * for f32, F for f64. */
  const char *signature;
  sledge_code code; /* RESULT code(sledge_instance *caller, parameters...) */
} sledge_host_function;

struct sledge_host_plugin {
  uint32_t api_version;
  uint32_t struct_bytes;
  const char *name;
  const char *import_module; /* the name that functions import from */
  const sledge_host_function *functions;
  uint32_t function_count;
  uint32_t reserved;
  /* Once per data plane; null, with a message, when the options will not do. The options have been
   * validated by the plugin's TypeScript side. */
  void *(*create)(const sledge_host_services *services, const sledge_option *options,
                  uint32_t option_count, char *message, size_t message_bytes);
  /* What functions of this tenant work on; null with a message: it cannot be had. Called each
   * time a module that imports from it is loaded, on any thread: a worker may wait for it;
   * `detach` when it is unloaded. Modules come and go with their calls. */
  void *(*attach)(void *self, const char *tenant, char *message, size_t message_bytes);
  void (*detach)(void *self, void *attached);
  /* No function calls any more. Optional. */
  void (*stop)(void *self);
  void (*destroy)(void *self);
  /* Since API 2, optional. The tenant has been deleted, and what is kept of it is void; what is
   * attached stays valid until `detach`. Who is attached by that name afterwards is another. */
  void (*forget)(void *self, const char *tenant);
};

#ifdef __cplusplus
}
#endif
#endif
