// engine_host.cpp - what a dispatcher may call, and how its wishes are applied.
#include "core/engine.hpp"

namespace sledge {

/// The functions of sledge_workers. Nothing a policy passes is trusted.
struct Engine::Host {
  static Engine &engine(sledge_workers *host) { return *static_cast<Engine *>(host->host); }

  /// The engine's own request behind the policy's pointer, if it is in one of the two places.
  static Request *find(Engine &e, const sledge_request *r, Place place, Place or_place) {
    if (r != nullptr && e.pool_.owns(r)) {
      auto *request = const_cast<Request *>(static_cast<const Request *>(r));
      if (request->place == place || request->place == or_place)
        return request;
    }
    e.counters_.actions_ignored++;
    return nullptr;
  }

  static bool has_worker(Engine &e, uint32_t worker) {
    if (worker < e.config_.worker_count)
      return true;
    e.counters_.actions_ignored++;
    return false;
  }

  static const sledge_worker_view *at(sledge_workers *host, uint32_t worker) {
    Engine &e = engine(host);
    if (!has_worker(e, worker))
      return nullptr;
    Worker &w = e.workers_[worker];
    if (w.running != nullptr)
      e.charge(w);
    sledge_worker_view &view = e.views_[worker];
    view.id = worker;
    view.queue_length = w.queue.length() + w.pending;
    view.running = w.running;
    view.running_since_ns = w.since_ns;
    view.queued_work_ns =
        w.queue.work_ns() + w.pending_ns + (w.running != nullptr ? w.running->remaining_ns : 0);
    return &view;
  }

  static int assign(sledge_workers *host, uint32_t worker, sledge_request *r) {
    Engine &e = engine(host);
    Request *request = find(e, r, Place::held, Place::held);
    if (request == nullptr || !has_worker(e, worker))
      return 0;
    Worker &w = e.workers_[worker];
    const bool full = w.queue.length() + w.pending >= e.config_.queue_length_max;
    if (request->bound != 0 && request->worker != worker) {
      e.counters_.actions_ignored++;
      return 0;
    }
    if (full && !request->started && !e.swapping_) { // what was accepted always finds a place
      e.counters_.assigns_refused++;
      return 0;
    }
    e.held_.remove(request);
    e.pending_.push_back(request);
    e.move(request, Place::pending);
    request->worker = worker;
    e.event_++;
    if (!request->started)
      e.estimate(*request, worker);
    request->state = request->started ? SLEDGE_REQUEST_PREEMPTED : SLEDGE_REQUEST_QUEUED;
    w.pending++;
    w.pending_ns += request->remaining_ns;
    e.note(EventKind::assigned, worker, request);
    e.refresh_idle(worker);
    return 1;
  }

  static void interrupt(sledge_workers *host, uint32_t worker, uint64_t running_id) {
    Engine &e = engine(host);
    if (!has_worker(e, worker))
      return;
    Worker &w = e.workers_[worker];
    if (w.running == nullptr || w.running->id != running_id) {
      e.counters_.actions_ignored++;
      return;
    }
    e.note(EventKind::interrupt_asked, worker, w.running);
    if (w.asked_id == 0)
      e.asked_.push_back(worker);
    w.asked_id = running_id;
  }

  static uint64_t wait_ns(sledge_workers *host, uint32_t worker, const sledge_request *r) {
    Engine &e = engine(host);
    const Request *request = has_worker(e, worker) ? e.asked_of(r) : nullptr;
    if (request == nullptr)
      return SLEDGE_NO_DEADLINE;
    e.flush_pending();
    return wait_ns(e, e.workers_[worker], *request);
  }

  static int would_preempt(sledge_workers *host, uint32_t worker, const sledge_request *r) {
    Engine &e = engine(host);
    const Request *request = has_worker(e, worker) ? e.asked_of(r) : nullptr;
    if (request == nullptr)
      return 0;
    e.note(EventKind::preempt_asked, worker, request);
    return e.takes(e.workers_[worker], *request) ? 1 : 0;
  }

  /// The first worker from there on with the least of what is measured; UINT64_MAX: not this one.
  template <typename Measure>
  static uint32_t least(Engine &e, uint32_t from, const Measure &measure) {
    const uint32_t count = e.config_.worker_count;
    uint32_t least = SLEDGE_NO_WORKER;
    uint64_t least_ns = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t worker = from + i < count ? from + i : from + i - count;
      const uint64_t measured_ns = measure(e.workers_[worker], worker);
      least = measured_ns < least_ns ? worker : least;
      least_ns = std::min(measured_ns, least_ns);
    }
    return least;
  }

  static uint64_t wait_ns(Engine &e, Worker &w, const Request &request) {
    const uint64_t queued_ns = w.queue.work_before_ns(e.asked_of_.rank.key, request.tie);
    const bool waits_for_running = w.running != nullptr && !e.takes(w, request);
    return queued_ns + (waits_for_running ? w.running->remaining_ns : 0);
  }

