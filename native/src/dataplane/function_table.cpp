#include "dataplane/function_table.hpp"

namespace sledge::dataplane {

FunctionTable::FunctionTable(uint32_t capacity) : capacity_(capacity) {}

Function *FunctionTable::add(FunctionSpec spec) {
  sweep();
  if (free_.empty()) {
    if (slots_.size() >= capacity_) {
      return nullptr;
    }
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t id = free_.back();
  free_.pop_back();
  slots_[id] = std::make_unique<Function>();
  slots_[id]->spec = std::move(spec);
  slots_[id]->id = id;
  return slots_[id].get();
}

void FunctionTable::remove(uint32_t id) {
  if (Function *function = find(id)) {
    function->removed.store(true, std::memory_order_relaxed);
    removed_.push_back(id);
    sweep();
  }
}

void FunctionTable::sweep() {
  std::erase_if(removed_, [this](uint32_t id) {
    if (slots_[id]->alive.load(std::memory_order_acquire) != 0) {
      return false;
    }
    slots_[id].reset();
    free_.push_back(id);
    return true;
  });
}

} // namespace sledge::dataplane
