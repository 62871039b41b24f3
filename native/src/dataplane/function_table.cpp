#include "dataplane/function_table.hpp"

#include <cstring>

#include "dataplane/module_cache.hpp"

namespace sledge::dataplane {

FunctionTable::FunctionTable(uint32_t capacity, ModuleCache &modules)
    : capacity_(capacity), modules_(modules),
      places_(std::make_unique<std::atomic<Function *>[]>(capacity)) {}

/// `removed` is taken back last: who pins it sees all of the new one or nothing.
Function *FunctionTable::add(FunctionSpec spec, Tenant *tenant) {
  sweep();
  if (free_.empty()) {
    if (functions_.size() >= capacity_) {
      return nullptr;
    }
    free_.push_back(static_cast<uint32_t>(functions_.size()));
    functions_.push_back(std::make_unique<Function>());
  }
  const uint32_t id = free_.back();
  free_.pop_back();
  Function &function = *functions_[id];
  function.spec = std::move(spec);
  function.id = id;
  function.tenant = tenant;
  if (function.spec.warm != nullptr && tenant != nullptr) {
    function.spec.warm->count_memory_in(tenant->shared_memory());
  }
  function.counters.clear();
  function.place.ready.store(function.spec.module.get(), std::memory_order_relaxed);
  function.run_mean_ns.store(0, std::memory_order_relaxed);
  function.removed.store(false, std::memory_order_seq_cst);
  places_[id].store(&function, std::memory_order_release);
  return &function;
}

Function *FunctionTable::find(uint32_t id) {
  Function *function = id < functions_.size() ? functions_[id].get() : nullptr;
  const bool is_there = function != nullptr && !function->removed.load(std::memory_order_relaxed);
  return is_there ? function : nullptr;
}

/// The order is what counts: `sweep` looks at pins after `removed` is set.
Function *FunctionTable::pin(uint32_t id) {
  Function *function = id < capacity_ ? places_[id].load(std::memory_order_acquire) : nullptr;
  if (function == nullptr) {
    return nullptr;
  }
  function->pin();
  if (function->removed.load(std::memory_order_seq_cst)) {
    function->unpin();
    return nullptr;
  }
  return function;
}

void FunctionTable::remove(uint32_t id) {
  if (Function *function = find(id)) {
    function->removed.store(true, std::memory_order_seq_cst);
    removed_.push_back(id);
    sweep();
  }
}

void FunctionTable::sweep() {
  std::erase_if(removed_, [this](uint32_t id) {
    Function &function = *functions_[id];
    if (function.alive.load(std::memory_order_seq_cst) != 0) {
      return false;
    }
    modules_.forget(function);
    explicit_bzero(function.spec.environ.data(), function.spec.environ.size());
    function.spec = FunctionSpec();
    free_.push_back(id);
    return true;
  });
}

} // namespace sledge::dataplane
