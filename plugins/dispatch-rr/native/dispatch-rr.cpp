// dispatch-rr.cpp - each worker in turn.
#include "sledge/policy.hpp"

namespace {

struct Rr {
  bool interrupts = false;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *rr = new (std::nothrow) Rr;
  if (rr != nullptr)
    rr->interrupts = sledge::policy::flag(config, "interrupts", false);
  return rr;
}

void arrive(void *self, sledge_request *r, sledge_workers *workers) {
  const uint32_t turn = workers->rotate(workers);
  sledge::policy::place_anywhere(workers, turn, r, static_cast<Rr *>(self)->interrupts);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {.arrive = arrive,
                                                  .idle = nullptr,
                                                  .preempted = nullptr,
                                                  .completed = nullptr,
                                                  .removed = nullptr,
                                                  .tick = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY =
    sledge::policy::dispatcher_table<Rr>("dispatch-rr", 0, create, &dispatcher_ops);
