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

sledge_rank rank(void *, const sledge_request *r, uint64_t) {
  return {r->remaining_ns, 0};
}

int preempts(void *self, const sledge_request *candidate, const sledge_request *running, uint64_t) {
  const bool shorter = candidate->remaining_ns < running->remaining_ns;
  return static_cast<Sjf *>(self)->preemption && shorter ? 1 : 0;
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank, .preempts = preempts};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::scheduler_table<Sjf>("sched-sjf", SLEDGE_POLICY_PREEMPTS,
                                                            create, &scheduler_ops);
