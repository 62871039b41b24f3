#include "sandbox/slot.hpp"

#include <algorithm>
#include <cstring>
#include <sched.h>

#include "base/clock.hpp"
#include "base/pages.hpp"
#include "clear.hpp"
#include "context.hpp"
#include "restore.hpp"
#include "sandbox/time_stamp.hpp"

namespace sledge {
namespace {

/// Resets up to this are done by the worker; beyond, by the janitor.
constexpr uint64_t kInlineResetBytes = 1 << 20;
/// Up to this, an image is copied whole.
constexpr uint64_t kCopyAllBytes = 128 << 10;
/// Up to this, clearing all is cheaper than asking which pages were touched.
constexpr uint64_t kClearAllBytes = 256 << 10;
/// Beyond this even asking is left to the janitor.
constexpr uint64_t kInlineScanBytes = 4 << 20;
/// What a warm slot may keep resident of memory that its image does not cover.
constexpr uint64_t kKeepResidentBytes = 4 << 20;

/// Zeroes from `start` up to a page boundary at start + bytes.
void clear(uint8_t *start, uint64_t bytes, bool upper_half_first) {
  const auto address = reinterpret_cast<uintptr_t>(start);
  const uint64_t head = round_up(address, kPageBytes) - address;
  memset(start, 0, head);
  if (bytes <= kClearAllBytes)
    arch::clear_dirty_pages(start + head, bytes - head, upper_half_first);
  else
    clear_pages(start + head, bytes - head, kKeepResidentBytes);
}

} // namespace

void Slot::place(Arena *owner, const SlotMemory &slot_memory) {
  arena = owner;
  execution.arena = owner;
  memory = slot_memory;
  memory_range_ = {reinterpret_cast<uintptr_t>(memory.memory()),
                   reinterpret_cast<uintptr_t>(memory.memory_end())};
  execution.stack = &memory;
  execution.memories = {&memory_range_, 1};
}

void Slot::return_memory() {
  if (execution.memory_budget == nullptr)
    return;
  execution.memory_budget->give_back(memory_bytes());
  execution.memory_budget = nullptr;
}

void Slot::leave_at(uint64_t deadline_ns) {
  if (!execution.reads_time)
    return;
  execution.instance->leave_at_tsc = deadline_ns == 0 ? UINT64_MAX : tsc_at(deadline_ns);
}

void Slot::request_leave() {
  // Paired with detach_flag: either it sees this setter, or the setter sees no instance.
  flag_setters_.fetch_add(1, std::memory_order_seq_cst);
  sledge_instance *instance = flag_instance_.load(std::memory_order_seq_cst);
  if (instance != nullptr)
    pending_flag(instance).store(1, std::memory_order_seq_cst);
  flag_setters_.fetch_sub(1, std::memory_order_release);
}

void Slot::detach_flag() {
  constexpr int kSpins = 1000;
  flag_instance_.store(nullptr, std::memory_order_seq_cst);
  for (int i = 0; flag_setters_.load(std::memory_order_seq_cst) != 0; i++) {
    if (i < kSpins)
      arch::spin_pause();
    else
      sched_yield();
  }
}

void Slot::request_kill(uint64_t generation) {
  uint64_t seen = execution.kill_generation.load(std::memory_order_relaxed);
  while (seen < generation &&
         !execution.kill_generation.compare_exchange_weak(
             seen, generation, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

bool Slot::bind(const Module &new_module, uint32_t new_tenant) {
  if (new_tenant != tenant && stack_used_) {
    clear_pages(memory.stack_bottom(), memory.stack_bytes(), UINT64_MAX);
    execution.host.output.scrub();
    execution.host.log.scrub();
    stack_used_ = false;
  }
  tenant = new_tenant;
  if (module.get() == &new_module)
    return true;
  unbind();
  if (!memory.commit(new_module.memory_bytes()) || !new_module.reserve_tables(tables_)) {
    tables_.clear();
    return false;
  }
  module = new_module.shared_from_this();
  execution.instance = memory.instance(module->descriptor().state_bytes);
  execution.texts = module->texts();
  execution.bindings = module->bindings();
  execution.polled = module_polled(new_module);
  execution.reads_time = module_reads_time(new_module) && tsc_is_steady();
  execution.entry_argument = const_cast<Module *>(&new_module);
  write_image();
  module->write_instance(memory, execution, tables_);
  flag_instance_.store(execution.instance, std::memory_order_seq_cst);
  return true;
}

void Slot::unbind() {
  if (!module)
    return;
  detach_flag();
  clear(memory.memory(), round_up(module->memory_image().size(), kPageBytes), false);
  const uint32_t state_bytes = module->descriptor().state_bytes;
  memset(memory.memory() - state_bytes, 0, state_bytes);
  execution.texts = {};
  execution.bindings = {};
  execution.instance = nullptr;
  tables_.clear();
  module.reset();
}

void Slot::begin(const SandboxStart &start) {
  ended_ = false;
  stack_used_ = true;
  execution.host.begin(start.payload, start.limits, start.preopens);
  execution.stack_bytes_max = std::max(start.limits.stack_bytes_max, kStackLimitBytesMin);
  execution.memory_budget = start.memory_budget;
  execution.generation.store(generation() + 1, std::memory_order_relaxed);
  pending_flag(execution.instance).store(0, std::memory_order_relaxed);
  warm_ = start.warm;
  execution.continues = kept_for != nullptr;
  if (kept_for != nullptr) {
    kept_for->give_back();
    kept_for.reset();
    execution.instance->leave_at_tsc = UINT64_MAX;
  }
  execution_prepare(execution, &Module::run_entry);
}

Leave Slot::finish(Leave reason) {
  ended_ = true;
  execution.leave = reason;
  return reason;
}

Leave Slot::run() {
  if (ended_)
    return execution.leave;
  if (execution.kill_seen())
    return finish(Leave::killed);
  const Leave reason = execution_run(execution);
  if (reason != Leave::preempted && reason != Leave::blocked)
    return finish(reason);
  return execution.kill_seen() ? finish(Leave::killed) : reason;
}

bool Slot::is_large_reset() const {
  const uint64_t image_bytes = module->memory_image().size();
  const uint64_t bytes = memory_bytes();
  if (bytes <= kInlineResetBytes)
    return false;
  if (image_bytes > kInlineResetBytes || bytes > kInlineScanBytes)
    return true;
  return touched_bytes(memory.memory(), bytes, kInlineResetBytes + kPageBytes) > kInlineResetBytes;
}

/// By memcpy: the library's copy of a span goes byte by byte here, 4 us for 8 KiB.
void Slot::write_image() {
  const auto &image = module->memory_image();
  if (!image.empty())
    memcpy(memory.memory(), image.data(), image.size());
}

/// What the invocation has left of it is mostly as it was: that is then only read. Copy-on-write
/// pages of a file cost a fault each and an interrupt of the other cores, which is more from a
/// dozen of pages on.
void Slot::restore_image() {
  const auto &image = module->memory_image();
  if (image.size() <= kCopyAllBytes)
    return write_image();
  const uint64_t whole = image.size() / kPageBytes * kPageBytes;
  arch::restore_pages(memory.memory(), image.data(), whole);
  memcpy(memory.memory() + whole, image.data() + whole, image.size() - whole);
}

void Slot::reset_memory() {
  const uint64_t initial_bytes = module->memory_bytes();
  const uint64_t bytes = memory_bytes();
  const uint64_t image_bytes = module->memory_image().size();
  restore_image();
  // To and fro: what was looked at last is still in the nearest cache, which holds half a Wasm
  // page.
  clear(memory.memory() + image_bytes, bytes - image_bytes, upper_half_first_);
  upper_half_first_ = !upper_half_first_;
  memory.note_grown(bytes);
  if (bytes > initial_bytes)
    memory.commit(initial_bytes);
}

bool Slot::keep() {
  const std::shared_ptr<WarmInstances> warm = std::move(warm_);
  warm_.reset();
  if (warm == nullptr || !ended_ || execution.leave != Leave::completed || !execution.returned ||
      !warm->take())
    return false;
  execution_discard(execution);
  execution.host.descriptors.close_all();
  execution.host.output.reset();
  execution.host.log.reset();
  kept_since_ns = monotonic_ns();
  kept_for = warm;
  return true;
}

void Slot::abandon() {
  kept_for->give_back();
  kept_for.reset();
}

void Slot::forget() {
  if (kept_for == nullptr)
    return;
  abandon();
  reset();
}

bool Slot::rest() const {
  MemoryBudget *budget = kept_for->budget();
  return budget == nullptr || budget->rest(memory_bytes());
}

void Slot::wake() const {
  if (MemoryBudget *budget = kept_for->budget())
    budget->wake(memory_bytes());
}

void Slot::give_back_rest() const {
  MemoryBudget *budget = kept_for != nullptr ? kept_for->budget() : nullptr;
  if (budget != nullptr)
    budget->give_back_resting(memory_bytes());
}

void Slot::reset() {
  execution_discard(execution);
  execution.host.descriptors.close_all();
  execution.host.output.reset();
  execution.host.log.reset();
  reset_memory();
  module->reset_tables(execution.instance, tables_);
  module->write_instance(memory, execution, tables_);
}

} // namespace sledge
