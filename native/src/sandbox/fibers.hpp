// fibers.hpp - tells the sanitizers about changes of stack; nothing in other builds.
#pragma once
#include "sandbox/execution.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace sledge::fibers {

#if defined(__SANITIZE_ADDRESS__)

inline void thread_entered(ThreadState &) {}
inline void prepare(Execution &execution) {
  // Frames cut off by a trap or a kill have left their red zones.
  ASAN_UNPOISON_MEMORY_REGION(execution.stack->stack_bottom(), execution.stack->stack_bytes());
  execution.fake_stack = nullptr;
}
inline void discard(Execution &) {}
inline void leaving_to_execution(Execution &execution, ThreadState &thread) {
  __sanitizer_start_switch_fiber(&thread.worker_fiber, execution.stack->stack_bottom(),
                                 execution.stack->stack_bytes());
}
inline void arrived_at_execution(Execution &execution, ThreadState &thread) {
  __sanitizer_finish_switch_fiber(execution.fake_stack, &thread.worker_stack,
                                  &thread.worker_stack_bytes);
}
inline void leaving_to_worker(Execution &execution, ThreadState &thread) {
  __sanitizer_start_switch_fiber(&execution.fake_stack, thread.worker_stack,
                                 thread.worker_stack_bytes);
}
inline void arrived_at_worker(ThreadState &thread) {
  __sanitizer_finish_switch_fiber(thread.worker_fiber, nullptr, nullptr);
}

#elif defined(__SANITIZE_THREAD__)

inline void thread_entered(ThreadState &thread) {
  thread.worker_fiber = nullptr;
}
inline void discard(Execution &execution) {
  if (execution.fiber != nullptr)
    __tsan_destroy_fiber(execution.fiber);
  execution.fiber = nullptr;
}
inline void prepare(Execution &execution) {
  discard(execution);
  execution.fiber = __tsan_create_fiber(0);
}
inline void leaving_to_execution(Execution &execution, ThreadState &thread) {
  thread.worker_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(execution.fiber, 0);
}
inline void arrived_at_execution(Execution &, ThreadState &) {}
inline void leaving_to_worker(Execution &, ThreadState &thread) {
  __tsan_switch_to_fiber(thread.worker_fiber, 0);
}
inline void arrived_at_worker(ThreadState &) {}

#else

inline void thread_entered(ThreadState &) {}
inline void prepare(Execution &) {}
inline void discard(Execution &) {}
inline void leaving_to_execution(Execution &, ThreadState &) {}
inline void arrived_at_execution(Execution &, ThreadState &) {}
inline void leaving_to_worker(Execution &, ThreadState &) {}
inline void arrived_at_worker(ThreadState &) {}

#endif

} // namespace sledge::fibers
