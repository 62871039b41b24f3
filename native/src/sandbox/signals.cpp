#include "sandbox/signals.hpp"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "context.hpp"
#include "sandbox/execution.hpp"

namespace sledge {
namespace {

constexpr int kFaultSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// Written once under the lock before the handlers are installed; never destroyed.
struct sigaction previous_actions[NSIG];
uint64_t signal_frame_bytes = 0;

bool in_any(std::span<const AddressRange> ranges, uintptr_t address) {
  for (const AddressRange &range : ranges) {
    if (range.contains(address))
      return true;
  }
  return false;
}

/// What the previous owner would have done, on the same stack and with the same context.
void chain(int signal, siginfo_t *info, void *context) {
  const struct sigaction &previous = previous_actions[signal];
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
    return;
  }
  const bool from_instruction = info->si_code > 0;
  if (previous.sa_handler == SIG_IGN && !from_instruction)
    return;
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
    return;
  }
  if (signal == kPreemptSignal)
    return; // ignored by default
  // Default: the instruction faults again, or the signal is sent again, and ends the process.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  if (!from_instruction)
    raise(signal);
}

/// The kernel could not put a signal frame on a stack that is nearly full: not the guest's fault.
bool is_failed_frame(const Execution &execution, const siginfo_t &info, const ucontext_t &context) {
  constexpr uint64_t kRedZoneAndAlignment = 128 + 64 + 512;
  const uintptr_t sp = arch::stack_pointer(context);
  const auto bottom = reinterpret_cast<uintptr_t>(execution.stack->stack_bottom());
  return info.si_signo == SIGSEGV && info.si_code == SI_KERNEL && sp >= bottom &&
         sp - bottom < signal_frame_bytes + kRedZoneAndAlignment;
}

bool in_guard(const Execution &execution, uintptr_t address) {
  return AddressRange{reinterpret_cast<uintptr_t>(execution.stack->stack_guard()),
                      reinterpret_cast<uintptr_t>(execution.stack->stack_bottom())}
      .contains(address);
}

/// Where a host function begins, before it has looked how much stack the guest left it.
bool is_host_entry(const siginfo_t &info, const ucontext_t &context) {
  const ThreadState *thread = thread_state();
  const Execution *execution =
      thread == nullptr ? nullptr : thread->current.load(std::memory_order_relaxed);
  if (execution == nullptr || info.si_signo != SIGSEGV || info.si_code <= 0)
    return false;
  const uintptr_t sp = arch::stack_pointer(context);
  return in_guard(*execution, reinterpret_cast<uintptr_t>(info.si_addr)) &&
         sp < reinterpret_cast<uintptr_t>(execution->stack_top()) &&
         sp > reinterpret_cast<uintptr_t>(execution->stack->stack_guard());
}

/// The trap that a fault in module text means; SLEDGE_TRAP_NONE when it is none of ours.
uint32_t classify(const Execution &execution, const siginfo_t &info) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  switch (info.si_signo) {
  case SIGFPE:
    return info.si_code == FPE_INTDIV ? SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO : SLEDGE_TRAP_NONE;
  case SIGILL:
    return SLEDGE_TRAP_UNREACHABLE;
  default:
    break;
  }
  if (in_guard(execution, address))
    return SLEDGE_TRAP_STACK_OVERFLOW;
  return in_any(execution.memories, address) ? SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS : SLEDGE_TRAP_NONE;
}

Execution *running_in_text(const ucontext_t &context) {
  ThreadState *thread = thread_state();
  Execution *execution =
      thread == nullptr ? nullptr : thread->current.load(std::memory_order_relaxed);
  if (execution == nullptr || !in_any(execution->texts, arch::instruction_pointer(context)))
    return nullptr;
  return execution;
}

void land(Execution &execution, ucontext_t &context, Leave reason) {
  execution.leave = reason;
  arch::redirect(context, execution.stack_top(), &execution_trap_landing, &execution);
}

/// For what cannot be left now: the next safepoint or host call leaves, or a later signal. (That
/// one must not be told apart: it may stand for another one that came while it was pending.)
void remember(ThreadState &thread, const Execution &execution) {
  pending_flag(execution.instance).store(1, std::memory_order_seq_cst);
  if (!execution.polled)
    thread.retry.arm(monotonic_ns() + kRetryNs);
}

