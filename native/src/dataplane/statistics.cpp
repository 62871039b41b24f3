#include "dataplane/data_plane.hpp"

namespace sledge::dataplane {

namespace {

double number(uint64_t value) {
  return static_cast<double>(value);
}

/// Of what is shown here.
void add(EngineCounters &to, const EngineCounters &of) {
  to.held += of.held;
  to.queued += of.queued;
  to.running += of.running;
  to.blocked += of.blocked;
  to.interrupts += of.interrupts;
  to.overdue_runs += of.overdue_runs;
  to.wakes += of.wakes;
}

/// Linear memory of what runs for all tenants.
uint64_t memory_of(const std::array<std::unique_ptr<Tenant>, tenant_count_max> &tenants) {
  uint64_t bytes = 0;
  for (const auto &tenant : tenants) {
    bytes += tenant != nullptr ? tenant->shared_memory()->used_bytes() : 0;
  }
  return bytes;
}

struct WorkerSums {
  uint64_t runs = 0;
  uint64_t flushes = 0;
  uint64_t spins = 0;
  uint64_t sleeps = 0;
  uint64_t preemptions = 0;
  uint64_t signals = 0;
  uint64_t slot_waits = 0;
  uint64_t idle = 0;
};

WorkerSums sum_of(const std::vector<std::unique_ptr<Worker>> &workers) {
  WorkerSums sums;
  for (const auto &worker : workers) {
    const WorkerCounters &counters = worker->counters();
    sums.runs += counters.runs.load(std::memory_order_relaxed);
    sums.flushes += counters.flushes.load(std::memory_order_relaxed);
    sums.spins += counters.spins.load(std::memory_order_relaxed);
    sums.sleeps += counters.sleeps.load(std::memory_order_relaxed);
    sums.preemptions += counters.preemptions.load(std::memory_order_relaxed);
    sums.signals += counters.signals.load(std::memory_order_relaxed);
    sums.slot_waits += counters.slot_waits.load(std::memory_order_relaxed);
    sums.idle += counters.idle.load(std::memory_order_relaxed);
  }
  return sums;
}

} // namespace

DataPlane::IntakeSums DataPlane::intake_sums() {
  IntakeSums sums;
  for (uint32_t at = 0; at < intake_count_.load(std::memory_order_acquire); at++) {
    const Intake &intake = intake_at(at);
    const IntakeCounters &counters = intake.counters();
    sums.accepted += counters.accepted.value();
    sums.met += counters.deadlines_met.value();
    sums.missed += counters.deadlines_missed.value();
    sums.wakeups += intake.wakeups();
    for (size_t why = 0; why < rejection_count; why++) {
      sums.rejected[why] += counters.rejected[why].value();
    }
    for (size_t status = 0; status < status_count; status++) {
      sums.ended[status] += counters.ended[status].value();
    }
  }
  return sums;
}

std::vector<Statistic> DataPlane::statistics() {
  EngineCounters engine;
  uint64_t migrations = 0;
  for (uint32_t group = 0; group < groups_.count(); group++) {
    add(engine, groups_.at(group).counters());
    migrations += groups_.at(group).migrations();
  }
  const IntakeSums intakes = intake_sums();
  const auto &[accepted, met, missed, wakeups, rejected, ended] = intakes;
  const ArenaStats arena = runtime_->stats();
  const ModuleCacheCounters modules = modules_.counters();
  const WorkerSums sums = sum_of(workers_);
  std::vector<Statistic> all{
      {"accepted", number(accepted)},
      {"inFlight", number(in_flight())},
      {"queued", number(engine.held + engine.queued)},
      {"running", number(engine.running)},
      {"blocked", number(engine.blocked)},
      {"tenantMemoryBytes", number(memory_of(tenants_))},
      {"workers", number(groups_.worker_count())},
      {"workersIdle", number(sums.idle)},
      {"slotsTotal", number(arena.slots)},
      {"slotsUsed", number(arena.in_use)},
      {"slotsWarm", number(arena.warm)},
      {"replyLagNs", number(own_.reply_ns(now_ns()))},
      {"slotsScrubbing", number(arena.scrubbing)},
      {"slotRebinds", number(arena.rebinds)},
      {"slotWaits", number(sums.slot_waits)},
      {"janitorResets", number(arena.janitor_resets)},
      {"modulesLoaded", number(modules.loaded)},
      {"moduleLoads", number(modules.loads)},
      {"moduleUnloads", number(modules.unloads)},
      {"moduleLoadFailures", number(modules.failures)},
      {"runs", number(sums.runs)},
      {"preemptions", number(sums.preemptions)},
      {"migrations", number(migrations)},
      {"signals", number(sums.signals)},
      {"signalIntervalMinNs", number(options_.preemption.signal_interval_min_ns)},
      {"interrupts", number(engine.interrupts)},
      {"overdueRuns", number(engine.overdue_runs)},
      {"deadlinesMet", number(met)},
      {"deadlinesMissed", number(missed)},
      {"outcomeFlushes", number(sums.flushes)},
      {"outcomeWakeups", number(wakeups)},
      {"workerWakes", number(engine.wakes)},
      {"idleSpins", number(sums.spins)},
      {"idleSleeps", number(sums.sleeps)},
      {"watchdogLooks", number(watchdog_.looks())},
      {"traceEventsLost", number(recorder_ != nullptr ? recorder_->events_lost() : 0)},
      {"perfRowsLost", number(recorder_ != nullptr ? recorder_->completions_lost() : 0)},
  };
  static constexpr std::array<const char *, status_count> ended_names{
      "endedCompleted",   "endedExited",    "endedTrapped", "endedTimedOut",
      "endedOutputLimit", "endedCancelled", "endedDropped", "endedFailed"};
  static constexpr std::array<const char *, rejection_count> rejected_names{
      "rejectedDraining",    "rejectedFunctionGone",   "rejectedMalformed",
      "rejectedConcurrency", "rejectedFunctionQueue",  "rejectedTenantConcurrency",
      "rejectedTenantQueue", "rejectedMaxInvocations", "rejectedQueueFull",
      "rejectedNoMemory",    "rejectedNotAdmitted",    "rejectedTenantRate",
      "rejectedTenantCpu",   "rejectedTenantShare"};
  for (size_t at = 0; at < ended_names.size(); at++) {
    all.push_back({ended_names[at], number(ended[at])});
  }
  for (size_t at = 0; at < rejected_names.size(); at++) {
    all.push_back({rejected_names[at], number(rejected[at])});
  }
  return all;
}

std::vector<Statistic> DataPlane::tenant_statistics(uint32_t id) {
  const Tenant *tenant = id < tenant_count_max ? tenants_[id].get() : nullptr;
  if (tenant == nullptr) {
    return {};
  }
  return {
      {"inFlight", number(tenant->alive())},
      {"queued", number(tenant->queued())},
      {"memoryBytes", number(tenant->shared_memory()->used_bytes())},
      {"idleMemoryBytes", number(tenant->shared_memory()->resting_bytes())},
      {"shareMax", number(tenant->share_of(queue_max_ - std::min(in_flight(), queue_max_)))},
      {"ended", number(tenant->use().ended)},
      {"deadlinesMissed", number(tenant->use().deadlines_missed)},
      {"runNs", number(tenant->use().run_ns)},
      {"memoryByteSeconds", tenant->use().memory_byte_seconds.load(std::memory_order_relaxed)},
  };
}

std::vector<Statistic> DataPlane::function_statistics(uint32_t id) {
  const Function *function = functions_.find(id);
  if (function == nullptr) {
    return {};
  }
  const FunctionCounters &counters = function->counters;
  return {
      {"completedInTime", number(counters.completed_in_time)},
      {"completedLate", number(counters.completed_late)},
      {"completedWithoutDeadline", number(counters.completed_without_deadline)},
      {"endedByDeadline", number(counters.ended_by_deadline)},
      {"endedOtherwise", number(counters.ended_otherwise)},
      {"inFlight", number(function->alive.load(std::memory_order_relaxed))},
      {"queued", number(function->queued.load(std::memory_order_relaxed))},
      {"runMeanNs", number(function->run_mean_ns.load(std::memory_order_relaxed))},
  };
}

} // namespace sledge::dataplane
