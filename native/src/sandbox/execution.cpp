#include "sandbox/execution.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "context.hpp"
#include "sandbox/fibers.hpp"
#include "sandbox/signals.hpp"
#include "tsc.hpp"

// Named for sledge_preempt_entry.
extern "C" {
constinit thread_local sledge::ThreadState *sledge_thread_state
    __attribute__((tls_model("initial-exec"), visibility("hidden"))) = nullptr;
}

namespace sledge {
namespace {

static_assert(offsetof(ThreadState, stack_floor) == 0);
static_assert(offsetof(ThreadState, signal_stack_top) == 8);

/// Signals that a sandbox thread takes: those of its own instructions, and the preempt signal.
sigset_t blocked_signals() {
  sigset_t set;
  sigfillset(&set);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, kPreemptSignal})
    sigdelset(&set, signal);
  return set;
}

bool set_up_signal_stack(ThreadState &state) {
  constexpr size_t kHandlerBytes = 65536;
  const size_t frame = getauxval(AT_MINSIGSTKSZ);
  state.signal_stack_bytes = (frame + kHandlerBytes + 4095) / 4096 * 4096;
  void *stack = mmap(nullptr, state.signal_stack_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED)
    return false;
  state.signal_stack = static_cast<uint8_t *>(stack);
  state.signal_stack_top = state.signal_stack + state.signal_stack_bytes;
  const stack_t wanted{.ss_sp = stack, .ss_flags = 0, .ss_size = state.signal_stack_bytes};
  if (sigaltstack(&wanted, &state.saved_signal_stack) == 0)
    return true;
  const int error = errno;
  munmap(stack, state.signal_stack_bytes);
  errno = error;
  return false;
}

void unblock_preempt_signal() {
  const uint64_t set = 1ull << (kPreemptSignal - 1);
  syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, nullptr, sizeof set);
}

void withdraw(ThreadState &thread) {
  thread.current.store(nullptr, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  thread.stack_floor = 0;
  thread.retry.disarm(); // after that: handlers arm it while something is current
}

/// Nothing has run yet, or the same as before.
Leave leave_early(ThreadState &thread) {
  withdraw(thread);
  thread.signalled.store(false, std::memory_order_relaxed);
  thread.early_leaves++;
  return Leave::preempted;
}

void execution_main(void *argument) {
  auto &execution = *static_cast<Execution *>(argument);
  fibers::arrived_at_execution(execution, *execution.thread);
  execution.entry(execution);
  execution.returned = true;
  execution_end(execution, Leave::completed);
}

} // namespace

ThreadState *thread_state() {
  return sledge_thread_state;
}

#if defined(__clang__)
__attribute__((noinline, optnone))
#else
__attribute__((noipa))
#endif
int thread_errno() {
  return errno;
}

bool enter_sandbox_thread() {
  if (sledge_thread_state != nullptr) {
    sledge_thread_state->entered++;
    return true;
  }
  auto *state = new (std::nothrow) ThreadState;
  if (state == nullptr) {
    errno = ENOMEM;
    return false;
  }
  if (!set_up_signal_stack(*state)) {
    delete state;
    return false;
  }
  state->entered = 1;
  state->retry.create(); // without it a signal that comes too early is lost, as one may be anyway
  fibers::thread_entered(*state);
  const sigset_t blocked = blocked_signals();
  sledge_thread_state = state;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  pthread_sigmask(SIG_SETMASK, &blocked, &state->saved_mask);
  return true;
}

void leave_sandbox_thread() {
  ThreadState *state = sledge_thread_state;
  if (state == nullptr || --state->entered != 0)
    return;
  sledge_thread_state = nullptr;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  sigaltstack(&state->saved_signal_stack, nullptr);
  munmap(state->signal_stack, state->signal_stack_bytes);
  pthread_sigmask(SIG_SETMASK, &state->saved_mask, nullptr);
  delete state;
}

void execution_prepare(Execution &execution, Execution::Entry entry) {
  execution.entry = entry;
  execution.leave = Leave::completed;
  execution.returned = false;
  execution.trap_kind = SLEDGE_TRAP_NONE;
  execution.exit_code = 0;
  fibers::prepare(execution);
  execution.sp = arch::prepare_context(execution.stack_top(), &execution_main, &execution);
}

__attribute__((noinline)) Leave execution_run(Execution &execution) {
  ThreadState &thread = *sledge_thread_state;
  execution.thread = &thread;
  thread.stack_floor =
      reinterpret_cast<uintptr_t>(execution.stack->stack_bottom()) + kHandlerStackBytes;
  thread.current.store(&execution, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (thread.signalled.load(std::memory_order_relaxed)) [[unlikely]]
    return leave_early(thread);
  fibers::leaving_to_execution(execution, thread);
  sledge_context_switch(&thread.worker_sp, execution.sp);
  fibers::arrived_at_worker(thread);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  withdraw(thread);
  if (execution.left_in_handler) {
    execution.left_in_handler = false;
    unblock_preempt_signal();
  }
  return execution.leave;
}

__attribute__((noinline)) void execution_leave(Execution &execution, Leave reason) {
  execution.leave = reason;
  fibers::leaving_to_worker(execution, *execution.thread);
  sledge_context_switch(&execution.sp, execution.thread->worker_sp);
  fibers::arrived_at_execution(execution, *execution.thread);
}

void execution_end(Execution &execution, Leave reason) {
  execution_leave(execution, reason);
  abort(); // the stack of an ended execution is never resumed
}

void execution_trap(Execution &execution, uint32_t kind) {
  execution.trap_kind = kind;
  execution_end(execution, Leave::trapped);
}

void execution_exit(Execution &execution, int32_t code) {
  execution.exit_code = code;
  execution_end(execution, code == 0 ? Leave::completed : Leave::exited);
}

void execution_look(Execution &execution, sledge_instance *instance) {
  const bool asked = pending_flag(instance).load(std::memory_order_relaxed) != 0;
  if (!asked && !(execution.reads_time && arch::read_tsc() >= instance->leave_at_tsc)) [[likely]]
    return;
  instance->leave_at_tsc = UINT64_MAX;
  pending_flag(instance).exchange(0, std::memory_order_seq_cst);
  execution_leave(execution, Leave::preempted);
}

void execution_discard(Execution &execution) {
  fibers::discard(execution);
}

void execution_leave_from_handler(Execution &execution) {
  // As in execution_look: whoever set the flag has said before what is wanted.
  pending_flag(execution.instance).exchange(0, std::memory_order_seq_cst);
  execution.left_in_handler = true;
  execution_leave(execution, Leave::preempted);
}

void execution_trap_landing(void *argument) {
  arch::reset_float_state();
  auto &execution = *static_cast<Execution *>(argument);
  execution_end(execution, execution.leave);
}

} // namespace sledge
