// execution.hpp - code of modules running on a stack of its own, and all the ways it leaves it.
#pragma once
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <span>

#include "sandbox/host_state.hpp"
#include "sandbox/preempt_timer.hpp"
#include "sandbox/sandbox.hpp"
#include "sandbox/slot_memory.hpp"

namespace sledge {

struct AddressRange {
  uintptr_t low = 0;
  uintptr_t high = 0;
  bool contains(uintptr_t address) const { return address - low < high - low; }
};

struct Execution;
struct HostBinding;

/// What a thread that may run sandboxes keeps. Read by signal handlers of the same thread.
struct ThreadState {
  /// The lowest stack pointer at which the preempt handler may use the stack it interrupted; below
  /// it uses the signal stack. sledge_preempt_entry knows the place of these two.
  uintptr_t stack_floor = 0;
  uint8_t *signal_stack_top = nullptr;
  std::atomic<Execution *> current{nullptr};
  /// A signal came while nothing was current: perhaps too late for the worker to have seen why.
  std::atomic<bool> signalled{false};
  uint64_t early_leaves = 0; ///< leaves for that reason
  /// Sends the signal again when it came where a module without polls could not act on it.
  PreemptTimer retry;
  void *worker_sp = nullptr;
  void *worker_fiber = nullptr;       ///< thread sanitizer
  const void *worker_stack = nullptr; ///< address sanitizer
  size_t worker_stack_bytes = 0;
  uint32_t entered = 0;
  uint8_t *signal_stack = nullptr;
  size_t signal_stack_bytes = 0;
  stack_t saved_signal_stack{};
  sigset_t saved_mask{};
};

/// Bytes of a sandbox's stack that the preempt handler must find below the signal's frame.
inline constexpr uint64_t kHandlerStackBytes = 8192;

/// Bytes of stack that a host call must find. Guests that leave less trap with STACK_OVERFLOW.
inline constexpr uint64_t kHostStackBytes = 49152;

/// One stack and what runs on it: a sandbox, a module's initialisation, or a test store's call.
/// Host calls find it by instance->sandbox.
struct Execution {
  using Entry = void (*)(Execution &);

  void *sp = nullptr;
  ThreadState *thread = nullptr;
  SlotMemory *stack = nullptr;
  uint64_t stack_bytes_max = UINT64_MAX; ///< of `stack`, from its guard upwards
  MemoryBudget *memory_budget = nullptr; ///< null: none
  Arena *arena = nullptr;                ///< whose idle instances give way; null: none
  Entry entry = nullptr;
  void *entry_argument = nullptr;
  sledge_instance *instance = nullptr;
  std::span<const HostBinding> bindings; ///< of host plugins that its module imports from
  /// Where module code lies, and which memories a fault of it may be blamed on.
  std::span<const AddressRange> texts;
  std::span<const AddressRange> memories;
  /// The invocation that is to be killed, and this one.
  std::atomic<uint64_t> kill_generation{0};
  std::atomic<uint64_t> generation{0};

  bool polled = false;     ///< its code has safepoints
  bool reads_time = false; ///< and sees by itself when it is to leave
  Leave leave = Leave::completed;
  bool left_in_handler = false;
  bool returned = false;  ///< its entry has, so that the instance is whole
  bool continues = false; ///< in the state that the invocation before has left
  uint32_t trap_kind = SLEDGE_TRAP_NONE;
  int32_t exit_code = 0;
  HostState host;

  void *fiber = nullptr;      ///< thread sanitizer
  void *fake_stack = nullptr; ///< address sanitizer

  /// Where it begins: only so far above the guard that its own limit is reached there.
  uint8_t *stack_top() const {
    return stack->stack_bottom() + std::min(stack_bytes_max, stack->stack_bytes());
  }
  bool kill_seen() const {
    return kill_generation.load(std::memory_order_acquire) ==
           generation.load(std::memory_order_relaxed);
  }
};

inline Execution &execution_of(const sledge_instance *instance) {
  return *static_cast<Execution *>(instance->sandbox);
}

/// The flag that safepoints poll; written by any thread.
inline std::atomic_ref<uint32_t> pending_flag(sledge_instance *instance) {
  return std::atomic_ref<uint32_t>(instance->pending);
}

/// The calling thread's state; null when it has not entered.
ThreadState *thread_state();
/// `errno` of the thread that runs this, for code on a sandbox's stack: after a leave that may be
/// another thread, and compilers keep the address of `errno` within a function.
int thread_errno();
/// When a signal that could not be acted on is sent again.
inline constexpr uint64_t kRetryNs = 50'000;

/// Puts `entry` on the top of the execution's stack; the next run starts there.
void execution_prepare(Execution &execution, Execution::Entry entry);
/// Switches to the execution until it leaves. The calling thread must have entered.
Leave execution_run(Execution &execution);
/// From the execution's stack: back to the worker. Returns if and when it is resumed.
void execution_leave(Execution &execution, Leave reason);
[[noreturn]] void execution_trap(Execution &execution, uint32_t kind);
[[noreturn]] void execution_exit(Execution &execution, int32_t code);
[[noreturn]] void execution_end(Execution &execution, Leave reason);
/// Leaves if the pending flag is set (see sledge_host.safepoint).
void execution_look(Execution &execution, sledge_instance *instance);
/// Drops what sanitizers keep for a stack that will not be resumed.
void execution_discard(Execution &execution);

/// Signal handlers use these.
void execution_leave_from_handler(Execution &execution);
void execution_trap_landing(void *execution);

/// Holds the calling thread entered for a scope.
class ThreadEntered {
 public:
  ThreadEntered() : entered_(enter_sandbox_thread()) {}
  ThreadEntered(const ThreadEntered &) = delete;
  ThreadEntered &operator=(const ThreadEntered &) = delete;
  ~ThreadEntered() {
    if (entered_)
      leave_sandbox_thread();
  }
  explicit operator bool() const { return entered_; }

 private:
  bool entered_;
};

} // namespace sledge
