// host_runtime.cpp - the functions that generated code itself calls: traps, growth, safepoints.
#include <sys/mman.h>

#include "sandbox/host_function.hpp"

namespace sledge {
namespace {

constexpr uint32_t kFailed = 0xffffffffu;

void host_trap(sledge_instance *instance, uint32_t kind) {
  execution_trap(execution_of(instance), kind);
}

bool take_memory(const Execution &execution, uint64_t bytes) {
  MemoryBudget *budget = execution.memory_budget;
  return budget == nullptr || budget->take(bytes) ||
         (execution.arena != nullptr && make_room(*execution.arena, *budget, bytes));
}

uint32_t host_memory_grow(sledge_instance *instance, uint32_t delta_pages) {
  host_detail::enter(instance);
  sledge_memory &memory = *instance->memory;
  const uint32_t old_pages = memory.pages;
  if (delta_pages > memory.max_pages || old_pages > memory.max_pages - delta_pages)
    return kFailed;
  const uint64_t delta_bytes = delta_pages * SLEDGE_PAGE_BYTES;
  if (!take_memory(execution_of(instance), delta_bytes))
    return kFailed;
  if (delta_bytes != 0 &&
      mprotect(memory.base + memory.bytes, delta_bytes, PROT_READ | PROT_WRITE) != 0) {
    if (MemoryBudget *budget = execution_of(instance).memory_budget)
      budget->give_back(delta_bytes);
    return kFailed;
  }
  memory.pages = old_pages + delta_pages;
  memory.bytes += delta_bytes;
  execution_look(execution_of(instance), instance);
  return old_pages;
}

uint32_t host_table_grow(sledge_instance *instance, sledge_table *table, uint32_t delta,
                         const sledge_table_entry *init) {
  constexpr uint32_t kEntriesPerLook = kWorkBytes / sizeof(sledge_table_entry);
  host_detail::enter(instance);
  const uint32_t old_size = table->size;
  if (delta > table->max || old_size > table->max - delta)
    return kFailed;
  const sledge_table_entry entry = *init;
  for (uint32_t i = 0; i < delta; i++) {
    table->entries[old_size + i] = entry;
    if (i % kEntriesPerLook == kEntriesPerLook - 1)
      execution_look(execution_of(instance), instance);
  }
  table->size = old_size + delta;
  execution_look(execution_of(instance), instance);
  return old_size;
}

void host_safepoint(sledge_instance *instance) {
  execution_look(execution_of(instance), instance);
}

constexpr sledge_host kHostTable = {.abi_version = SLEDGE_MODULE_ABI_VERSION,
                                    .table_bytes = sizeof(sledge_host),
                                    .trap = &host_trap,
                                    .memory_grow = &host_memory_grow,
                                    .table_grow = &host_table_grow,
                                    .safepoint = &host_safepoint};

} // namespace

const sledge_host &host_table() {
  return kHostTable;
}

} // namespace sledge
