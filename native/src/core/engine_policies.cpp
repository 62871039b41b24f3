// engine_policies.cpp - construction, swaps, and the check of the whole state.
#include <algorithm>
#include <array>

#include "core/engine.hpp"

namespace sledge {
namespace {

bool is_policy(const PolicyInstance &policy, sledge_policy_kind kind) {
  if (!policy || policy.table()->kind != kind)
    return false;
  if (kind == SLEDGE_DISPATCHER)
    return policy.table()->dispatcher != nullptr && policy.table()->dispatcher->arrive != nullptr;
  return policy.table()->scheduler != nullptr && policy.table()->scheduler->rank != nullptr;
}

uint64_t ask(uint64_t (*get)(void *), void *self) {
  return get == nullptr ? 0 : get(self);
}

/// Of two lengths of a turn; 0: without an end.
uint64_t shorter_turn(uint64_t a_ns, uint64_t b_ns) {
  return a_ns == 0 || b_ns == 0 ? std::max(a_ns, b_ns) : std::min(a_ns, b_ns);
}

} // namespace

std::unique_ptr<Engine> Engine::make(const EngineConfig &config, PolicyInstance dispatcher,
                                     PolicyInstance scheduler, PolicyError &error) {
  error = {SLEDGE_ERR_NATIVE_ARGUMENT, ""};
  if (config.worker_count < 1 || config.worker_count > worker_count_max)
    error.reason = "the number of workers is not between 1 and 4096";
  else if (config.request_count_max < 1 || config.request_count_max > RequestPool::capacity_max)
    error.reason = "the number of requests is not between 1 and 1048576";
  else if (config.queue_length_max < 1)
    error.reason = "the length of a run queue is not at least 1";
  else if (!is_policy(dispatcher, SLEDGE_DISPATCHER))
    error.reason = "the dispatcher is not one";
  else if (!is_policy(scheduler, SLEDGE_SCHEDULER))
    error.reason = "the scheduler is not one";
  else
    error.code = SLEDGE_OK;
  if (error.code != SLEDGE_OK)
    return nullptr;
  return std::unique_ptr<Engine>(new Engine(config, std::move(dispatcher), std::move(scheduler)));
}

Engine::Engine(const EngineConfig &config, PolicyInstance dispatcher, PolicyInstance scheduler)
    : config_(config), pool_(config.request_count_max),
      chunks_(config.request_count_max, config.worker_count), dispatcher_(std::move(dispatcher)),
      scheduler_(std::move(scheduler)), terms_(config.terms), workers_(config.worker_count),
      idle_bits_((config.worker_count + 63) / 64), parked_bits_((config.worker_count + 63) / 64),
      timers_(config.worker_count), actions_(2 * size_t{config.worker_count}),
      views_(config.worker_count), random_state_(config.seed) {
  asked_.reserve(config.worker_count);
  scratch_.reserve(config.request_count_max);
  host_ = host_table();
  terms_.resize(tenant_count_max);
  read_policies();
  tell_terms();
  for (uint32_t worker = 0; worker < config.worker_count; worker++) {
    workers_[worker].queue = RunQueue(&chunks_);
    workers_[worker].quantum_end_ns = WorkerTimers::never_ns;
    refresh_idle(worker);
  }
}

Engine::~Engine() = default;

void Engine::read_policies() {
  const sledge_policy_table &scheduler = *scheduler_.table();
  scheduler_ops_ = scheduler_ops_of(scheduler);
  quantum_ns_ = shorter_turn(ask(scheduler.quantum_ns, scheduler_.self()),
                             ask(dispatcher_.table()->quantum_ns, dispatcher_.self()));
  overdue_share_ppm_ = ask(scheduler.overdue_share_ppm, scheduler_.self());
  overdue_share_ppm_ = std::min<uint64_t>(overdue_share_ppm_, 999'999);
  if (config_.follows)
    quantum_ns_ = overdue_share_ppm_ = 0;
  tick_ns_ = ask(dispatcher_.table()->tick_ns, dispatcher_.self());
  tick_at_ns_ = now() + tick_ns_;
}

/// Takes what the new dispatcher will place out of the queues; scratch_ is in order of arrival.
void Engine::gather(bool bound_too) {
  scratch_.clear();
  for (Request *r = held_.front(); r != nullptr; r = r->next)
    scratch_.push_back(r);
  for (Worker &w : workers_) {
    for (Request *r = w.queue.head(); r != nullptr;) {
      Request *after = RunQueue::successor(r);
      if (bound_too || r->bound == 0)
        scratch_.push_back(r);
      r = after;
    }
  }
  std::sort(scratch_.begin(), scratch_.end(),
            [](const Request *a, const Request *b) { return a->id < b->id; });
  for (Request *r : scratch_) {
    if (r->place == Place::held) {
      held_.remove(r);
    } else {
      workers_[r->worker].queue.remove(r);
      refresh_idle(r->worker);
    }
  }
  for (Request *r : scratch_)
    hold(r);
}

PolicyInstance Engine::swap_dispatcher(PolicyInstance dispatcher, uint64_t now_ns) {
  begin(now_ns);
  if (!is_policy(dispatcher, SLEDGE_DISPATCHER))
    return dispatcher;
  std::swap(dispatcher_, dispatcher);
  const uint64_t old_quantum_ns = quantum_ns_;
  read_policies();
  counters_.swaps++;
  for (uint32_t i = 0; i < pool_.capacity(); i++)
    std::fill_n(pool_.at(i).policy_word, std::size(pool_.at(i).policy_word), 0);
  gather(dispatcher_ops().preempted != nullptr);
  swapping_ = true;
  for (Request *r : scratch_) {
    // A callback for an earlier one may have placed this one only if the policy named it unseen.
    if (r->place != Place::held)
      continue;
    if (r->bound == 0)
      r->worker = SLEDGE_NO_WORKER;
    note(EventKind::handed_over, SLEDGE_NO_WORKER, r);
    dispatcher_ops().arrive(dispatcher_.self(), r, &host_);
    apply();
  }
  swapping_ = false;
  for (uint32_t worker = 0; worker < config_.worker_count; worker++) {
    if (quantum_ns_ != old_quantum_ns && workers_[worker].running != nullptr)
      restart_quantum(workers_[worker]);
    refresh_timer(worker);
  }
  return dispatcher;
}

PolicyInstance Engine::swap_scheduler(PolicyInstance scheduler, uint64_t now_ns) {
  begin(now_ns);
  if (!is_policy(scheduler, SLEDGE_SCHEDULER))
    return scheduler;
  std::swap(scheduler_, scheduler);
  const uint64_t tick_at_ns = tick_at_ns_;
  read_policies();
  tick_at_ns_ = tick_at_ns;
  counters_.swaps++;
  tell_terms();
  tell_arrivals();
  for (uint32_t worker = 0; worker < config_.worker_count; worker++) {
    Worker &w = workers_[worker];
    rerank(w);
    w.overdue_turn = false;
    w.overdue_credit = 0;
    if (w.running == nullptr)
      continue;
    rank(*w.running);
    restart_quantum(w);
    if (decide(w).candidate != nullptr)
      interrupt_running(worker);
    refresh_timer(worker);
  }
  return scheduler;
}

/// All that are here, in order of arrival, in scratch_.
void Engine::list_all() {
  scratch_.clear();
  for (uint32_t i = 0; i < pool_.capacity(); i++) {
    const Place place = pool_.at(i).place;
    if (place == Place::held || place == Place::queued || place == Place::running ||
        place == Place::blocked)
      scratch_.push_back(&pool_.at(i));
  }
  std::sort(scratch_.begin(), scratch_.end(),
            [](const Request *a, const Request *b) { return a->id < b->id; });
}

void Engine::tell_all(uint64_t now_ns) {
  begin(now_ns);
  list_all();
  for (const Request *r : scratch_)
    note(EventKind::adopted, r->worker, r);
}

bool Engine::consistent() const {
  std::array<uint64_t, 8> places{};
  uint32_t started = 0;
  for (uint32_t i = 0; i < pool_.capacity(); i++) {
    const Request &request = pool_.at(i);
    places[static_cast<size_t>(request.place)]++;
    const bool gone = request.place == Place::free || request.place == Place::ended;
    started += request.started && !gone ? 1 : 0;
  }
  const auto in = [&](Place place) { return places[static_cast<size_t>(place)]; };
  uint64_t held = 0;
  for (const Request *r = held_.front(); r != nullptr && held <= pool_.capacity(); r = r->next)
    if (r->place == Place::held)
      held++;
  uint64_t queued = 0;
  uint64_t running = 0;
  uint64_t blocked = 0;
  for (uint32_t worker = 0; worker < config_.worker_count; worker++) {
    const Worker &w = workers_[worker];
    if (!sledge::consistent(w.queue) || w.pending != 0)
      return false;
    queued += w.queue.length();
    blocked += w.blocked;
    if (w.running != nullptr && w.running->place == Place::running)
      running++;
  }
  const EngineCounters &c = counters_;
  const uint64_t alive = held + queued + running + blocked;
  return in(Place::pending) == 0 && held == in(Place::held) && held == c.held &&
         queued == in(Place::queued) && queued == c.queued && running == in(Place::running) &&
         running == c.running && blocked == in(Place::blocked) && blocked == c.blocked &&
         started == started_count_ && c.accepted == c.completed + c.removed + alive &&
         pool_.in_use() == pool_.capacity() - in(Place::free);
}

} // namespace sledge
