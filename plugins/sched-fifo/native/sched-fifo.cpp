// sched-fifo.cpp - order of arrival, run to completion; with a quantum, round robin.
#include "sledge/policy.hpp"

namespace {

struct Fifo {
  uint64_t quantum_ns = 0;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *fifo = new (std::nothrow) Fifo;
  if (fifo == nullptr)
    return nullptr;
  fifo->quantum_ns = static_cast<uint64_t>(sledge::policy::number(config, "quantumUs", 0) * 1000.0);
  return fifo;
}

uint64_t quantum_ns(void *self) {
  return static_cast<Fifo *>(self)->quantum_ns;
}

/// All are equal; equals go by arrival, and behind each other when their quantum ends.
sledge_rank rank(void *, const sledge_request *, uint64_t) {
  return {0, 0};
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank, .preempts = nullptr};

constexpr sledge_policy_table table() {
  auto t = sledge::policy::scheduler_table<Fifo>("sched-fifo", SLEDGE_POLICY_PREEMPTS, create,
                                                 &scheduler_ops);
  t.quantum_ns = quantum_ns;
  return t;
}

} // namespace

SLEDGE_EXPORT_POLICY = table();
