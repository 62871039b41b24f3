// dispatch-edf-interrupt.cpp - an idle worker, else one that gives way, else the one where the
// least work stands before the request.
#include "sledge/policy.hpp"

namespace {

struct EdfInterrupt {};

void *create(const sledge_policy_config *, char *, size_t) {
  return new (std::nothrow) EdfInterrupt;
}

void arrive(void *, sledge_request *r, sledge_workers *workers) {
  const uint32_t start = workers->rotate(workers);
  const uint32_t idle = workers->next_idle(workers, start);
  if (idle != SLEDGE_NO_WORKER && workers->assign(workers, idle, r) != 0)
    return;
  const uint32_t yielding = workers->least_work_yielding(workers, start, r);
  const bool one_yields = yielding != SLEDGE_NO_WORKER;
  if (one_yields && sledge::policy::place(workers, yielding, r, true))
    return;
  sledge::policy::place_anywhere(workers, workers->least_wait(workers, start, r), r, one_yields);
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
