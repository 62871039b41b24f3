// engine_actions.cpp - wake-ups, interrupts, and when something is due without an event.
#include <algorithm>
#include <bit>

#include "core/engine.hpp"

namespace sledge {
namespace {

void set_bit(std::vector<uint64_t> &bits, uint32_t at, bool value) {
  const uint64_t mask = 1ull << (at % 64);
  uint64_t &word = bits[at / 64];
  word = value ? word | mask : word & ~mask;
}

bool bit(const std::vector<uint64_t> &bits, uint32_t at) {
  return ((bits[at / 64] >> (at % 64)) & 1) != 0;
}

} // namespace

/// At most one wake and one interrupt per worker are recorded, so the ring never overflows.
void Engine::record(ActionKind kind, uint32_t worker) {
  bool &recorded = kind == ActionKind::wake ? workers_[worker].wake_recorded
                                            : workers_[worker].interrupt_recorded;
  if (recorded)
    return;
  recorded = true;
  size_t at = action_first_ + action_count_++;
  if (at >= actions_.size())
    at -= actions_.size();
  actions_[at] = {kind, worker, 0};
}

size_t Engine::take_actions(std::span<Action> out) {
  size_t taken = 0;
  while (taken < out.size() && action_count_ > 0) {
    Action action = actions_[action_first_];
    if (++action_first_ == actions_.size())
      action_first_ = 0;
    action_count_--;
    Worker &worker = workers_[action.worker];
    if (action.kind == ActionKind::wake) {
      worker.wake_recorded = false;
      if (!worker.wake_sent)
        continue; // it has come by itself meanwhile
    } else {
      worker.interrupt_recorded = false;
      if (worker.interrupt_id == 0)
        continue; // what ran has left meanwhile
      action.request_id = worker.interrupt_id;
    }
    out[taken++] = action;
  }
  return taken;
}

void Engine::wake_if_idle(uint32_t worker) {
  Worker &sleeper = workers_[worker];
  if (sleeper.awake || sleeper.wake_sent)
    return;
  sleeper.wake_sent = true;
  counters_.wakes++;
  record(ActionKind::wake, worker);
}

void Engine::interrupt_running(uint32_t worker) {
  Worker &busy = workers_[worker];
  if (busy.interrupt_id == busy.running->id)
    return; // on its way
  busy.interrupt_id = busy.running->id;
  counters_.interrupts++;
  note(EventKind::interrupted, worker, busy.running);
  record(ActionKind::interrupt, worker);
}

void Engine::refresh_idle(uint32_t worker) {
  const Worker &w = workers_[worker];
  set_bit(idle_bits_, worker, w.running == nullptr && w.queue.empty() && w.pending == 0);
}

uint32_t Engine::next_idle(uint32_t from) const {
  if (from >= config_.worker_count)
    from = 0;
  const size_t words = idle_bits_.size();
  const size_t first = from / 64;
  const uint64_t at_or_after = ~0ull << (from % 64);
  for (size_t i = 0; i <= words; i++) {
    const size_t at = first + i < words ? first + i : first + i - words;
    uint64_t word = idle_bits_[at];
    if (i == 0)
      word &= at_or_after;
    if (i == words)
      word &= ~at_or_after;
    if (word != 0)
      return static_cast<uint32_t>(at * 64) + std::countr_zero(word);
  }
  return SLEDGE_NO_WORKER;
}

uint64_t Engine::timer_due_ns(const Worker &worker) const {
  if (!config_.preemption || worker.running == nullptr || worker.interrupt_id != 0)
    return WorkerTimers::never_ns;
  const bool someone_waits = !worker.queue.empty();
  uint64_t due_ns = worker.quantum_end_ns;
  if (due_ns <= now() && !someone_waits && counters_.held == 0)
    due_ns = WorkerTimers::never_ns;
  if (!someone_waits)
    return due_ns;
  const uint64_t valid_until_ns = worker.running->rank_valid_until_ns;
  if (valid_until_ns != UINT64_MAX)
    due_ns = std::min(due_ns, valid_until_ns + 1);
  if (overdue_share_ppm_ != 0)
    due_ns = std::min(due_ns, overdue_timer_ns(worker));
  return due_ns;
}

uint64_t Engine::turn_end_ns(uint32_t worker) const {
  const Worker &w = workers_[worker];
  const bool has_end = w.running != nullptr && w.quantum_end_ns != WorkerTimers::never_ns;
  const bool someone_waits = !w.queue.empty() || counters_.held != 0;
  return config_.preemption && has_end && someone_waits ? w.quantum_end_ns : 0;
}

uint64_t Engine::leave_by_ns(uint32_t worker) const {
  const Worker &w = workers_[worker];
  if (!config_.preemption || w.running == nullptr)
    return WorkerTimers::never_ns;
  // A quantum that is over already ends with the next arrival, which interrupts.
  const uint64_t quantum_ns = w.quantum_end_ns > now() ? w.quantum_end_ns : WorkerTimers::never_ns;
  return std::min(quantum_ns, timers_.due_ns(worker));
}

void Engine::set_parked(uint32_t worker, bool parked) {
  if (bit(parked_bits_, worker) == parked)
    return;
  set_bit(parked_bits_, worker, parked);
  parked_count_ += parked ? 1 : -1;
}

/// Sets the worker's timer; if it is due already, decides now. Afterwards it is in the future, save
/// when the dispatcher must be asked for work at a quantum's end: tick does that.
void Engine::refresh_timer(uint32_t worker) {
  Worker &w = workers_[worker];
  uint64_t due_ns = timer_due_ns(w);
  const bool quantum_over = w.running != nullptr && w.quantum_end_ns <= now();
  const bool ask = quantum_over && counters_.held != 0 && !w.quantum_asked;
  if (due_ns <= now() && !ask) {
    if (decide(w).candidate != nullptr) {
      interrupt_running(worker);
    } else if (quantum_over) {
      restart_quantum(w);
    }
    due_ns = std::max(timer_due_ns(w), now() + 1);
  }
  timers_.set(worker, due_ns);
  set_parked(worker, quantum_over && w.interrupt_id == 0 && due_ns == WorkerTimers::never_ns);
}

/// The dispatcher holds work again: those whose quantum had ended alone should ask for it.
void Engine::unpark() {
  for (size_t at = 0; at < parked_bits_.size() && parked_count_ > 0; at++) {
    for (uint64_t word = parked_bits_[at]; word != 0; word &= word - 1)
      refresh_timer(static_cast<uint32_t>(at * 64) + std::countr_zero(word));
  }
}

uint64_t Engine::next_tick_ns() const {
  const bool alive = counters_.held + counters_.queued + counters_.running + counters_.blocked != 0;
  const uint64_t tick_ns = tick_ns_ != 0 && alive ? tick_at_ns_ : WorkerTimers::never_ns;
  const uint64_t settle_ns = alive ? settle_at_ns_ : WorkerTimers::never_ns;
  return std::min({tick_ns, settle_ns, timers_.earliest_ns()});
}

void Engine::tick(uint64_t now_ns) {
  begin(now_ns);
  note(EventKind::tick, SLEDGE_NO_WORKER, nullptr);
  if (tick_ns_ != 0 && tick_at_ns_ <= now()) {
    tick_at_ns_ = now() + tick_ns_;
    if (dispatcher_ops().tick != nullptr) {
      dispatcher_ops().tick(dispatcher_.self(), &host_);
      apply();
    }
  }
  if (settle_at_ns_ <= now())
    settle_order();
  while (timers_.earliest_ns() <= now()) {
    const uint32_t worker = timers_.earliest_worker();
    Worker &w = workers_[worker];
    if (w.running != nullptr && w.quantum_end_ns <= now() && counters_.held != 0 &&
        !w.quantum_asked) {
      w.quantum_asked = true;
      ask_idle(worker);
    }
    refresh_timer(worker);
  }
}

} // namespace sledge
