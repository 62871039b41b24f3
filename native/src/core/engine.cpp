// engine.cpp - the life of a request: arrival, running, preempted, blocked, ended.
#include "core/engine.hpp"

#include <algorithm>
#include <cassert>

namespace sledge {

void Engine::begin(uint64_t now_ns) {
  host_.now_ns = std::max(host_.now_ns, now_ns);
  event_++;
}

namespace {

/// By a table: places change too often to be predicted.
uint64_t EngineCounters::*gauge_of(Place place) {
  using C = EngineCounters;
  static constexpr uint64_t C::*gauges[] = {&C::elsewhere, &C::elsewhere, &C::held,
                                            &C::queued,    &C::queued,    &C::running,
                                            &C::blocked,   &C::elsewhere};
  return gauges[static_cast<size_t>(place)];
}

} // namespace

/// Moves between places and keeps the gauges. Lists and queues are the caller's.
void Engine::move(Request *request, Place place) {
  --(counters_.*gauge_of(request->place));
  ++(counters_.*gauge_of(place));
  if (request->place == Place::held)
    host_.held_work_ns -= request->remaining_ns;
  if (place == Place::held)
    host_.held_work_ns += request->remaining_ns;
  if (place == Place::ended && request->started)
    started_count_--;
  request->place = place;
}

Arrival Engine::arrive(Request *request, uint64_t now_ns) {
  begin(now_ns);
  if (request->place != Place::fresh)
    return Arrival::rejected;
  if (tick_ns_ != 0 && tick_at_ns_ < now())
    tick_at_ns_ = now() + tick_ns_;
  request->id = ++id_last_;
  request->tie = ++tie_last_;
  request->worker = SLEDGE_NO_WORKER;
  estimate(*request, SLEDGE_NO_WORKER);
  if (!admit(*request)) {
    move(request, Place::ended);
    counters_.refused++;
    return Arrival::not_admitted;
  }
  order_arrival(*request);
  hold(request);
  note(EventKind::arrive, SLEDGE_NO_WORKER, request);
  arriving_ = request;
  dispatcher_ops().arrive(dispatcher_.self(), request, &host_);
  arriving_ = nullptr;
  const bool refused = request->place == Place::ended;
  apply();
  if (refused)
    note(EventKind::refused, SLEDGE_NO_WORKER, request);
  (refused ? counters_.refused : counters_.accepted)++;
  if (refused) {
    end_admission(*request);
    order_gone(*request);
  }
  return refused ? Arrival::queue_full : Arrival::accepted;
}

bool Engine::remove(Request *request, sledge_removal why, uint64_t now_ns) {
  begin(now_ns);
  switch (request->place) {
  case Place::held:
    held_.remove(request);
    break;
  case Place::queued:
    workers_[request->worker].queue.remove(request);
    refresh_idle(request->worker);
    refresh_timer(request->worker);
    break;
  case Place::blocked:
    workers_[request->worker].blocked--;
    break;
  default:
    return false;
  }
  note(EventKind::remove, request->worker, request, static_cast<uint32_t>(why));
  end_removed(request, why);
  return true;
}

void Engine::end_removed(Request *request, sledge_removal why) {
  move(request, Place::ended);
  counters_.removed++;
  order_gone(*request);
  end_admission(*request);
  if (dispatcher_ops().removed == nullptr)
    return;
  dispatcher_ops().removed(dispatcher_.self(), request, why, &host_);
  apply();
}

void Engine::restart_quantum(Worker &worker) {
  worker.quantum_end_ns = quantum_ns_ != 0 ? now() + quantum_ns_ : WorkerTimers::never_ns;
  worker.quantum_asked = false;
}

void Engine::start(uint32_t worker, Request *request) {
  Worker &w = workers_[worker];
  w.running = request;
  event_++;
  w.since_ns = w.charged_ns = now();
  w.interrupt_id = 0;
  w.wake_sent = false;
  w.awake = true;
  restart_quantum(w);
  request->state = SLEDGE_REQUEST_RUNNING;
  request->worker = worker;
  started_count_ += request->started ? 0 : 1;
  request->started = true;
  request->bound = config_.migration ? 0 : 1;
  move(request, Place::running);
  note(EventKind::started, worker, request);
  refresh_idle(worker);
  refresh_timer(worker);
}

/// Takes the running request off its worker; the caller gives it another place.
Request *Engine::leave(uint32_t worker) {
  Worker &w = workers_[worker];
  Request *request = w.running;
  if (request == nullptr)
    return nullptr;
  charge(w);
  w.running = nullptr;
  w.interrupt_id = 0;
  w.asked_id = 0;
  refresh_idle(worker);
  refresh_timer(worker);
  return request;
}

Request *Engine::next(uint32_t worker, uint64_t now_ns) {
  begin(now_ns);
  Worker &w = workers_[worker];
  if (w.running != nullptr)
    return w.running;
  note(EventKind::next, worker, nullptr);
  w.awake = true;
  w.wake_sent = false;
  if (w.queue.empty())
    ask_idle(worker);
  Request *request = take_next(w);
  if (request == nullptr) {
    w.awake = false;
    return nullptr;
  }
  start(worker, request);
  return request;
}

bool Engine::should_leave(uint32_t worker, uint64_t now_ns) {
  begin(now_ns);
  Worker &w = workers_[worker];
  return w.running != nullptr && decide(w).candidate != nullptr;
}

Request *Engine::reconsider(uint32_t worker, uint64_t now_ns) {
  begin(now_ns);
  Worker &w = workers_[worker];
  if (w.running == nullptr)
    return next(worker, now_ns);
  note(EventKind::reconsider, worker, w.running);
  w.interrupt_id = 0;
  const Decision decision = decide(w);
  if (decision.candidate == nullptr) {
    refresh_timer(worker);
    return w.running;
  }
  change_over(worker, decision);
  return w.running;
}

Request *Engine::yield(uint32_t worker, uint64_t now_ns) {
  begin(now_ns);
  Worker &w = workers_[worker];
  if (w.running == nullptr)
    return next(worker, now_ns);
  note(EventKind::yield, worker, w.running);
  w.interrupt_id = 0;
  if (w.queue.empty())
    ask_idle(worker);
  w.quantum_end_ns = now_ns;
  const Decision decision = decide(w);
  if (decision.candidate != nullptr) {
    change_over(worker, decision);
  } else {
    restart_quantum(w);
    refresh_timer(worker);
  }
  return w.running;
}

/// The candidate, which is in the worker's queue, takes it from what runs.
void Engine::change_over(uint32_t worker, const Decision &decision) {
  Worker &w = workers_[worker];
  note(EventKind::switched, worker, decision.candidate, static_cast<uint32_t>(decision.why));
  w.queue.remove(decision.candidate);
  Request *left = leave(worker);
  const bool overdue = decision.candidate->rank_key >= SLEDGE_RANK_OVERDUE;
  w.overdue_turn = overdue && decision.why == Why::overdue_share;
  if (w.overdue_turn)
    counters_.overdue_runs++;
  start(worker, decision.candidate);
  give_place(worker, left, decision.why);
}

/// Finds a place for a request that was preempted on this worker.
void Engine::give_place(uint32_t worker, Request *request, Why why) {
  event_++;
  request->preemptions++;
  counters_.preemptions++;
  if (why == Why::quantum) {
    request->tie = ++tie_last_;
    counters_.quantum_ends++;
  }
  if (dispatcher_ops().preempted == nullptr) {
    insert(worker, request);
    return;
  }
  hold(request);
  dispatcher_ops().preempted(dispatcher_.self(), request, worker, &host_);
  apply();
}

Request *Engine::block(uint32_t worker, uint64_t now_ns) {
  begin(now_ns);
  Request *request = leave(worker);
  if (request == nullptr)
    return nullptr;
  note(EventKind::block, worker, request);
  request->state = SLEDGE_REQUEST_BLOCKED;
  workers_[worker].blocked++;
  move(request, Place::blocked);
  return request;
}

bool Engine::unblock(Request *request, uint64_t now_ns) {
  begin(now_ns);
  if (request->place != Place::blocked)
    return false;
  const uint32_t worker = request->worker;
  Worker &w = workers_[worker];
  note(EventKind::unblock, worker, request);
  w.blocked--;
  insert(worker, request);
  if (w.running != nullptr && decide(w).candidate != nullptr) {
    interrupt_running(worker);
    refresh_timer(worker);
  }
  return true;
}

Request *Engine::finish(uint32_t worker, uint64_t now_ns, bool succeeded) {
  begin(now_ns);
  Request *request = leave(worker);
  if (request == nullptr)
    return nullptr;
  note(EventKind::finish, worker, request, succeeded ? 1 : 0);
  move(request, Place::ended);
  counters_.completed++;
  observe(*request, succeeded);
  order_gone(*request);
  end_admission(*request);
  if (dispatcher_ops().completed != nullptr) {
    dispatcher_ops().completed(dispatcher_.self(), request, worker, &host_);
    apply();
  }
  return request;
}

Request *Engine::discard(uint32_t worker, sledge_removal why, uint64_t now_ns) {
  begin(now_ns);
  Request *request = leave(worker);
  if (request == nullptr)
    return nullptr;
  note(EventKind::discard, worker, request, static_cast<uint32_t>(why));
  end_removed(request, why);
  return request;
}

} // namespace sledge
