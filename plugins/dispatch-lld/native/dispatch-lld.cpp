// dispatch-lld.cpp - the worker with the least work by its estimates.
#include "sledge/policy.hpp"

namespace {

struct Lld {
  bool interrupts = false;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *state = new (std::nothrow) Lld;
  if (state != nullptr)
    state->interrupts = sledge::policy::flag(config, "interrupts", false);
  return state;
}

/// Expected work on the worker, the rest of the running request included.
uint64_t load_of(const sledge_worker_view *view) {
  return view->queued_work_ns;
}

/// The least loaded worker from `start` on (the first of equals); if `yields`, of those whose
/// running request would give way to r. SLEDGE_NO_WORKER: none.
uint32_t least_loaded(sledge_workers *workers, uint32_t start, const sledge_request *r,
                      bool yields) {
  uint32_t least = SLEDGE_NO_WORKER;
  uint64_t least_load = UINT64_MAX;
  for (uint32_t i = 0; i < workers->count; i++) {
    const uint32_t worker = start + i < workers->count ? start + i : start + i - workers->count;
    const uint64_t load = load_of(workers->at(workers, worker));
    if (load >= least_load || (yields && workers->would_preempt(workers, worker, r) == 0))
      continue;
    least = worker;
    least_load = load;
  }
  return least;
}

void arrive(void *self, sledge_request *r, sledge_workers *workers) {
  const bool interrupts = static_cast<Lld *>(self)->interrupts;
  const uint32_t start = workers->rotate(workers);
  const uint32_t idle = workers->next_idle(workers, start);
  if (idle != SLEDGE_NO_WORKER && workers->assign(workers, idle, r) != 0)
    return;
  if (interrupts) {
    const uint32_t yielding = least_loaded(workers, start, r, true);
    if (yielding != SLEDGE_NO_WORKER && sledge::policy::place(workers, yielding, r, true))
      return;
  }
  sledge::policy::place_anywhere(workers, least_loaded(workers, start, r, false), r, false);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {.arrive = arrive,
                                                  .idle = nullptr,
                                                  .preempted = nullptr,
                                                  .completed = nullptr,
                                                  .removed = nullptr,
                                                  .tick = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY =
    sledge::policy::dispatcher_table<Lld>("dispatch-lld", 0, create, &dispatcher_ops);
