// slot.hpp - one slot: its memory, what it is bound to, and the invocation it runs.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "sandbox/module.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge {

/// Slots live as long as their arena. While in use a slot belongs to its invocation's owner; else
/// to the arena's lock, or to the janitor.
struct Slot final : Sandbox {
  Leave run() override;
  uint32_t trap_kind() const override { return execution.trap_kind; }
  int32_t exit_code() const override { return execution.exit_code; }
  std::span<const uint8_t> output() const override { return execution.host.output.view(); }
  std::span<const uint8_t> log() const override { return execution.host.log.view(); }
  uint64_t wake_at_ns() const override { return execution.host.wake_at_ns; }
  uint64_t memory_bytes() const override { return execution.instance->own_memory.bytes; }
  bool yielded() const override { return execution.host.yielded; }
  uint64_t generation() const override {
    return execution.generation.load(std::memory_order_relaxed);
  }
  void return_memory() override;
  void leave_at(uint64_t deadline_ns) override;
  void note_run(uint64_t run_ns, uint64_t entered_ns) override {
    execution.host.run_ns = run_ns;
    execution.host.entered_ns = entered_ns;
  }
  void request_leave() override;
  void request_kill(uint64_t generation) override;

  void place(Arena *owner, const SlotMemory &slot_memory);
  /// Binds a clean slot to a module and tenant, clearing what the last ones left. False with errno
  /// when the kernel gives no memory; the slot is then unbound.
  bool bind(const Module &new_module, uint32_t new_tenant);
  /// Clears a clean (reset) slot of its module.
  void unbind();
  void begin(const SandboxStart &start);
  /// True when `reset` would take long.
  bool is_large_reset() const;
  /// Makes it equal to a freshly bound one, but for the stack. On any thread.
  void reset();
  /// Leaves the instance as it is, for the next one of its function. False: it is to be reset.
  bool keep();
  /// Gives up a kept instance, if it is one; the slot is clean then.
  void forget();
  /// As `forget`, and the slot is to be reset.
  void abandon();
  /// What a kept one has counts as resting from now on, as in use, or not at all. Under the arena's
  /// lock. False: there is no room for it.
  bool rest() const;
  void wake() const;
  void give_back_rest() const;
  bool is_kept_for(const WarmInstances *warm) const { return kept_for.get() == warm; }

  alignas(64) Execution execution; ///< and so the slot: two workers share no line
  SlotMemory memory;
  Arena *arena = nullptr;
  std::shared_ptr<const Module> module;
  uint32_t tenant = 0;
  /// Whose state it has, while it is free; and since when. Under the arena's lock.
  std::shared_ptr<WarmInstances> kept_for;
  uint64_t kept_since_ns = 0;

  /// Free slots: by age, and by what they are bound to. Under the arena's lock.
  Slot *newer = nullptr;
  Slot *older = nullptr;
  Slot *bucket_next = nullptr;
  Slot *bucket_previous = nullptr;

 private:
  Leave finish(Leave reason);
  void detach_flag();
  void write_image();
  void restore_image();
  void reset_memory();

  AddressRange memory_range_;
  std::vector<TableStorage> tables_;
  bool ended_ = false;
  bool stack_used_ = false;
  bool upper_half_first_ = false;       ///< of the memory, at the next reset
  std::shared_ptr<WarmInstances> warm_; ///< of the invocation
  /// Where request_leave may write; null while the place of the instance changes.
  std::atomic<sledge_instance *> flag_instance_{nullptr};
  std::atomic<uint32_t> flag_setters_{0};
};

} // namespace sledge
