// cluster_events.cpp - the way of a request through a cluster, reports, and losses.
#include <algorithm>
#include <limits>

#include "lab/cluster.hpp"

namespace sledge::lab {

/// A client gives it to a node.
void Cluster::arrive(const Job &job) {
  const bool measured = ++number_ > machine_.warmup;
  if (measured && !in_window_) {
    for (uint64_t level = 0; level <= occupancy_max; level++)
      advance_occupancy(level);
    in_window_ = true;
    simulation_->begin_window();
  }
  const double u = ingress_.uniform();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  const uint32_t node =
      std::min(static_cast<uint32_t>(found - cumulative_.begin()), spec_.node_count - 1);
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(flights_.size()));
    flights_.emplace_back();
  }
  const uint32_t at = free_.back();
  free_.pop_back();
  const RequestClass &of = machine_.workload.classes[job.type];
  const double expected_ns = of.expected_ns > 0 ? of.expected_ns : of.service.mean_ns();
  flights_[at] = {.job = job,
                  .estimate_ns = std::max<uint64_t>(1, static_cast<uint64_t>(expected_ns)),
                  .ingress = node,
                  .at = node,
                  .alive = true,
                  .measured = measured};
  in_flight_++;
  if (measured) {
    measured_++;
    const uint64_t has_deadline = job.deadline_ns != SLEDGE_NO_DEADLINE ? 1 : 0;
    nodes_[node].arrived++;
    classes_[job.type].arrived++;
    nodes_[node].with_deadline += has_deadline;
    classes_[job.type].with_deadline += has_deadline;
  }
  if (!states_[node].away) {
    decide(at, node);
    return;
  }
  if (measured)
    nodes_[node].unreached++;
  conclude(at, End::lost);
  release(at);
}

/// The placement of a node is asked.
void Cluster::decide(uint32_t at, uint32_t node) {
  const Flight &flight = flights_[at];
  const bool has_deadline = flight.job.deadline_ns != SLEDGE_NO_DEADLINE;
  Question question;
  question.node = node;
  question.type = flight.job.type;
  question.hops = flight.hops;
  question.left_ns =
      has_deadline ? static_cast<double>(flight.job.deadline_ns) - static_cast<double>(now_ns_)
                   : std::numeric_limits<double>::infinity();
  question.estimate_ns = static_cast<double>(flight.estimate_ns);
  question.now_ns = now_ns_;
  question.wait_ns = wait_ns(node);
  question.in_system = static_cast<double>(states_[node].in_system);
  question.row = row_of(node);
  totals_.decisions++;
  const int64_t answer = placing_.place(question);
  if (answer >= 0 && answer < spec_.node_count && answer != node) {
    send(at, node, static_cast<uint32_t>(answer));
    return;
  }
  if (answer == Placing::refuse) {
    flights_[at].at = node;
    on_end(node, at, End::refused);
    return;
  }
  totals_.bad_decisions += answer == Placing::local ? 0 : 1;
  enter(at, node);
}

void Cluster::enter(uint32_t at, uint32_t node) {
  Flight &flight = flights_[at];
  flight.at = node;
  flight.entered_ns = now_ns_;
  flight.inside = true;
  count_in(node, true);
  states_[node].work_ns += static_cast<double>(flight.estimate_ns);
  publish(node);
  Job job = flight.job;
  job.arrival_ns = now_ns_;
  job.tag = at;
  simulation_->bring(node, job);
}

void Cluster::send(uint32_t at, uint32_t from, uint32_t to) {
  Flight &flight = flights_[at];
  flight.at = to;
  flight.hops++;
  flight.sent_ns = now_ns_;
  flight.entered_ns = 0;
  if (flight.measured)
    nodes_[from].forwarded++;
  if (spec_.report_ns != 0)
    entry(from, to)[3] += static_cast<double>(flight.estimate_ns);
  schedule({.due_ns = now_ns_ + delay_ns(), .kind = Kind::deliver, .node = to, .flight = at});
}

void Cluster::handle(const Event &event) {
  switch (event.kind) {
  case Kind::deliver:
    deliver(event.flight);
    break;
  case Kind::answer:
    answer(event);
    break;
  case Kind::report_due:
    report(event.node);
    break;
  case Kind::report:
    for (uint32_t row = 0; row < spec_.node_count; row++)
      if (row != event.node)
        learn(row, event, true);
    break;
  case Kind::lose:
    lose(event.node);
    break;
  case Kind::come_back:
    states_[event.node].away = false;
    if (spec_.report_ns == 0)
      entry(0, event.node)[2] = 0;
    break;
  case Kind::notice:
    forget(event.node);
    break;
  }
}

/// It arrives at the peer that it was sent to.
void Cluster::deliver(uint32_t at) {
  Flight &flight = flights_[at];
  const uint32_t node = flight.at;
  if (states_[node].away) {
    flight.answered = Answered::unsent;
    schedule({.due_ns = now_ns_ + delay_ns(), .kind = Kind::answer, .node = node, .flight = at});
    return;
  }
  if (flight.measured)
    nodes_[node].received++;
  if (flight.hops < spec_.hops_max)
    decide(at, node);
  else
    enter(at, node);
}

