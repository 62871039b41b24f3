// metrics.cpp - numbers of the data plane by function, worker and group, for whoever asks.
#include "dataplane/data_plane.hpp"

#include <algorithm>
#include <ctime>

namespace sledge::dataplane {

namespace {

double as_number(uint64_t value) {
  return static_cast<double>(value);
}

double as_number(const std::atomic<uint64_t> &value) {
  return as_number(value.load(std::memory_order_relaxed));
}

} // namespace

uint64_t Worker::cpu_ns() const {
  constexpr uint64_t ns_per_s = 1'000'000'000;
  clockid_t clock{};
  timespec used{};
  if (!joinable_ || pthread_getcpuclockid(thread_, &clock) != 0 ||
      clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return static_cast<uint64_t>(used.tv_sec) * ns_per_s + static_cast<uint64_t>(used.tv_nsec);
}

bool DataPlane::function_metrics(uint32_t id, std::span<double, FunctionMetrics::numbers> numbers) {
  std::fill(numbers.begin(), numbers.end(), 0.0);
  bool found = false;
  for (uint32_t at = 0; at < intake_count_.load(std::memory_order_acquire); at++) {
    if (const FunctionMetrics *metrics = intake_at(at).metrics_of(id)) {
      metrics->add_to(numbers);
      found = true;
    }
  }
  return found;
}

void DataPlane::add_function_metrics(uint32_t id,
                                     std::span<double, FunctionMetrics::numbers + 2> sums) {
  Function *function = functions_.find(id);
  if (function == nullptr) {
    return;
  }
  for (uint32_t at = 0; at < intake_count_.load(std::memory_order_acquire); at++) {
    if (const FunctionMetrics *metrics = intake_at(at).metrics_of(id)) {
      metrics->add_to(sums.first<FunctionMetrics::numbers>());
    }
  }
  sums[FunctionMetrics::numbers] += function->alive.load(std::memory_order_relaxed);
  sums[FunctionMetrics::numbers + 1] += function->queued.load(std::memory_order_relaxed);
}

std::vector<uint32_t> DataPlane::counted_functions() {
  std::vector<uint32_t> called;
  const uint32_t intakes = intake_count_.load(std::memory_order_acquire);
  for (uint32_t id = 0; id < functions_.size(); id++) {
    for (uint32_t at = 0; at < intakes; at++) {
      const FunctionMetrics *metrics = intake_at(at).metrics_of(id);
      if (metrics != nullptr && !metrics->is_empty()) {
        called.push_back(id);
        break;
      }
    }
  }
  return called;
}

void DataPlane::keep_events(bool keeps) {
  for (uint32_t group = 0; group < groups_.count(); group++) {
    groups_.at(group).keep_events(keeps);
  }
}

std::vector<WorkerMetrics> DataPlane::worker_metrics() {
  std::vector<uint32_t> queued;
  for (uint32_t group = 0; group < groups_.count(); group++) {
    groups_.at(group).add_queue_lengths(queued);
  }
  std::vector<WorkerMetrics> all;
  for (const auto &worker : workers_) {
    const WorkerCounters &counters = worker->counters();
    const auto at = static_cast<uint32_t>(all.size());
    all.push_back(
        {as_number(groups_.group_of(at)), as_number(queued[at]), as_number(counters.runs),
         as_number(counters.preemptions), as_number(counters.signals), as_number(counters.run_ns),
         as_number(worker->cpu_ns()), as_number(counters.idle.load(std::memory_order_relaxed)),
         as_number(counters.slot_waits), as_number(counters.spins), as_number(counters.sleeps)});
  }
  return all;
}

std::vector<GroupMetrics> DataPlane::group_metrics() {
  std::vector<GroupMetrics> all;
  for (uint32_t group = 0; group < groups_.count(); group++) {
    const EngineCounters counters = groups_.at(group).counters();
    all.push_back({as_number(counters.held), as_number(counters.queued),
                   as_number(counters.running), as_number(counters.blocked),
                   as_number(counters.interrupts), as_number(counters.overdue_runs),
                   as_number(counters.wakes), as_number(groups_.at(group).migrations()),
                   as_number(counters.accepted), as_number(counters.refused)});
  }
  return all;
}

} // namespace sledge::dataplane
