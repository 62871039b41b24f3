// simulation_events.cpp - arrivals, ends, wake-ups and preemptions, with what they cost.
#include <algorithm>

#include "lab/simulation.hpp"

namespace sledge::lab {
namespace {

constexpr uint64_t never_ns = WorkerTimers::never_ns;
constexpr uint8_t dropped_status = 6; // as the data plane numbers outcomes

} // namespace

void Simulation::arrive(const Job &job) {
  const uint64_t number = ++number_;
  if (in_window_)
    window_.arrived++;
  uint32_t at = 0;
  if (groups_.size() > 1)
    at = static_cast<uint32_t>((spec_.spread == Spread::random ? spread_.next() >> 16 : number) %
                               groups_.size());
  Group &group = groups_[at];
  if (is_measured(number)) {
    classes_[job.type].arrived++;
    if (job.deadline_ns != SLEDGE_NO_DEADLINE)
      classes_[job.type].with_deadline++;
  }
  approach(group, job, number);
}

void Simulation::bring(uint32_t group, const Job &job) {
  totals_.end_ns = now_ns_;
  approach(groups_[group], job, ++number_);
}

/// It is at the dispatcher's door.
void Simulation::approach(Group &group, const Job &job, uint64_t number) {
  if (spec_.costs.dispatch_ns == 0) {
    in_system_++;
    enter(group, job, number);
    settle(group);
    return;
  }
  if (group.door.size() >= group.engine->pool().capacity()) {
    in_system_++;
    refuse(group, job, number, Refusal::too_many);
    return;
  }
  in_system_++;
  group.free_ns = std::max(group.free_ns, now_ns_) + spec_.costs.dispatch_ns;
  group.door.push_back({job, number, group.free_ns});
  refresh_group(group);
}

void Simulation::refuse(Group &group, const Job &job, uint64_t number, Refusal why) {
  in_system_--;
  totals_.refused++;
  totals_.sojourn_ns += static_cast<double>(now_ns_ - job.arrival_ns);
  if (is_measured(number)) {
    const bool is_missed = job.deadline_ns != SLEDGE_NO_DEADLINE;
    ClassResult &of = classes_[job.type];
    of.refused++;
    of.missed += is_missed ? 1 : 0;
    series_.add_lost(job.arrival_ns - window_.from_ns, is_missed);
  }
  note({now_ns_, number, Happening::refuse, static_cast<uint8_t>(why), job.type});
  tell_end(group, job.tag, End::refused);
}

/// The dispatcher sees the request.
void Simulation::enter(Group &group, const Job &job, uint64_t number) {
  Request *request = group.engine->acquire();
  if (request == nullptr) {
    refuse(group, job, number, Refusal::too_many);
    return;
  }
  const RequestClass &of = spec_.workload.classes[job.type];
  const double expected_ns = of.expected_ns > 0 ? of.expected_ns : of.service.mean_ns();
  request->type = job.type;
  request->group = of.group;
  request->tenant = of.tenant;
  request->arrival_ns = job.arrival_ns;
  request->deadline_ns = job.deadline_ns;
  request->fallback_ns = std::max<uint64_t>(1, static_cast<uint64_t>(expected_ns));
  request->estimate_ns = request->fallback_ns;
  request->oracle_ns = job.service_ns;
  Alive &alive = group.alive[request->index];
  alive = {number, job.arrival_ns, job.service_ns, job.service_ns, 0, false, false, job.tag};
  if (spec_.costs.inflation > 0)
    alive.left_ns +=
        static_cast<uint64_t>(spec_.costs.inflation * static_cast<double>(job.service_ns) + 0.5);
  const Arrival answer = group.engine->arrive(request, now_ns_);
  if (answer == Arrival::accepted) {
    if (record_.on())
      note_placed(group, *request, alive);
    return;
  }
  group.engine->release(request);
  refuse(group, job, number,
         answer == Arrival::not_admitted ? Refusal::not_admitted : Refusal::queue_full);
}

void Simulation::worker_event(uint32_t worker) {
  Worker &w = workers_[worker];
  Group &group = groups_[w.group];
  if (w.end_ns <= now_ns_) {
    finish(worker);
  } else if (w.leave_ns <= now_ns_) {
    leave(worker);
  } else {
    w.wake_ns = never_ns;
    if (group.engine->running(worker - group.first_worker) == nullptr)
      take_next(worker, 0);
    refresh(worker);
  }
  settle(group);
}

/// Carries out what the engine asks for, and what follows from that.
void Simulation::settle(Group &group) {
  while (const size_t count = group.engine->take_actions(actions_)) {
    for (size_t at = 0; at < count; at++)
      act(group, actions_[at]);
  }
  refresh_group(group);
}

void Simulation::act(Group &group, const Action &action) {
  const uint32_t worker = group.first_worker + action.worker;
  const Request *running = group.engine->running(action.worker);
  if (action.kind == ActionKind::interrupt) {
    if (running != nullptr && running->id == action.request_id)
      ask_to_leave(group, worker);
    return;
  }
  if (running != nullptr)
    return;
  if (spec_.costs.wake_ns == 0) {
    take_next(worker, 0);
    return;
  }
  workers_[worker].wake_ns = now_ns_ + spec_.costs.wake_ns;
  refresh(worker);
}

/// Finds when the worker can leave: after it notices, at the next point where it may.
void Simulation::ask_to_leave(Group &group, uint32_t worker) {
  Worker &w = workers_[worker];
  const Request &running = *group.engine->running(worker - group.first_worker);
  const Alive &alive = group.alive[running.index];
  note({now_ns_, alive.number, Happening::ask, 0, running.type, worker});
  uint64_t at_ns = std::max(now_ns_ + spec_.costs.notice_ns, w.resumed_ns);
  if (const uint64_t step_ns = spec_.costs.granularity_ns; step_ns > 1) {
    const uint64_t total_ns = w.end_ns - w.resumed_ns; // counts down to a multiple of the step
    const uint64_t left_ns = total_ns - std::min(total_ns, at_ns - w.resumed_ns);
    at_ns = w.end_ns - left_ns / step_ns * step_ns;
  }
  if (at_ns >= w.end_ns)
    return; // it ends before
  w.leave_ns = at_ns;
  if (at_ns <= now_ns_)
    leave(worker);
  else
    refresh(worker);
}

/// Takes what was run since it went on off what is left of the request.
void Simulation::pause(Group &group, uint32_t worker, const Request &request) {
  Worker &w = workers_[worker];
  Alive &alive = group.alive[request.index];
  const uint64_t ran_ns = now_ns_ > w.resumed_ns ? now_ns_ - w.resumed_ns : 0;
  alive.left_ns -= std::min(alive.left_ns, ran_ns);
  alive.left_at_ns = now_ns_;
}

void Simulation::leave(uint32_t worker) {
  Worker &w = workers_[worker];
  Group &group = groups_[w.group];
  Engine &engine = *group.engine;
  const uint32_t local = worker - group.first_worker;
  Request *before = engine.running(local);
  const Alive &alive = group.alive[before->index];
  pause(group, worker, *before);
  const uint64_t quantum_ends = engine.counters().quantum_ends;
  const uint64_t overdue_runs = engine.counters().overdue_runs;
  Request *after = engine.reconsider(local, now_ns_);
  const uint64_t cost_ns = spec_.costs.interrupt_ns;
  if (after == before) {
    note({now_ns_, alive.number, Happening::stay, 0, before->type, worker});
    run_on(worker, after, now_ns_ + cost_ns);
    return;
  }
  if (record_.on()) {
    const LeaveReason why = engine.counters().quantum_ends != quantum_ends ? LeaveReason::quantum
                            : engine.counters().overdue_runs != overdue_runs
                                ? LeaveReason::overdue_share
                                : LeaveReason::rank;
    note({now_ns_, alive.number, Happening::preempt, static_cast<uint8_t>(why), before->type,
          worker, static_cast<double>(group.alive[after->index].number),
          static_cast<double>(before->run_ns)});
  }
  group.alive[before->index].has_left = true;
  run_on(worker, after, now_ns_ + cost_ns + spec_.costs.switch_ns);
}

/// The worker goes on with the request at `begin_ns`, or later if it is new.
void Simulation::run_on(uint32_t worker, Request *request, uint64_t begin_ns) {
  Worker &w = workers_[worker];
  Alive &alive = groups_[w.group].alive[request->index];
  w.leave_ns = never_ns;
  w.resumed_ns = begin_ns;
  if (!alive.started) {
    alive.started = true;
    w.resumed_ns += spec_.costs.start_ns;
    note({now_ns_, alive.number, Happening::start, 0, request->type, worker,
          static_cast<double>(now_ns_ - alive.arrival_ns)});
  } else if (alive.has_left) {
    alive.has_left = false;
    note({now_ns_, alive.number, Happening::resume, 0, request->type, worker,
          static_cast<double>(now_ns_ - alive.left_at_ns)});
  }
  w.end_ns = w.resumed_ns + alive.left_ns;
  refresh(worker);
}

void Simulation::finish(uint32_t worker) {
  Worker &w = workers_[worker];
  Group &group = groups_[w.group];
  Request *request = group.engine->finish(worker - group.first_worker, now_ns_);
  w.end_ns = w.leave_ns = never_ns;
  w.free_ns = now_ns_ + spec_.costs.finish_ns;
  in_system_--;
  busy_--;
  const uint32_t tag = group.alive[request->index].tag;
  count_finish(*request, group.alive[request->index]);
  group.engine->release(request);
  take_next(worker, spec_.costs.finish_ns);
  refresh(worker);
  tell_end(group, tag, End::finished);
}

/// The worker, which runs nothing, takes what the engine has for it.
void Simulation::take_next(uint32_t worker, uint64_t overhead_ns) {
  Worker &w = workers_[worker];
  Group &group = groups_[w.group];
  for (;;) {
    Request *request = group.engine->next(worker - group.first_worker, now_ns_);
    if (request == nullptr)
      return;
    if (drop_if_late(worker, request))
      continue;
    busy_++;
    run_on(worker, request, std::max(now_ns_ + overhead_ns, w.free_ns));
    return;
  }
}

bool Simulation::drop_if_late(uint32_t worker, Request *request) {
  const bool is_late =
      spec_.workload.classes[request->type].drop_late && request->deadline_ns < now_ns_;
  Group &group = groups_[workers_[worker].group];
  const Alive alive = group.alive[request->index];
  if (!is_late || alive.started)
    return false;
  const uint32_t type = request->type;
  const double late_ns = static_cast<double>(now_ns_ - request->deadline_ns);
  if (is_measured(alive.number)) {
    classes_[request->type].dropped++;
    classes_[request->type].missed++;
    series_.add_lost(alive.arrival_ns - window_.from_ns, true);
  }
  group.engine->discard(worker - group.first_worker, SLEDGE_REMOVED_LATE, now_ns_);
  group.engine->release(request);
  in_system_--;
  totals_.dropped++;
  const double sojourn_ns = static_cast<double>(now_ns_ - alive.arrival_ns);
  totals_.sojourn_ns += sojourn_ns;
  note({now_ns_, alive.number, Happening::drop, dropped_status, type, worker, sojourn_ns, late_ns});
  tell_end(group, alive.tag, End::dropped);
  return true;
}

void Simulation::lose(uint32_t at) {
  Group &group = groups_[at];
  while (!group.door.empty()) {
    const Waiting waiting = group.door.front();
    group.door.pop_front();
    count_lost(group, waiting.job.arrival_ns, waiting.job.tag);
  }
  lose_waiting(group);
  lose_running(group);
  while (group.engine->take_actions(actions_) != 0) {
    // whoever was to be woken or interrupted is gone
  }
  for (uint32_t local = 0; local < per_group_; local++) {
    const uint32_t worker = group.first_worker + local;
    group.engine->next(local, now_ns_);
    workers_[worker] = {.free_ns = now_ns_, .group = at};
    refresh(worker);
  }
  group.free_ns = now_ns_;
  totals_.end_ns = now_ns_;
  refresh_group(group);
}

void Simulation::lose_waiting(Group &group) {
  RequestPool &pool = group.engine->pool();
  for (uint32_t index = 0; index < pool.capacity() && pool.in_use() > 0; index++) {
    Request &request = pool.at(index);
    const Alive alive = group.alive[index];
    if (request.place == Place::free || request.place == Place::running ||
        !group.engine->remove(&request, SLEDGE_REMOVED_KILLED, now_ns_))
      continue;
    group.engine->release(&request);
    count_lost(group, alive.arrival_ns, alive.tag);
  }
}

void Simulation::lose_running(Group &group) {
  for (uint32_t local = 0; local < per_group_; local++) {
    if (group.engine->running(local) == nullptr)
      continue;
    Request *request = group.engine->finish(local, now_ns_, false);
    const Alive alive = group.alive[request->index];
    group.engine->release(request);
    busy_--;
    count_lost(group, alive.arrival_ns, alive.tag);
  }
}

void Simulation::count_lost(Group &group, uint64_t arrival_ns, uint32_t tag) {
  in_system_--;
  totals_.lost++;
  totals_.sojourn_ns += static_cast<double>(now_ns_ - arrival_ns);
  tell_end(group, tag, End::lost);
}

void Simulation::refresh(uint32_t worker) {
  const Worker &w = workers_[worker];
  timers_.set(worker, std::min({w.end_ns, w.leave_ns, w.wake_ns}));
}

} // namespace sledge::lab