  static uint32_t least_wait(sledge_workers *host, uint32_t from, const sledge_request *r) {
    Engine &e = engine(host);
    const Request *request = has_worker(e, from) ? e.asked_of(r) : nullptr;
    if (request == nullptr)
      return SLEDGE_NO_WORKER;
    e.flush_pending();
    return least(e, from, [&](Worker &w, uint32_t) { return wait_ns(e, w, *request); });
  }

  static uint32_t least_work_yielding(sledge_workers *host, uint32_t from,
                                      const sledge_request *r) {
    Engine &e = engine(host);
    const Request *request = has_worker(e, from) ? e.asked_of(r) : nullptr;
    if (request == nullptr)
      return SLEDGE_NO_WORKER;
    return least(e, from, [&](Worker &w, uint32_t worker) {
      e.note(EventKind::preempt_asked, worker, request);
      const bool yields = e.takes(w, *request);
      return yields ? w.queue.work_ns() + w.pending_ns + w.running->remaining_ns : UINT64_MAX;
    });
  }

  static int take(sledge_workers *host, sledge_request *r) {
    Engine &e = engine(host);
    Request *request = find(e, r, Place::queued, Place::pending);
    if (request == nullptr)
      return 0;
    Worker &w = e.workers_[request->worker];
    if (request->place == Place::pending) {
      e.pending_.remove(request);
      w.pending--;
      w.pending_ns -= request->remaining_ns;
    } else {
      w.queue.remove(request);
    }
    e.event_++;
    e.refresh_idle(request->worker);
    e.note(EventKind::taken, request->worker, request);
    e.hold(request);
    return 1;
  }

  static int rerank(sledge_workers *host, sledge_request *r) {
    Engine &e = engine(host);
    Request *request = find(e, r, Place::queued, Place::pending);
    if (request == nullptr)
      return 0;
    if (request->place == Place::pending)
      return 1; // will be ranked when it is queued
    RunQueue &queue = e.workers_[request->worker].queue;
    queue.remove(request);
    e.rank(*request);
    queue.insert(request);
    return 1;
  }

  static int reject(sledge_workers *host, sledge_request *r) {
    Engine &e = engine(host);
    Request *request = find(e, r, Place::held, Place::held);
    if (request == nullptr || request != e.arriving_)
      return 0;
    e.held_.remove(request);
    e.move(request, Place::ended);
    return 1;
  }

  static uint32_t next_idle(sledge_workers *host, uint32_t from) {
    return engine(host).next_idle(from);
  }

  static uint32_t rotate(sledge_workers *host) {
    Engine &e = engine(host);
    const uint32_t at = e.rotation_;
    e.rotation_ = at + 1 < e.config_.worker_count ? at + 1 : 0;
    return at;
  }

  static uint64_t random(sledge_workers *host) { return engine(host).next_random(); }

  static sledge_workers table(Engine *e) {
    sledge_workers host{};
    host.count = e->config_.worker_count;
    host.host = e;
    host.at = at;
    host.assign = assign;
    host.interrupt = interrupt;
    host.wait_ns = wait_ns;
    host.would_preempt = would_preempt;
    host.take = take;
    host.rerank = rerank;
    host.reject = reject;
    host.next_idle = next_idle;
    host.rotate = rotate;
    host.random = random;
    host.least_wait = least_wait;
    host.least_work_yielding = least_work_yielding;
    return host;
  }
};

sledge_workers Engine::host_table() {
  return Host::table(this);
}

uint64_t Engine::next_random() { // splitmix64
  random_state_ += 0x9e3779b97f4a7c15ull;
  uint64_t x = random_state_;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return (x ^ (x >> 31)) >> 11;
}

/// Gives the request, which is in no list, to the dispatcher.
void Engine::hold(Request *request) {
  held_.push_back(request);
  request->state = SLEDGE_REQUEST_HELD;
  move(request, Place::held);
}

void Engine::flush_pending() {
  while (Request *request = pending_.front()) {
    pending_.remove(request);
    Worker &w = workers_[request->worker];
    w.pending--;
    w.pending_ns -= request->remaining_ns;
    insert(request->worker, request);
  }
}

/// Carries out what the callback that has just returned asked for.
void Engine::apply() {
  flush_pending();
  for (const uint32_t worker : asked_) {
    Worker &w = workers_[worker];
    const uint64_t asked_id = w.asked_id;
    w.asked_id = 0;
    if (w.running == nullptr || w.running->id != asked_id)
      continue;
    if (dispatcher_ops().preempted != nullptr && w.quantum_end_ns > now())
      w.quantum_end_ns = now();
    if (decide(w).candidate != nullptr)
      interrupt_running(worker);
    else
      counters_.interrupts_declined++;
    refresh_timer(worker);
  }
  asked_.clear();
  if (parked_count_ != 0 && counters_.held != 0)
    unpark();
}

void Engine::ask_idle(uint32_t worker) {
  note(EventKind::idle_asked, worker, nullptr);
  if (dispatcher_ops().idle == nullptr)
    return;
  dispatcher_ops().idle(dispatcher_.self(), worker, &host_);
  apply();
}

} // namespace sledge
