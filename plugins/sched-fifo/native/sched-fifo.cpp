// sched-fifo.cpp - order of arrival, run to completion; with a quantum, round robin.
#include <cstring>
#include <new>

#include "sledge/policy.h"

namespace {

struct Fifo {
  uint64_t quantum_ns = 0;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *fifo = new (std::nothrow) Fifo;
  if (fifo == nullptr)
    return nullptr;
  for (uint32_t i = 0; i < config->option_count; i++) {
    const sledge_option &option = config->options[i];
    if (std::strcmp(option.name, "quantumUs") == 0)
      fifo->quantum_ns = static_cast<uint64_t>(option.number * 1000.0);
  }
  return fifo;
}

void destroy(void *self) {
  delete static_cast<Fifo *>(self);
}

uint64_t quantum_ns(void *self) {
  return static_cast<Fifo *>(self)->quantum_ns;
}

/// All are equal; equals go by arrival, and behind each other when their quantum ends.
sledge_rank rank(void *, const sledge_request *, uint64_t) {
  return {0, 0};
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank, .preempts = nullptr};

} // namespace

extern "C" __attribute__((visibility("default"))) const sledge_policy_table sledge_policy = {
    .api_version = SLEDGE_POLICY_API_VERSION,
    .struct_bytes = sizeof(sledge_policy_table),
    .name = "sched-fifo",
    .kind = SLEDGE_SCHEDULER,
    .flags = SLEDGE_POLICY_PREEMPTS,
    .create = create,
    .destroy = destroy,
    .tick_ns = nullptr,
    .quantum_ns = quantum_ns,
    .overdue_share_ppm = nullptr,
    .dispatcher = nullptr,
    .scheduler = &scheduler_ops,
};
