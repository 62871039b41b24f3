// sched-sjf.cpp - shortest remaining estimate first.
#include "sledge/policy.hpp"

namespace {

struct Sjf {
  bool preemption = true;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *sjf = new (std::nothrow) Sjf;
  if (sjf != nullptr)
    sjf->preemption = sledge::policy::flag(config, "preemption", true);
  return sjf;
}

/// What has run longer than its estimate is expected to run as long again: an estimate that proved
/// too small must not make a request look nearly done.
uint64_t expected_ns(const sledge_request *r) {
  return r->run_ns > r->estimate_ns ? r->run_ns : r->remaining_ns;
}

sledge_rank rank(void *, const sledge_request *r, uint64_t) {
  return {expected_ns(r), 0};
}

int preempts(void *self, const sledge_request *candidate, const sledge_request *running, uint64_t) {
  const bool shorter = expected_ns(candidate) < expected_ns(running);
  return static_cast<Sjf *>(self)->preemption && shorter ? 1 : 0;
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank, .preempts = preempts};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::scheduler_table<Sjf>("sched-sjf", SLEDGE_POLICY_PREEMPTS,
                                                            create, &scheduler_ops);
