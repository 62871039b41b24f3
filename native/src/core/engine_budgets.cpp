// engine_budgets.cpp - what schedulers are told whose order depends on what has run.
#include <algorithm>

#include "core/engine.hpp"

namespace sledge {

void Engine::tell_terms() {
  settle_at_ns_ = WorkerTimers::never_ns;
  if (scheduler_ops_.settle != nullptr)
    settle_at_ns_ = now(); // with the first arrival, or at once if any is here
  if (scheduler_ops_.tenant == nullptr)
    return;
  for (uint32_t tenant = 0; tenant < tenant_count_max; tenant++)
    if (terms_[tenant].budget_ns != 0)
      scheduler_ops_.tenant(scheduler_.self(), tenant, &terms_[tenant], now());
}

bool Engine::set_terms(uint32_t tenant, const sledge_tenant_terms &terms, uint64_t now_ns) {
  begin(now_ns);
  if (tenant >= tenant_count_max)
    return false;
  terms_[tenant] = terms;
  if (scheduler_ops_.tenant == nullptr)
    return true;
  charge_all();
  scheduler_ops_.tenant(scheduler_.self(), tenant, &terms_[tenant], now());
  rerank_all();
  if (scheduler_ops_.settle != nullptr)
    settle_order();
  return true;
}

void Engine::order_arrival(Request &request) {
  request.order_word = scheduler_ops_.arrive != nullptr
                           ? scheduler_ops_.arrive(scheduler_.self(), &request, now())
                           : 0;
}

/// A scheduler that takes over learns of all that are here.
void Engine::tell_arrivals() {
  list_all();
  for (Request *request : scratch_)
    order_arrival(*request);
}

void Engine::charge_all() {
  for (Worker &w : workers_)
    if (w.running != nullptr)
      charge(w);
}

void Engine::settle_order() {
  charge_all();
  int reordered = 0;
  const uint64_t next_ns = scheduler_ops_.settle(scheduler_.self(), now(), &reordered);
  settle_at_ns_ = next_ns == 0 ? WorkerTimers::never_ns : std::max(next_ns, now() + 1);
  if (reordered != 0)
    rerank_all();
}

/// Asks for the rank of everything that waits there anew.
void Engine::rerank(Worker &worker) {
  scratch_.clear();
  while (Request *r = worker.queue.head()) {
    worker.queue.remove(r);
    scratch_.push_back(r);
  }
  for (Request *r : scratch_) {
    rank(*r);
    worker.queue.insert(r);
  }
}

/// Likewise of all workers, and has them leave what should not run any more.
void Engine::rerank_all() {
  for (uint32_t worker = 0; worker < config_.worker_count; worker++) {
    Worker &w = workers_[worker];
    rerank(w);
    if (w.running == nullptr)
      continue;
    if (decide(w).candidate != nullptr)
      interrupt_running(worker);
    refresh_timer(worker);
  }
}

} // namespace sledge
