#include "lab/simulation.hpp"

#include <algorithm>

namespace sledge::lab {
namespace {

constexpr uint64_t progress_every = 1 << 16;
constexpr uint64_t never_ns = WorkerTimers::never_ns;

uint32_t per_group(uint32_t total, uint32_t groups) {
  return (total + groups - 1) / groups;
}

} // namespace

bool Simulation::check(const SimulationSpec &spec, std::string &reason) {
  if (!spec.workload.check(reason))
    return false;
  const bool divides = spec.group_count >= 1 && spec.worker_count >= spec.group_count &&
                       spec.worker_count % spec.group_count == 0;
  if (!divides) {
    reason = "the workers are not a multiple of the groups";
    return false;
  }
  if (!(spec.costs.inflation >= 0 && spec.costs.inflation <= 10)) {
    reason = "the share of the polls is out of its range";
    return false;
  }
  return true;
}

std::unique_ptr<Engine> Simulation::make_engine(const SimulationSpec &spec, uint32_t group,
                                                GroupPolicies policies, PolicyError &error) {
  EngineConfig config;
  config.worker_count = spec.worker_count / spec.group_count;
  config.request_count_max = per_group(spec.request_count_max, spec.group_count);
  config.queue_length_max = spec.queue_length_max;
  config.preemption = spec.preemption;
  config.migration = spec.migration;
  config.seed = spec.workload.seed + group;
  config.terms = spec.terms;
  for (sledge_tenant_terms &terms : config.terms)
    terms.budget_ns /= spec.group_count;
  auto engine =
      Engine::make(config, std::move(policies.dispatcher), std::move(policies.scheduler), error);
  if (engine != nullptr) {
    engine->swap_estimator(std::move(policies.estimator));
    engine->swap_admission(std::move(policies.admission));
  }
  return engine;
}

std::unique_ptr<Simulation> Simulation::make(const SimulationSpec &spec,
                                             std::vector<GroupPolicies> policies,
                                             PolicyError &error) {
  error.code = SLEDGE_ERR_NATIVE_ARGUMENT;
  if (!check(spec, error.reason))
    return nullptr;
  if (policies.size() != spec.group_count) {
    error.reason = "each group needs its policies";
    return nullptr;
  }
  std::vector<std::unique_ptr<Engine>> engines;
  for (uint32_t group = 0; group < spec.group_count; group++) {
    engines.push_back(make_engine(spec, group, std::move(policies[group]), error));
    if (engines.back() == nullptr)
      return nullptr;
  }
  error = {};
  return std::unique_ptr<Simulation>(new Simulation(spec, std::move(engines)));
}

Simulation::Simulation(const SimulationSpec &spec, std::vector<std::unique_ptr<Engine>> engines)
    : spec_(spec), workload_(spec_.workload), spread_(spec.workload.seed, 3),
      groups_(spec.group_count), workers_(spec.worker_count), timers_(spec.worker_count),
      doors_(spec.group_count), actions_(2 * size_t{spec.worker_count}),
      per_group_(spec.worker_count / spec.group_count), classes_(spec.workload.classes.size()),
      record_(spec.record_max), series_(spec.series) {
  for (uint32_t at = 0; at < groups_.size(); at++) {
    Group &group = groups_[at];
    group.engine = std::move(engines[at]);
    group.alive.resize(group.engine->pool().capacity());
    group.first_worker = at * per_group_;
    for (uint32_t w = 0; w < per_group_; w++)
      workers_[group.first_worker + w].group = at;
  }
}

uint64_t Simulation::tick_due_ns(const Group &group) const {
  const uint64_t due_ns = group.engine->next_tick_ns();
  const uint64_t step_ns = spec_.costs.timer_ns;
  if (step_ns == 0 || due_ns == never_ns)
    return due_ns;
  return (due_ns + step_ns - 1) / step_ns * step_ns;
}

void Simulation::refresh_group(Group &group) {
  const uint64_t enter_ns = group.door.empty() ? never_ns : group.door.front().enter_ns;
  doors_.set(static_cast<uint32_t>(&group - groups_.data()),
             std::min(tick_due_ns(group), enter_ns));
}

void Simulation::advance(uint64_t to_ns) {
  if (to_ns <= now_ns_)
    return;
  const double step_ns = static_cast<double>(to_ns - now_ns_);
  const double in_system = static_cast<double>(in_system_) * step_ns;
  const double busy = static_cast<double>(busy_) * step_ns;
  totals_.in_system_area += in_system;
  totals_.busy_area += busy;
  if (in_window_) {
    window_.in_system_area += in_system;
    window_.busy_area += busy;
  }
  now_ns_ = to_ns;
}

void Simulation::begin_window() {
  in_window_ = true;
  window_.from_ns = window_.to_ns = now_ns_;
}

void Simulation::end_window() {
  in_window_ = false;
  window_.to_ns = now_ns_;
}

/// A tick, or the first at the door enters.
void Simulation::group_event(uint32_t at) {
  Group &group = groups_[at];
  const uint64_t enter_ns = group.door.empty() ? never_ns : group.door.front().enter_ns;
  if (tick_due_ns(group) <= enter_ns) {
    group.engine->tick(now_ns_);
  } else {
    const Waiting first = group.door.front();
    group.door.pop_front();
    enter(group, first.job, first.number);
  }
  settle(group);
}

void Simulation::step() {
  advance(due_ns());
  totals_.events++;
  totals_.end_ns = now_ns_;
  if (timers_.earliest_ns() <= now_ns_)
    worker_event(timers_.earliest_worker());
  else
    group_event(doors_.earliest_worker());
}

bool Simulation::run(const std::function<bool(uint64_t)> &progress) {
  Job job;
  bool more = workload_.next(job);
  for (;;) {
    const uint64_t arrival_ns = more ? job.arrival_ns : never_ns;
    const uint64_t own_ns = due_ns();
    if (own_ns == never_ns && !more)
      break;
    if (own_ns <= arrival_ns) {
      step();
      continue;
    }
    advance(arrival_ns);
    totals_.events++;
    if (!in_window_ && is_measured(number_ + 1))
      begin_window();
    arrive(job);
    more = workload_.next(job);
    if (!more)
      end_window();
    if (number_ % progress_every == 0 && progress && !progress(number_))
      return false;
  }
  totals_.end_ns = now_ns_;
  return true;
}

} // namespace sledge::lab
