#include "dataplane/intake.hpp"

#include <new>
#include <sched.h>

namespace sledge::dataplane {

Intake::~Intake() {
  for (uint32_t id = 0; id < function_count_max; id++) {
    delete metrics_[id].load(std::memory_order_relaxed);
  }
}

/// Null: there is no memory, and nothing is counted.
FunctionMetrics *Intake::make_metrics(uint32_t id) {
  auto *metrics = new (std::nothrow) FunctionMetrics();
  metrics_[id].store(metrics, std::memory_order_release);
  return metrics;
}

void Intake::close() {
  open_.store(false, std::memory_order_seq_cst);
  while (submitting_.load(std::memory_order_seq_cst)) {
    sched_yield();
  }
}

Invocation *Intake::reap() {
  if (reaped_next_ == no_invocation) {
    reaped_next_ = inbox_.take_all();
    if (reaped_next_ == no_invocation) {
      return nullptr;
    }
  }
  Invocation &invocation = table_.at(reaped_next_);
  reaped_next_ = invocation.next.load(std::memory_order_relaxed);
  count_end(invocation);
  if (FunctionMetrics *metrics = metrics_for(*invocation.function)) {
    metrics->count_end(invocation);
  }
  if (Tenant *tenant = invocation.function->tenant) {
    tenant->charge_cpu(invocation.end_ns, invocation.run_ns);
    tenant->count_end(invocation.end_ns > invocation.deadline_ns, invocation.run_ns,
                      invocation.start_ns == 0 ? 0 : memory_byte_seconds_of(invocation));
  }
  invocation.function->count_reaped();
  alive_.store(alive() - 1, std::memory_order_release);
  return &invocation;
}

void Intake::count_end(const Invocation &invocation) {
  FunctionCounters &counters = invocation.function->counters;
  const bool has_deadline = invocation.deadline_ns != SLEDGE_NO_DEADLINE;
  const bool late = has_deadline && invocation.end_ns > invocation.deadline_ns;
  counters_.ended[static_cast<size_t>(invocation.status)].add(1);
  counters_.deadlines_missed.add(late ? 1 : 0);
  std::atomic<uint64_t> *ended = &counters.ended_otherwise;
  if (invocation.status == Status::completed) {
    counters_.deadlines_met.add(has_deadline && !late ? 1 : 0);
    ended = late           ? &counters.completed_late
            : has_deadline ? &counters.completed_in_time
                           : &counters.completed_without_deadline;
  } else if (invocation.detail == SLEDGE_ERR_INVOKE_DEADLINE) {
    ended = &counters.ended_by_deadline;
  }
  ended->fetch_add(1, std::memory_order_relaxed);
}

} // namespace sledge::dataplane
