// engine_order.cpp - what a worker should run: ranks, preemption, quanta, the overdue share.
#include <algorithm>

#include "core/engine.hpp"

namespace sledge {
namespace {

constexpr uint64_t ppm = 1'000'000;
/// A scheduler that answers with an expired rank is asked again no sooner than this.
constexpr uint64_t renewal_gap_ns = 1'000;
/// Longest time charged at once; keeps the credit's arithmetic below 2^63.
constexpr uint64_t charge_max_ns = 1ull << 40;

} // namespace

Engine::Rank Engine::rank_of(const Request &request) const {
  const sledge_rank rank = scheduler_ops_.rank(scheduler_.self(), &request, now());
  const uint64_t band = rank.key & SLEDGE_RANK_OVERDUE;
  const uint64_t key = std::min(rank.key & ~SLEDGE_RANK_OVERDUE, SLEDGE_RANK_KEY_MAX);
  if (rank.valid_until_ns == 0)
    return {band | key, UINT64_MAX};
  const bool valid = rank.valid_until_ns >= now();
  return {band | key, valid ? rank.valid_until_ns : now() + renewal_gap_ns};
}

/// The engine's own request behind a pointer that a policy asks with, its rank in `asked_of_`;
/// null: it is none. Policies ask of each worker in turn.
const Request *Engine::asked_anew(const sledge_request *r) {
  if (r == nullptr || !pool_.owns(r))
    return nullptr;
  const auto *request = static_cast<const Request *>(r);
  asked_of_ = {request, event_, rank_of(*request)};
  return request;
}

/// Whether the request that is asked of would take the worker from what runs.
bool Engine::takes_anew(Worker &worker, const Request &request) {
  worker.taker_event = event_;
  worker.taker_id = request.id;
  worker.taken = false;
  if (worker.running == nullptr || !config_.preemption || &request == worker.running)
    return false;
  if (!request.started && starts_no_more())
    return false;
  charge(worker);
  if (scheduler_ops_.preempts == nullptr)
    rank(*worker.running);
  worker.taken = preempts(request, asked_of_.rank.key, *worker.running);
  return worker.taken;
}

void Engine::rank(Request &request) {
  const Rank rank = rank_of(request);
  request.rank_key = rank.key;
  request.rank_valid_until_ns = rank.valid_until_ns;
  note(EventKind::ranked, request.worker, &request);
}

/// Puts a request that is in no list into the worker's queue and lets the worker know.
void Engine::insert(uint32_t worker, Request *request) {
  request->worker = worker;
  request->state = request->started ? SLEDGE_REQUEST_PREEMPTED : SLEDGE_REQUEST_QUEUED;
  rank(*request);
  workers_[worker].queue.insert(request);
  move(request, Place::queued);
  note(EventKind::queued, worker, request);
  refresh_idle(worker);
  if (workers_[worker].running == nullptr)
    wake_if_idle(worker);
  else
    refresh_timer(worker);
}

/// Counts the time since the last charge as run time, and against or for the overdue share.
void Engine::charge(Worker &worker) {
  Request &request = *worker.running;
  const uint64_t ran_ns = now() - worker.charged_ns;
  if (ran_ns == 0)
    return;
  worker.charged_ns = now();
  request.run_ns += ran_ns;
  request.remaining_ns = remaining(request);
  if (scheduler_ops_.ran != nullptr) [[unlikely]]
    scheduler_ops_.ran(scheduler_.self(), &request, ran_ns, now());
  if (&request == asked_of_.request)
    event_++;
  if (overdue_share_ppm_ == 0)
    return;
  const uint64_t counted_ns = std::min(ran_ns, charge_max_ns);
  const int64_t limit = static_cast<int64_t>(2 * overdue_slice_ns * ppm);
  if (worker.overdue_turn) {
    const int64_t spent = static_cast<int64_t>(counted_ns * (ppm - overdue_share_ppm_));
    worker.overdue_credit = std::max(worker.overdue_credit - spent, -limit);
  } else if (request.rank_key < SLEDGE_RANK_OVERDUE && worker.queue.has_overdue()) {
    const int64_t earned = static_cast<int64_t>(counted_ns * overdue_share_ppm_);
    worker.overdue_credit = std::min(worker.overdue_credit + earned, limit);
  }
}

/// First of the worker's queue whose key is at least this and that may run there now.
Request *Engine::first_from(const Worker &worker, uint64_t key) const {
  if (starts_no_more())
    return worker.queue.first_started_from(key);
  return key == 0 ? worker.queue.head() : worker.queue.first_from(key);
}

/// The first that may run, with a rank that is valid now.
Request *Engine::settled_head(Worker &worker) {
  Request *head = first_from(worker, 0);
  if (head != nullptr && now() > head->rank_valid_until_ns && scheduler_ops_.ran != nullptr)
    charge_all();
  while (head != nullptr && now() > head->rank_valid_until_ns) {
    worker.queue.remove(head);
    rank(*head);
    worker.queue.insert(head);
    counters_.rank_renewals++;
    head = first_from(worker, 0);
  }
  return head;
}

bool Engine::preempts(const Request &candidate, uint64_t candidate_key,
                      const Request &running) const {
  if (scheduler_ops_.preempts == nullptr)
    return candidate_key < running.rank_key;
  return scheduler_ops_.preempts(scheduler_.self(), &candidate, &running, now()) != 0;
}

/// The first overdue request, if the share grants it the worker now.
Request *Engine::overdue_due(const Worker &worker) const {
  if (overdue_share_ppm_ == 0 || !worker.queue.has_overdue())
    return nullptr;
  const uint64_t slice = overdue_slice_ns * (ppm - overdue_share_ppm_);
  if (worker.overdue_credit < static_cast<int64_t>(slice))
    return nullptr;
  return first_from(worker, SLEDGE_RANK_OVERDUE);
}

/// Who should have the worker instead of what runs.
Engine::Decision Engine::decide(Worker &worker) {
  if (!config_.preemption)
    return {};
  Request &running = *worker.running;
  charge(worker);
  rank(running);
  Request *head = settled_head(worker);
  if (head == nullptr)
    return {};
  if (worker.overdue_turn && head->rank_key < SLEDGE_RANK_OVERDUE) {
    if (worker.overdue_credit > 0)
      return {};
    return {head, Why::overdue_share};
  }
  worker.overdue_turn = false;
  if (running.rank_key < SLEDGE_RANK_OVERDUE) {
    if (Request *overdue = overdue_due(worker))
      return {overdue, Why::overdue_share};
  }
  if (preempts(*head, head->rank_key, running))
    return {head, Why::rank};
  const bool quantum_over = now() >= worker.quantum_end_ns;
  if (quantum_over && head->rank_key <= running.rank_key)
    return {head, Why::quantum};
  return {};
}

/// Removes from the queue what an idle worker should run, or null.
Request *Engine::take_next(Worker &worker) {
  Request *request = settled_head(worker);
  if (request == nullptr)
    request = worker.queue.head(); // nothing to go on with: a slot may become free
  worker.overdue_turn = false;
  if (request == nullptr)
    return nullptr;
  if (request->rank_key < SLEDGE_RANK_OVERDUE) {
    if (Request *overdue = overdue_due(worker)) {
      request = overdue;
      worker.overdue_turn = true;
      counters_.overdue_runs++;
    }
  }
  worker.queue.remove(request);
  return request;
}

/// When the overdue share changes its mind about what runs.
uint64_t Engine::overdue_timer_ns(const Worker &worker) const {
  const int64_t credit = worker.overdue_credit;
  if (worker.overdue_turn) {
    const Request *head = first_from(worker, 0);
    if (head == nullptr || head->rank_key >= SLEDGE_RANK_OVERDUE)
      return WorkerTimers::never_ns;
    if (credit <= 0)
      return now();
    return worker.charged_ns + static_cast<uint64_t>(credit) / (ppm - overdue_share_ppm_) + 1;
  }
  const bool on_time = worker.running->rank_key < SLEDGE_RANK_OVERDUE;
  if (!on_time || !worker.queue.has_overdue() || first_from(worker, SLEDGE_RANK_OVERDUE) == nullptr)
    return WorkerTimers::never_ns;
  const int64_t slice = static_cast<int64_t>(overdue_slice_ns * (ppm - overdue_share_ppm_));
  if (credit >= slice)
    return now();
  return worker.charged_ns + static_cast<uint64_t>(slice - credit) / overdue_share_ppm_ + 1;
}

} // namespace sledge
