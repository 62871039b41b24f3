// simulation_result.cpp - what is kept of a run.
#include "lab/simulation.hpp"

namespace sledge::lab {

void Simulation::count_finish(const Request &request, const Alive &alive) {
  const uint64_t inside_ns = now_ns_ - alive.arrival_ns;
  const bool has_deadline = request.deadline_ns != SLEDGE_NO_DEADLINE;
  const bool is_late = has_deadline && now_ns_ > request.deadline_ns;
  totals_.finished++;
  totals_.sojourn_ns += static_cast<double>(inside_ns);
  totals_.service_ns += static_cast<double>(alive.service_ns);
  if (record_.on()) {
    const double late_ns = is_late ? static_cast<double>(now_ns_ - request.deadline_ns) : -1;
    note({now_ns_, alive.number, Happening::finish, 0, request.type, request.worker,
          static_cast<double>(inside_ns), late_ns, static_cast<double>(request.run_ns)});
  }
  if (!is_measured(alive.number))
    return;
  const uint64_t sojourn_ns = inside_ns + 2 * spec_.costs.network_ns;
  ClassResult &of = classes_[request.type];
  of.finished++;
  of.missed += is_late ? 1 : 0;
  of.service_ns += static_cast<double>(alive.service_ns);
  of.sojourn_ns += static_cast<double>(sojourn_ns);
  of.slowdown += static_cast<double>(sojourn_ns) / static_cast<double>(alive.service_ns);
  series_.add_finished(alive.arrival_ns - window_.from_ns, sojourn_ns, is_late);
  of.sojourns.record(sojourn_ns);
  of.slowdowns.record(sojourn_ns * 1000 / alive.service_ns);
}

void Simulation::note_placed(Group &group, const Request &request, const Alive &alive) {
  const bool is_held = request.place == Place::held;
  const double relative_ns =
      request.deadline_ns == SLEDGE_NO_DEADLINE
          ? -1
          : static_cast<double>(request.deadline_ns) - static_cast<double>(request.arrival_ns);
  RecordedEvent event{now_ns_, alive.number, is_held ? Happening::held : Happening::arrive};
  event.type = request.type;
  event.a = relative_ns;
  event.c = static_cast<double>(request.estimate_ns);
  event.d = static_cast<double>(alive.service_ns);
  event.e = static_cast<double>(now_ns_ - alive.arrival_ns);
  if (is_held) {
    event.b = static_cast<double>(group.engine->counters().held - 1);
  } else {
    event.worker = group.first_worker + request.worker;
    const bool runs = group.engine->running(request.worker) != nullptr;
    event.b = static_cast<double>(group.engine->queue_length(request.worker) - 1 + (runs ? 1 : 0));
  }
  note(event);
}

EngineCounters Simulation::counters() const {
  EngineCounters sum;
  for (const Group &group : groups_) {
    const EngineCounters &one = group.engine->counters();
    sum.accepted += one.accepted;
    sum.refused += one.refused;
    sum.not_admitted += one.not_admitted;
    sum.completed += one.completed;
    sum.removed += one.removed;
    sum.preemptions += one.preemptions;
    sum.quantum_ends += one.quantum_ends;
    sum.wakes += one.wakes;
    sum.interrupts += one.interrupts;
    sum.interrupts_declined += one.interrupts_declined;
    sum.actions_ignored += one.actions_ignored;
    sum.assigns_refused += one.assigns_refused;
    sum.overdue_runs += one.overdue_runs;
  }
  return sum;
}

bool Simulation::consistent() const {
  for (const Group &group : groups_)
    if (!group.engine->consistent())
      return false;
  return true;
}

} // namespace sledge::lab