/// Perhaps goes on on another thread, whose signal stack the end of the handler must not replace by
/// that of the thread where it began.
void leave_in_handler(Execution &execution, ucontext_t &context) {
  execution_leave_from_handler(execution);
  context.uc_stack.ss_sp = execution.thread->signal_stack;
  context.uc_stack.ss_size = execution.thread->signal_stack_bytes;
  context.uc_stack.ss_flags = 0;
}

void on_fault(int signal, siginfo_t *info, void *raw_context) {
  auto &context = *static_cast<ucontext_t *>(raw_context);
  Execution *execution = info->si_code > 0 ? running_in_text(context) : nullptr;
  if (execution == nullptr && is_host_entry(*info, context))
    execution = thread_state()->current.load(std::memory_order_relaxed);
  if (execution == nullptr) {
    chain(signal, info, raw_context);
    return;
  }
  if (is_failed_frame(*execution, *info, context)) {
    if (execution->kill_seen())
      land(*execution, context, Leave::killed);
    else
      remember(*execution->thread, *execution);
    return;
  }
  const uint32_t kind = classify(*execution, *info);
  if (kind == SLEDGE_TRAP_NONE) {
    chain(signal, info, raw_context);
    return;
  }
  execution->trap_kind = kind;
  land(*execution, context, Leave::trapped);
}

} // namespace
} // namespace sledge

using namespace sledge;

// Runs on the stack of what it interrupts, so that a sandbox can be left with its frame on it.
extern "C" void sledge_on_preempt(int signal, siginfo_t *info, void *raw_context) {
  ThreadState *thread = thread_state();
  if (thread == nullptr) {
    chain(signal, info, raw_context);
    return;
  }
  Execution *execution = thread->current.load(std::memory_order_relaxed);
  if (execution == nullptr) {
    thread->signalled.store(true, std::memory_order_relaxed);
    return;
  }
  auto &context = *static_cast<ucontext_t *>(raw_context);
  if (in_any(execution->texts, arch::instruction_pointer(context))) {
    leave_in_handler(*execution, context);
    return;
  }
  const int saved_errno = errno;
  remember(*thread, *execution);
  errno = saved_errno;
}

// Runs on the signal stack: what is left of the sandbox's own is too little to leave it there.
extern "C" void sledge_on_preempt_cramped(int, siginfo_t *, void *raw_context) {
  auto &context = *static_cast<ucontext_t *>(raw_context);
  ThreadState &thread = *thread_state();
  Execution *execution = thread.current.load(std::memory_order_relaxed);
  if (execution == nullptr)
    return;
  const int saved_errno = errno;
  if (in_any(execution->texts, arch::instruction_pointer(context)) && execution->kill_seen())
    land(*execution, context, Leave::killed);
  else
    remember(thread, *execution);
  errno = saved_errno;
}

namespace sledge {
namespace {

bool install(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  // A preemption on top of a fault handler would leave the signal stack in use.
  sigaddset(&action.sa_mask, kPreemptSignal);
  struct sigaction previous {};
  if (sigaction(signal, nullptr, &previous) != 0)
    return false;
  const bool is_ours = (previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction == handler;
  if (!is_ours)
    previous_actions[signal] = previous;
  return is_ours || sigaction(signal, &action, nullptr) == 0;
}

} // namespace

bool install_signal_handlers(ModuleLoadError &error) {
  static constinit std::mutex lock;
  static constinit bool installed = false;
  const std::lock_guard guard(lock);
  if (installed)
    return true;
  signal_frame_bytes = getauxval(AT_MINSIGSTKSZ);
  bool done = install(kPreemptSignal, &sledge_preempt_entry, 0);
  for (int signal : kFaultSignals)
    done = done && install(signal, &on_fault, SA_ONSTACK);
  if (!done)
    error = {SLEDGE_ERR_NATIVE_SIGNALS, strerror(errno)};
  installed = done;
  return done;
}

void signal_thread(int32_t thread_id) {
  syscall(SYS_tgkill, getpid(), thread_id, kPreemptSignal);
}

} // namespace sledge
