// worker_ask.cpp - how others ask a worker to leave what it runs.
#include <algorithm>

#include "dataplane/worker.hpp"

namespace sledge::dataplane {

uint64_t Worker::interrupt(uint64_t request_id, uint64_t now_ns) {
  asked_ns_.store(now_ns, std::memory_order_relaxed);
  wanted_.store(request_id, std::memory_order_seq_cst);
  const uint32_t index = current_.load(std::memory_order_seq_cst);
  if (index == no_invocation) {
    return UINT64_MAX; // it sees `wanted` before it runs anything
  }
  if (only_signals_reach_it()) {
    const uint64_t since_ns = now_ns - signalled_ns_.load(std::memory_order_relaxed);
    if (running_id_.load(std::memory_order_relaxed) == request_id &&
        since_ns >= options_.preemption.signal_interval_min_ns && !timer_answers(now_ns)) {
      signal(now_ns);
    }
    return now_ns + options_.preemption.grace_ns;
  }
  if (Sandbox *sandbox = shared_.table.at(index).sandbox.load(std::memory_order_acquire)) {
    sandbox->request_leave();
  }
  return now_ns + options_.preemption.look_ns();
}

/// Its timer has just sent a signal for the same reason.
bool Worker::timer_answers(uint64_t now_ns) const {
  const uint64_t timer_ns = timer_ns_.load(std::memory_order_relaxed);
  return timer_ns != 0 && now_ns - timer_ns < options_.preemption.grace_ns;
}

void Worker::signal(uint64_t now_ns) {
  signalled_ns_.store(now_ns, std::memory_order_relaxed);
  counters_.signals.fetch_add(1, std::memory_order_relaxed);
  shared_.runtime.signal_thread(thread_id_.load(std::memory_order_relaxed));
}

void Worker::hasten(uint32_t index, uint64_t now_ns) {
  asked_ns_.store(now_ns, std::memory_order_relaxed);
  if (current_.load(std::memory_order_seq_cst) == index && only_signals_reach_it()) {
    signal(now_ns);
  }
}

bool Worker::has_interrupt() const {
  const uint64_t wanted = wanted_.load(std::memory_order_seq_cst);
  return wanted != 0 && wanted == running_id_.load(std::memory_order_relaxed);
}

bool Worker::ignores_interrupt(uint64_t now_ns) const {
  return has_interrupt() &&
         asked_ns_.load(std::memory_order_relaxed) + options_.preemption.grace_ns <= now_ns;
}

uint64_t Worker::insist(bool killed, uint64_t now_ns) {
  const PreemptionOptions &preemption = options_.preemption;
  if (!killed && !has_interrupt()) {
    return UINT64_MAX;
  }
  const bool at_once = only_signals_reach_it() && !killed && !timer_answers(now_ns);
  const uint64_t grace_ns = at_once ? 0 : preemption.grace_ns;
  const uint64_t due_ns = std::max(asked_ns_.load(std::memory_order_relaxed) + grace_ns,
                                   signalled_ns_.load(std::memory_order_relaxed) +
                                       std::max(grace_ns, preemption.signal_interval_min_ns));
  if (due_ns > now_ns) {
    return due_ns;
  }
  signal(now_ns);
  return now_ns + std::max(preemption.grace_ns, preemption.signal_interval_min_ns);
}

} // namespace sledge::dataplane
