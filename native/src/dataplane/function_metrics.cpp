#include "dataplane/function_metrics.hpp"

#include <algorithm>

namespace sledge::dataplane {

double memory_byte_seconds_of(const Invocation &invocation) {
  constexpr double ns_per_s = 1e9;
  return static_cast<double>(invocation.memory_bytes) *
         static_cast<double>(invocation.end_ns - invocation.start_ns) / ns_per_s;
}

/// What has never started has only a sojourn time.
void FunctionMetrics::count_end(const Invocation &invocation) {
  const bool has_deadline = invocation.deadline_ns != SLEDGE_NO_DEADLINE;
  const bool late = has_deadline && invocation.end_ns > invocation.deadline_ns;
  ended[static_cast<size_t>(invocation.status)].add(1);
  deadlines_missed.add(late ? 1 : 0);
  deadlines_met.add(has_deadline && !late && invocation.status == Status::completed ? 1 : 0);
  const uint64_t took_ns = invocation.end_ns - invocation.arrival_ns;
  sojourn_ns.add(took_ns);
  if (invocation.start_ns == 0 || invocation.run_ns == 0) {
    return;
  }
  const uint64_t used_ns = invocation.run_ns;
  preemptions.add(invocation.preemptions);
  run_ns.add(used_ns);
  memory_byte_seconds.add(memory_byte_seconds_of(invocation));
  if (invocation.status == Status::completed && invocation.noted.estimate_ns != 0) {
    const uint64_t expected_ns = invocation.noted.estimate_ns;
    estimate_ns.add(expected_ns);
    estimate_error_ns.add(std::max(expected_ns, used_ns) - std::min(expected_ns, used_ns));
  }
  wait_ns.add(invocation.start_ns - invocation.arrival_ns);
  service_ns.add(used_ns);
  slowdown.add(std::max(took_ns, used_ns) * slowdown_unit / used_ns);
}

bool FunctionMetrics::is_empty() const {
  const auto is_zero = [](const OwnCounter &count) { return count.value() == 0; };
  return is_zero(accepted) && std::all_of(rejected.begin(), rejected.end(), is_zero);
}

void FunctionMetrics::add_to(std::span<double, numbers> sums) const {
  double *to = sums.data();
  const auto add = [&to](const auto &number) { *to++ += static_cast<double>(number.value()); };
  add(accepted);
  add(deadlines_met);
  add(deadlines_missed);
  add(preemptions);
  add(run_ns);
  add(memory_byte_seconds);
  add(estimate_ns);
  add(estimate_error_ns);
  std::for_each(ended.begin(), ended.end(), add);
  std::for_each(rejected.begin(), rejected.end(), add);
  for (const LogHistogram *histogram : {&sojourn_ns, &wait_ns, &service_ns, &slowdown}) {
    *to++ += static_cast<double>(histogram->sum());
    for (uint32_t cell = 0; cell < LogHistogram::cells; cell++) {
      *to++ += static_cast<double>(histogram->count(cell));
    }
  }
}

void FunctionMetrics::clear() {
  for (OwnCounter *count : {&accepted, &deadlines_met, &deadlines_missed, &preemptions, &run_ns,
                            &estimate_ns, &estimate_error_ns}) {
    count->clear();
  }
  memory_byte_seconds.clear();
  for (OwnCounter &count : ended) {
    count.clear();
  }
  for (OwnCounter &count : rejected) {
    count.clear();
  }
  for (LogHistogram *histogram : {&sojourn_ns, &wait_ns, &service_ns, &slowdown}) {
    histogram->clear();
  }
}

} // namespace sledge::dataplane
