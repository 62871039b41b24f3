#include "sandbox/test_store.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>

#include "sandbox/test_linker.hpp"

namespace sledge {
namespace {

/// What the store's execution is asked to do.
struct Call {
  sledge_instance *instance;
  sledge_invoke invoke; ///< or
  void (*function)(sledge_instance *);
  const sledge_value *params;
  sledge_value *results;
};

void run_call(Execution &execution) {
  const Call &call = *static_cast<const Call *>(execution.entry_argument);
  if (call.invoke != nullptr)
    call.invoke(call.instance, call.params, call.results);
  else
    call.function(call.instance);
}

void sleep_until(uint64_t wake_at_ns) {
  const timespec wake{static_cast<time_t>(wake_at_ns / 1'000'000'000u),
                      static_cast<long>(wake_at_ns % 1'000'000'000u)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
}

} // namespace

struct TestStore::State {
  OwnedSlotMemory stack;
  Execution execution;
  TestInstances instances;
  TestInstances failed; ///< tables of others may still hold their functions
  std::vector<AddressRange> texts;
  std::vector<AddressRange> memories;
  std::vector<const void *> function_ids;
  std::map<const void *, uint64_t> function_id_of;

  bool open(ModuleLoadError &error) {
    if (execution.stack != nullptr)
      return true;
    if (!install_signal_handlers(error))
      return false;
    if (!stack.reserve(kStackBytesDefault) || !stack->commit(0)) {
      error = {SLEDGE_ERR_NATIVE_ARENA, strerror(errno)};
      return false;
    }
    execution.stack = &*stack;
    execution.generation = 1;
    return true;
  }

  void admit(TestInstance &instance) {
    texts.insert(texts.end(), instance.object.texts().begin(), instance.object.texts().end());
    memories.push_back({reinterpret_cast<uintptr_t>(instance.slot->memory()),
                        reinterpret_cast<uintptr_t>(instance.slot->memory_end())});
    execution.texts = texts;
    execution.memories = memories;
  }

  /// SLEDGE_TRAP_NONE or the trap; proc_exit counts as a return.
  uint32_t run(Call call, ModuleLoadError &error) {
    const ThreadEntered entered;
    if (!entered) {
      error = {SLEDGE_ERR_NATIVE_THREAD, strerror(errno)};
      return SLEDGE_TRAP_NONE;
    }
    execution.instance = call.instance;
    execution.entry_argument = &call;
    execution_prepare(execution, &run_call);
    Leave leave = execution_run(execution);
    for (; leave == Leave::preempted || leave == Leave::blocked; leave = execution_run(execution)) {
      if (leave == Leave::blocked)
        sleep_until(execution.host.wake_at_ns);
    }
    execution_discard(execution);
    execution.host.output.reset();
    execution.host.log.reset();
    return leave == Leave::trapped ? execution.trap_kind : uint32_t{SLEDGE_TRAP_NONE};
  }

  const TestInstance *instance(int32_t id, ModuleLoadError &error) const {
    if (id >= 0 && static_cast<size_t>(id) < instances.size())
      return instances[id].get();
    error = {SLEDGE_ERR_NATIVE_ARGUMENT, "no such instance"};
    return nullptr;
  }

  const sledge_export *find(int32_t id, std::string_view name, uint32_t kind,
                            ModuleLoadError &error) const {
    const TestInstance *owner = instance(id, error);
    const sledge_export *item = owner == nullptr ? nullptr : owner->find(name);
    if (item != nullptr && item->kind == kind)
      return item;
    if (owner != nullptr)
      error = {SLEDGE_ERR_NATIVE_ARGUMENT, "no such export: " + std::string(name)};
    return nullptr;
  }

  sledge_value to_cell(const TestValue &value, uint8_t type) const {
    sledge_value cell{};
    switch (type) {
    case SLEDGE_FUNCREF:
      if (!value.is_null && value.low < function_ids.size())
        cell.ref = function_ids[value.low];
      break;
    case SLEDGE_EXTERNREF: // from 1, so that id 0 is not null
      cell.cells[0] = value.is_null ? 0 : value.low + 1;
      break;
    case SLEDGE_V128:
      cell.cells[1] = value.high;
      [[fallthrough]];
    case SLEDGE_I64:
    case SLEDGE_F64:
      cell.cells[0] = value.low;
      break;
    default:
      cell.i32 = static_cast<uint32_t>(value.low);
    }
    return cell;
  }

  TestValue from_cell(const sledge_value &cell, uint8_t type) {
    TestValue value{.low = cell.cells[0], .high = 0, .type = type, .is_null = false};
    switch (type) {
    case SLEDGE_FUNCREF: {
      const auto [entry, is_new] = function_id_of.try_emplace(cell.ref, function_ids.size());
      if (is_new)
        function_ids.push_back(cell.ref);
      value.low = entry->second;
      value.is_null = cell.ref == nullptr;
      break;
    }
    case SLEDGE_EXTERNREF:
      value.is_null = value.low == 0;
      value.low--;
      break;
    case SLEDGE_V128:
      value.high = cell.cells[1];
      break;
    case SLEDGE_I32:
    case SLEDGE_F32:
      value.low = cell.i32;
      break;
    default:
      break;
    }
    return value;
  }
};

TestStore::TestStore() : state_(std::make_unique<State>()) {}
TestStore::~TestStore() = default;

int32_t TestStore::instantiate(const std::string &path,
                               std::span<const std::optional<TestImportSource>> imports,
                               ModuleLoadError &error, const char *descriptor) {
  State &state = *state_;
  error = {};
  auto instance = std::make_unique<TestInstance>();
  if (!state.open(error) || !instance->object.open(path, nullptr, error, descriptor) ||
      !link_test_instance(*instance, state.instances, imports, state.execution, error))
    return INT32_MIN;
  state.admit(*instance);
  const sledge_module_descriptor &module = instance->descriptor();
  Call call{instance->instance, nullptr, module.initialise, nullptr, nullptr};
  uint32_t trap = state.run(call, error);
  if (trap == SLEDGE_TRAP_NONE && module.start != nullptr) {
    call.function = module.start;
    trap = state.run(call, error);
  }
  if (trap != SLEDGE_TRAP_NONE || error.code != SLEDGE_OK) {
    state.failed.push_back(std::move(instance));
    return -static_cast<int32_t>(trap);
  }
  state.instances.push_back(std::move(instance));
  return static_cast<int32_t>(state.instances.size() - 1);
}

bool TestStore::signature(int32_t instance, std::string_view name, std::vector<uint8_t> &params,
                          std::vector<uint8_t> &results, ModuleLoadError &error) const {
  error = {};
  const sledge_export *item = state_->find(instance, name, SLEDGE_KIND_FUNC, error);
  if (item == nullptr)
    return false;
  const auto &type = state_->instances[instance]->descriptor().types[item->type];
  params.assign(type.params, type.params + type.param_count);
  results.assign(type.results, type.results + type.result_count);
  return true;
}

uint32_t TestStore::invoke(int32_t instance, std::string_view name,
                           std::span<const TestValue> params, std::vector<TestValue> &results,
                           ModuleLoadError &error) {
  std::vector<uint8_t> param_types;
  std::vector<uint8_t> result_types;
  results.clear();
  if (!signature(instance, name, param_types, result_types, error))
    return SLEDGE_TRAP_NONE;
  if (params.size() != param_types.size()) {
    error = {SLEDGE_ERR_NATIVE_ARGUMENT, "wrong number of parameters"};
    return SLEDGE_TRAP_NONE;
  }
  std::vector<sledge_value> param_cells;
  std::vector<sledge_value> result_cells(result_types.size());
  for (size_t i = 0; i < params.size(); i++)
    param_cells.push_back(state_->to_cell(params[i], param_types[i]));
  const TestInstance &owner = *state_->instances[instance];
  const uint32_t trap = state_->run(
      {owner.instance, owner.find(name)->invoke, nullptr, param_cells.data(), result_cells.data()},
      error);
  if (trap == SLEDGE_TRAP_NONE && error.code == SLEDGE_OK) {
    for (size_t i = 0; i < result_cells.size(); i++)
      results.push_back(state_->from_cell(result_cells[i], result_types[i]));
  }
  return trap;
}

TestValue TestStore::get_global(int32_t instance, std::string_view name, ModuleLoadError &error) {
  error = {};
  const sledge_export *item = state_->find(instance, name, SLEDGE_KIND_GLOBAL, error);
  if (item == nullptr)
    return {};
  const TestInstance &owner = *state_->instances[instance];
  const void *address = reinterpret_cast<const uint8_t *>(owner.instance) + item->state_offset;
  if (item->state_offset == 0)
    address = owner.globals[item->index];
  const bool is_narrow = item->type == SLEDGE_I32 || item->type == SLEDGE_F32;
  sledge_value cell{};
  memcpy(&cell, address, is_narrow ? 4 : item->type == SLEDGE_V128 ? 16 : 8);
  return state_->from_cell(cell, static_cast<uint8_t>(item->type));
}

std::vector<uint8_t> TestStore::read_memory(int32_t instance, uint64_t offset, uint64_t length,
                                            ModuleLoadError &error) const {
  error = {};
  const TestInstance *owner = state_->instance(instance, error);
  if (owner == nullptr)
    return {};
  const sledge_memory &memory = *owner->instance->memory;
  if (offset > memory.bytes || length > memory.bytes - offset) {
    error = {SLEDGE_ERR_NATIVE_ARGUMENT, "beyond the memory's size"};
    return {};
  }
  return {memory.base + offset, memory.base + offset + length};
}

} // namespace sledge