/// It has left the node: who sent it is told, and with that how loaded the node is.
void Cluster::on_end(uint32_t node, uint32_t at, End end) {
  Flight &flight = flights_[at];
  if (flight.inside) {
    flight.inside = false;
    count_in(node, false);
    states_[node].work_ns -= static_cast<double>(flight.estimate_ns);
    publish(node);
  }
  if (end == End::finished && flight.measured) {
    nodes_[node].served++;
    nodes_[node].busy_ns += static_cast<double>(flight.job.service_ns);
    nodes_[node].wasted += flight.gone ? 1 : 0;
  }
  if (node == flight.ingress) {
    conclude(at, end);
    release(at);
    return;
  }
  flight.end = end;
  flight.answered = end == End::refused ? Answered::refused
                    : end == End::lost  ? Answered::lost
                                        : Answered::ended;
  uint64_t way_ns = 0;
  for (uint32_t hop = 0; hop < flight.hops; hop++)
    way_ns += delay_ns();
  schedule({.due_ns = now_ns_ + way_ns,
            .kind = Kind::answer,
            .node = node,
            .flight = at,
            .wait_ns = wait_ns(node),
            .in_system = static_cast<double>(states_[node].in_system),
            .at_ns = static_cast<double>(now_ns_)});
}

/// The node that its client had given it to hears of it.
void Cluster::answer(const Event &event) {
  const Flight flight = flights_[event.flight];
  const uint32_t ingress = flight.ingress;
  if (flight.gone || states_[ingress].away) {
    conclude(event.flight, End::lost);
    release(event.flight);
    return;
  }
  const bool has_run = flight.answered == Answered::ended;
  Feedback feedback;
  feedback.node = ingress;
  feedback.peer = event.node;
  feedback.result = flight.answered;
  feedback.round_trip_ns = static_cast<double>(now_ns_ - flight.sent_ns);
  feedback.inside_ns = has_run ? event.at_ns - static_cast<double>(flight.entered_ns) : 0;
  placing_.outcome(feedback);
  if (spec_.report_ns != 0 && flight.answered == Answered::ended)
    learn(ingress, event, false);
  if (flight.answered == Answered::unsent || flight.answered == Answered::refused) {
    run_here_or_refuse(event.flight);
    return;
  }
  conclude(event.flight, flight.end);
  release(event.flight);
}

/// What a peer has not taken runs where it came from, if time remains.
void Cluster::run_here_or_refuse(uint32_t at) {
  Flight &flight = flights_[at];
  if (flight.measured)
    nodes_[flight.ingress].returned++;
  if (now_ns_ < flight.job.deadline_ns) {
    enter(at, flight.ingress);
    return;
  }
  conclude(at, End::refused);
  release(at);
}

/// Its client has an outcome.
void Cluster::conclude(uint32_t at, End end) {
  Flight &flight = flights_[at];
  if (flight.gone || !flight.measured) {
    flight.gone = true;
    return;
  }
  flight.gone = true;
  NodeResult &node = nodes_[flight.ingress];
  ClassResult &of = classes_[flight.job.type];
  const bool has_deadline = flight.job.deadline_ns != SLEDGE_NO_DEADLINE;
  const bool is_late = has_deadline && (end != End::finished || now_ns_ > flight.job.deadline_ns);
  node.missed += is_late ? 1 : 0;
  of.missed += is_late ? 1 : 0;
  if (end == End::finished) {
    const uint64_t sojourn_ns = now_ns_ - flight.job.arrival_ns + 2 * machine_.costs.network_ns;
    const double service_ns = static_cast<double>(flight.job.service_ns);
    node.finished++;
    node.sojourn_ns += static_cast<double>(sojourn_ns);
    of.finished++;
    of.service_ns += service_ns;
    of.sojourn_ns += static_cast<double>(sojourn_ns);
    of.slowdown += static_cast<double>(sojourn_ns) / service_ns;
    of.sojourns.record(sojourn_ns);
    of.slowdowns.record(sojourn_ns * 1000 / flight.job.service_ns);
  } else if (end == End::refused) {
    node.refused++;
    of.refused++;
  } else if (end == End::dropped) {
    node.dropped++;
    of.dropped++;
  } else {
    node.lost++;
  }
}

void Cluster::release(uint32_t at) {
  flights_[at].alive = false;
  free_.push_back(at);
  in_flight_--;
}

void Cluster::report(uint32_t node) {
  if (more_ || in_flight_ > 0)
    schedule({.due_ns = now_ns_ + spec_.report_ns, .kind = Kind::report_due, .node = node});
  if (states_[node].away)
    return;
  totals_.reports++;
  schedule({.due_ns = now_ns_ + delay_ns(),
            .kind = Kind::report,
            .node = node,
            .wait_ns = wait_ns(node),
            .in_system = static_cast<double>(states_[node].in_system),
            .at_ns = static_cast<double>(now_ns_)});
}

void Cluster::learn(uint32_t row, const Event &event, bool resets) {
  double *known = entry(row, event.node);
  if (event.at_ns < known[2])
    return;
  known[0] = event.wait_ns;
  known[1] = event.in_system;
  known[2] = event.at_ns;
  if (resets)
    known[3] = 0;
}

void Cluster::lose(uint32_t node) {
  states_[node].away = true;
  // what came through it has lost its client, wherever it is
  for (uint32_t at = 0; at < flights_.size(); at++)
    if (flights_[at].alive && flights_[at].ingress == node)
      conclude(at, End::lost);
  simulation_->lose(node);
  schedule({.due_ns = now_ns_ + (spec_.report_ns == 0 ? 0 : spec_.notice_ns),
            .kind = Kind::notice,
            .node = node});
}

void Cluster::forget(uint32_t node) {
  if (!states_[node].away)
    return;
  const uint32_t rows = spec_.report_ns == 0 ? 1 : spec_.node_count;
  for (uint32_t row = 0; row < rows; row++)
    entry(row, node)[2] = -1;
}

} // namespace sledge::lab
