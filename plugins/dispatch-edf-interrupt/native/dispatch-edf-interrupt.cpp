// dispatch-edf-interrupt.cpp - an idle worker, else one that gives way, else the one where the
// least work stands before the request.
#include "sledge/policy.hpp"

namespace {

struct EdfInterrupt {};

void *create(const sledge_policy_config *, char *, size_t) {
  return new (std::nothrow) EdfInterrupt;
}

uint32_t at_turn(const sledge_workers *workers, uint32_t start, uint32_t i) {
  return start + i < workers->count ? start + i : start + i - workers->count;
}

/// Of the workers whose running request would give way to r, the one with the least queued work.
uint32_t least_work_that_yields(sledge_workers *workers, uint32_t start, const sledge_request *r) {
  uint32_t least = SLEDGE_NO_WORKER;
  uint64_t least_ns = UINT64_MAX;
  for (uint32_t i = 0; i < workers->count; i++) {
    const uint32_t worker = at_turn(workers, start, i);
    if (workers->would_preempt(workers, worker, r) == 0)
      continue;
    const uint64_t work_ns = workers->at(workers, worker)->queued_work_ns;
    if (work_ns < least_ns) {
      least = worker;
      least_ns = work_ns;
    }
  }
  return least;
}

uint32_t least_wait(sledge_workers *workers, uint32_t start, const sledge_request *r) {
  uint32_t least = start;
  uint64_t least_ns = UINT64_MAX;
  for (uint32_t i = 0; i < workers->count; i++) {
    const uint32_t worker = at_turn(workers, start, i);
    const uint64_t wait_ns = workers->wait_ns(workers, worker, r);
    if (wait_ns < least_ns) {
      least = worker;
      least_ns = wait_ns;
    }
  }
  return least;
}

void arrive(void *, sledge_request *r, sledge_workers *workers) {
  const uint32_t start = workers->rotate(workers);
  const uint32_t idle = workers->next_idle(workers, start);
  if (idle != SLEDGE_NO_WORKER && workers->assign(workers, idle, r) != 0)
    return;
  const uint32_t yielding = least_work_that_yields(workers, start, r);
  if (yielding != SLEDGE_NO_WORKER && sledge::policy::place(workers, yielding, r, true))
    return;
  sledge::policy::place_anywhere(workers, least_wait(workers, start, r), r, true);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {.arrive = arrive,
                                                  .idle = nullptr,
                                                  .preempted = nullptr,
                                                  .completed = nullptr,
                                                  .removed = nullptr,
                                                  .tick = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::dispatcher_table<EdfInterrupt>(
    "dispatch-edf-interrupt", SLEDGE_POLICY_PREEMPTS, create, &dispatcher_ops);
