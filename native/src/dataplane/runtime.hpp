// runtime.hpp - what the data plane needs of a sandbox library.
#pragma once
#include <memory>

#include "sandbox/preempt_timer.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge::dataplane {

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual bool enter_thread() = 0;
  virtual void leave_thread() = 0;
  /// Null: no slot is free.
  virtual Sandbox *start(const SandboxStart &start) = 0;
  /// In an instance that was kept for its function; null: there is none.
  virtual Sandbox *go_on(const SandboxStart &) { return nullptr; }
  /// Takes `bytes` of the budget once idle instances have given way; false: that would not do.
  virtual bool make_room(MemoryBudget &, uint64_t) { return false; }
  virtual void end(Sandbox *sandbox) = 0;
  /// No slot stays bound to this module when nothing of it runs any more. Any thread.
  virtual void evict(const Module &module) = 0;
  virtual void signal_thread(int32_t thread_id) = 0;
  /// The calling thread gets the preempt signal once at `deadline_ns` (as monotonic_ns()); 0: not.
  virtual void arm_timer(uint64_t deadline_ns) = 0;
  virtual ArenaStats stats() const = 0;
};

/// The real one: compiled modules in the slots of an arena.
class ArenaRuntime final : public Runtime {
 public:
  explicit ArenaRuntime(std::shared_ptr<Arena> arena) : arena_(std::move(arena)) {}
  bool enter_thread() override { return enter_sandbox_thread(); }
  void leave_thread() override { leave_sandbox_thread(); }
  Sandbox *start(const SandboxStart &start) override { return start_sandbox(*arena_, start); }
  Sandbox *go_on(const SandboxStart &start) override { return continue_sandbox(*arena_, start); }
  bool make_room(MemoryBudget &budget, uint64_t bytes) override {
    return sledge::make_room(*arena_, budget, bytes);
  }
  void end(Sandbox *sandbox) override { end_sandbox(sandbox); }
  void evict(const Module &module) override { evict_module(*arena_, module); }
  void signal_thread(int32_t thread_id) override { sledge::signal_thread(thread_id); }
  void arm_timer(uint64_t deadline_ns) override {
    static thread_local PreemptTimer timer;
    if (deadline_ns == 0) {
      timer.disarm();
    } else if (timer.create()) {
      timer.arm(deadline_ns);
    }
  }
  ArenaStats stats() const override { return arena_stats(*arena_); }

 private:
  std::shared_ptr<Arena> arena_;
};

/// For external workers: there is nothing to run natively.
class NoRuntime final : public Runtime {
 public:
  bool enter_thread() override { return true; }
  void leave_thread() override {}
  Sandbox *start(const SandboxStart &) override { return nullptr; }
  void end(Sandbox *) override {}
  void evict(const Module &) override {}
  void signal_thread(int32_t) override {}
  void arm_timer(uint64_t) override {}
  ArenaStats stats() const override { return {}; }
};

} // namespace sledge::dataplane
