// follower.cpp - an engine that does what another one did.
#include <algorithm>

#include "core/orders.hpp"

namespace sledge {

Follower::Follower(Engine &engine, Leads leads)
    : engine_(engine), leads_(leads), known_(engine.pool().capacity()),
      serving_(engine.pool().capacity(), 0), actions_(2 * size_t{engine.worker_count()}) {
  engine_.observe_with(this);
}

Follower::~Follower() {
  engine_.observe_with(nullptr);
}

Request *Follower::known(const FollowedEvent &event) {
  if (event.index >= known_.size())
    return nullptr;
  Request *request = known_[event.index].request;
  return request != nullptr && request->id == event.request.id ? request : nullptr;
}

/// One that we have not seen: as it is there, and in no place yet.
Request *Follower::adopt(const FollowedEvent &event) {
  Request *request = engine_.acquire();
  if (request == nullptr || event.index >= known_.size())
    return nullptr;
  static_cast<sledge_request &>(*request) = event.request;
  for (uint64_t &word : request->policy_word)
    word = 0;
  request->tie = event.tie;
  request->started = event.started;
  engine_.started_count_ += event.started ? 1 : 0;
  engine_.tie_last_ = std::max(engine_.tie_last_, event.tie);
  engine_.order_arrival(*request);
  known_[event.index] = {request, 0, false};
  serving_[request->index] = event.index;
  return request;
}

/// Takes it from where it is; it is in no list then.
void Follower::detach(Request *request) {
  switch (request->place) {
  case Place::held:
    engine_.held_.remove(request);
    break;
  case Place::queued:
    engine_.workers_[request->worker].queue.remove(request);
    engine_.refresh_idle(request->worker);
    engine_.refresh_timer(request->worker);
    break;
  case Place::running:
    engine_.leave(request->worker);
    break;
  case Place::blocked:
    engine_.workers_[request->worker].blocked--;
    break;
  default:
    break;
  }
}

void Follower::follow(const FollowedEvent &event) {
  engine_.begin(event.now_ns);
  if (event.worker != SLEDGE_NO_WORKER && event.worker >= engine_.worker_count())
    return;
  if (event.kind == EventKind::idle_asked) {
    engine_.ask_idle(event.worker);
    return settle();
  }
  if (event.kind == EventKind::reconsider || event.kind == EventKind::yield) {
    engine_.workers_[event.worker].interrupt_id = 0;
    return;
  }
  Request *request = known(event);
  if (request == nullptr &&
      (event.kind == EventKind::arrive || event.kind == EventKind::handed_over ||
       event.kind == EventKind::adopted))
    request = adopt(event);
  if (request == nullptr)
    return;
  switch (event.kind) {
  case EventKind::arrive:
  case EventKind::handed_over:
  case EventKind::returned:
    ask_arrive(request, event);
    break;
  case EventKind::remove:
  case EventKind::finish:
  case EventKind::discard:
  case EventKind::refused:
    end(request, event);
    break;
  default:
    place(request, event);
    break;
  }
  settle();
}

void Follower::ask_arrive(Request *request, const FollowedEvent &event) {
  const bool is_new = event.kind == EventKind::arrive;
  detach(request);
  if (request->bound == 0)
    request->worker = SLEDGE_NO_WORKER;
  engine_.hold(request);
  engine_.arriving_ = is_new ? request : nullptr;
  engine_.swapping_ = !is_new;
  engine_.dispatcher_ops().arrive(engine_.dispatcher_.self(), request, &engine_.host_);
  engine_.arriving_ = nullptr;
  engine_.swapping_ = false;
  if (request->place == Place::ended)
    order(OrderKind::reject, SLEDGE_NO_WORKER, request);
  engine_.apply();
}

/// It is in another place there; no decision of ours.
void Follower::place(Request *request, const FollowedEvent &event) {
  const uint32_t worker = event.worker;
  const Place there = static_cast<Place>(event.place);
  if (!request->started) {
    request->estimate_ns = event.request.estimate_ns;
    if (request->place != Place::queued && request->place != Place::held)
      request->remaining_ns = request->estimate_ns;
  }
  switch (event.kind) {
  case EventKind::queued:
    if (request->place == Place::queued && request->worker == worker)
      return;
    return queue(request, worker);
  case EventKind::taken:
    if (leads_.dispatcher)
      return; // as we said
    detach(request);
    return engine_.hold(request);
  case EventKind::started:
    return start(request, worker);
  case EventKind::switched:
    return switch_to(request, event);
  case EventKind::block:
    if (engine_.running(worker) == request)
      engine_.block(worker, event.now_ns);
    return;
  case EventKind::unblock:
    engine_.unblock(request, event.now_ns);
    return;
  case EventKind::preempt_asked:
    asked_id_ = request->id;
    return;
  case EventKind::interrupt_asked:
    if (!leads_.dispatcher) {
      engine_.host_.interrupt(&engine_.host_, worker, request->id);
      engine_.apply();
    }
    return;
  case EventKind::adopted:
    if (there == Place::running)
      return start(request, request->worker);
    if (there == Place::queued)
      return engine_.insert(request->worker, request);
    if (there == Place::blocked) {
      engine_.workers_[request->worker].blocked++;
      return engine_.move(request, Place::blocked);
    }
    return engine_.hold(request);
  default:
    return;
  }
}

/// Their dispatcher could not be told whether it would preempt; now it can be seen.
void Follower::queue(Request *request, uint32_t worker) {
  detach(request);
  engine_.insert(worker, request);
  const bool asked = !leads_.dispatcher && asked_id_ == request->id;
  Engine::Worker &w = engine_.workers_[worker];
  if (asked && w.running != nullptr && engine_.decide(w).candidate == request)
    engine_.interrupt_running(worker);
}

void Follower::start(Request *request, uint32_t worker) {
  Request *running = engine_.running(worker);
  if (running == request)
    return;
  if (running != nullptr)
    engine_.insert(worker, engine_.leave(worker));
  Engine::Worker &w = engine_.workers_[worker];
  const Request *first = engine_.settled_head(w);
  const bool out_of_order = leads_.scheduler && first != nullptr && first != request;
  detach(request);
  engine_.start(worker, request);
  if (out_of_order && engine_.decide(w).candidate != nullptr) // ranks had not arrived there
    engine_.interrupt_running(worker);
}

void Follower::switch_to(Request *request, const FollowedEvent &event) {
  const bool as_there = request->place == Place::queued && request->worker == event.worker;
  if (!as_there) {
    detach(request);
    engine_.insert(event.worker, request);
  }
  if (engine_.running(event.worker) == nullptr)
    return start(request, event.worker);
  if (engine_.running(event.worker) != request)
    engine_.change_over(event.worker, {request, static_cast<Engine::Why>(event.extra)});
}

void Follower::end(Request *request, const FollowedEvent &event) {
  known_[event.index].request = nullptr;
  const bool runs = request->place == Place::running;
  if (event.kind == EventKind::finish && runs) {
    engine_.finish(request->worker, event.now_ns, event.extra != 0);
  } else if (request->place != Place::ended) {
    detach(request);
    engine_.end_removed(request, event.kind == EventKind::refused
                                     ? SLEDGE_REMOVED_CANCELLED
                                     : static_cast<sledge_removal>(event.extra));
  } else {
    engine_.order_gone(*request);
  }
  engine_.release(request);
}

void Follower::tick(uint64_t now_ns) {
  engine_.tick(now_ns);
  settle();
}

void Follower::settle() {
  while (engine_.take_actions(actions_) != 0) {
  }
}

void Follower::order(OrderKind kind, uint32_t worker, const Request *request, uint64_t number,
                     uint64_t running_id) {
  const uint32_t index = request != nullptr ? serving_[request->index] : 0;
  orders_.push_back(
      {kind, worker, index, request != nullptr ? request->id : 0, number, running_id});
}

void Follower::on_event(const EngineEvent &event) {
  switch (event.kind) {
  case EventKind::assigned:
    if (leads_.dispatcher)
      order(OrderKind::assign, event.worker, event.request);
    return;
  case EventKind::taken:
    if (leads_.dispatcher)
      order(OrderKind::take, event.worker, event.request);
    return;
  case EventKind::interrupt_asked:
    if (leads_.dispatcher)
      order(OrderKind::interrupt, event.worker, nullptr, 0, event.request->id);
    return;
  case EventKind::interrupted:
    if (leads_.scheduler) {
      Request *head = engine_.workers_[event.worker].queue.head();
      if (head != nullptr)
        order(OrderKind::beat, event.worker, head, 0, event.request->id);
    }
    return;
  case EventKind::ranked: {
    Known &known = known_[serving_[event.request->index]];
    if (!leads_.scheduler || (known.ranked && known.key == event.request->rank_key))
      return;
    known.ranked = true;
    known.key = event.request->rank_key;
    order(OrderKind::rank, event.worker, event.request, known.key);
    return;
  }
  default:
    return;
  }
}

} // namespace sledge
