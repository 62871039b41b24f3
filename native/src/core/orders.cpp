#include "core/orders.hpp"

namespace sledge {

bool is_followed(EventKind kind) {
  switch (kind) {
  case EventKind::next:
  case EventKind::tick:
  case EventKind::assigned:
  case EventKind::interrupted:
  case EventKind::ranked:
    return false;
  default:
    return true;
  }
}

FollowedEvent followed(const EngineEvent &event) {
  FollowedEvent made{};
  made.kind = event.kind;
  made.worker = event.worker;
  made.extra = event.extra;
  made.now_ns = event.now_ns;
  if (const Request *r = event.request) {
    made.request = *r;
    made.index = r->index;
    made.tie = r->tie;
    made.started = r->started;
    made.place = static_cast<uint16_t>(r->place);
  }
  return made;
}

/// The request that the order names, if it still is that one.
Request *Orders::find(Engine &engine, const Order &order) {
  if (order.index < engine.pool_.capacity()) {
    Request &request = engine.pool_.at(order.index);
    if (request.id == order.id && request.place != Place::free && request.place != Place::fresh &&
        request.place != Place::ended)
      return &request;
  }
  engine.counters_.actions_ignored++;
  return nullptr;
}

void Orders::carry_out(Engine &engine, std::span<const Order> orders, uint64_t now_ns,
                       std::vector<Request *> &rejected) {
  engine.begin(now_ns);
  for (const Order &order : orders)
    carry_out(engine, order, rejected);
  engine.apply();
  for (const Order &order : orders) {
    if (order.kind != OrderKind::beat || order.worker >= engine.worker_count())
      continue;
    const Request *running = engine.running(order.worker);
    if (running == nullptr || running->id != order.running_id)
      engine.counters_.actions_ignored++;
    else if (engine.decide(engine.workers_[order.worker]).candidate != nullptr)
      engine.interrupt_running(order.worker);
  }
}

void Orders::carry_out(Engine &engine, const Order &order, std::vector<Request *> &rejected) {
  sledge_workers *host = &engine.host_;
  if (order.kind == OrderKind::interrupt) {
    host->interrupt(host, order.worker, order.running_id);
    return;
  }
  Request *request = find(engine, order);
  if (request == nullptr)
    return;
  switch (order.kind) {
  case OrderKind::assign:
    if (host->assign(host, order.worker, request) == 0 && request->place == Place::held)
      engine.note(EventKind::returned, order.worker, request);
    return;
  case OrderKind::take:
    host->take(host, request);
    return;
  case OrderKind::reject:
    if (request->place == Place::held)
      rejected.push_back(request);
    return;
  case OrderKind::rank:
    if (request->place == Place::queued)
      host->rerank(host, request);
    else if (request->place == Place::running)
      engine.rank(*request);
    return;
  default:
    return;
  }
}

} // namespace sledge
