// context.hpp - the machine's part of running on another stack. x86_64, System V ABI.
#pragma once
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ucontext.h>

extern "C" {
void sledge_context_switch(void **save_sp, void *load_sp);
void sledge_context_entry();
/// The handler of the preempt signal; goes on in one of the next two (signals.cpp).
void sledge_preempt_entry(int signal, siginfo_t *info, void *context);
void sledge_on_preempt(int signal, siginfo_t *info, void *context)
    __attribute__((visibility("hidden")));
void sledge_on_preempt_cramped(int signal, siginfo_t *info, void *context)
    __attribute__((visibility("hidden")));
}

namespace sledge::arch {

using ContextFunction = void (*)(void *);

/// Lays out a stack whose first switch-to calls function(argument); the function never returns.
inline void *prepare_context(uint8_t *stack_top, ContextFunction function, void *argument) {
  const auto top = reinterpret_cast<uintptr_t>(stack_top) & ~uintptr_t{15};
  // Order of sledge_context_switch's pops: r15 r14 r13 r12 rbx rbp, and the return address.
  const uintptr_t frame[7] = {0,
                              0,
                              reinterpret_cast<uintptr_t>(function),
                              reinterpret_cast<uintptr_t>(argument),
                              0,
                              0,
                              reinterpret_cast<uintptr_t>(&sledge_context_entry)};
  void *sp = reinterpret_cast<void *>(top - 16 - sizeof frame);
  memcpy(sp, frame, sizeof frame);
  return sp;
}

inline uintptr_t instruction_pointer(const ucontext_t &context) {
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
}

inline uintptr_t stack_pointer(const ucontext_t &context) {
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
}

/// Makes the interrupted code go on in function(argument) at the top of a stack.
inline void redirect(ucontext_t &context, uint8_t *stack_top, ContextFunction function,
                     void *argument) {
  constexpr greg_t kDirectionAndTrapFlags = 0x500;
  auto *gregs = context.uc_mcontext.gregs;
  const auto top = reinterpret_cast<uintptr_t>(stack_top) & ~uintptr_t{15};
  memset(reinterpret_cast<void *>(top - 16), 0, 16);
  gregs[REG_RSP] = static_cast<greg_t>(top - 8);
  gregs[REG_RIP] = reinterpret_cast<greg_t>(function);
  gregs[REG_RDI] = reinterpret_cast<greg_t>(argument);
  gregs[REG_RBP] = 0;
  gregs[REG_EFL] &= ~kDirectionAndTrapFlags;
}

/// After foreign code was cut off anywhere: empty x87 stack, default rounding and masks.
inline void reset_float_state() {
  const uint32_t mxcsr_default = 0x1f80;
  asm volatile("fninit\n\tldmxcsr %0" ::"m"(mxcsr_default));
}

inline void spin_pause() {
  __builtin_ia32_pause();
}

} // namespace sledge::arch
