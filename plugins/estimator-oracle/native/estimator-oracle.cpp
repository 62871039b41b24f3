// estimator-oracle.cpp - the true service time where it is known beforehand (experiments).
#include <algorithm>
#include <cstring>
#include <new>

#include "sledge/policy.hpp"

namespace {

struct Oracle {
  uint64_t unknown_ns = 1'000'000;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Oracle;
  if (self == nullptr)
    return nullptr;
  for (uint32_t i = 0; i < config->option_count; i++) {
    const sledge_option &option = config->options[i];
    if (std::strcmp(option.name, "unknownUs") == 0)
      self->unknown_ns = static_cast<uint64_t>(std::max(option.number, 1e-3) * 1000.0);
  }
  return self;
}

uint64_t estimate(void *self, uint32_t, uint32_t, uint64_t fallback_ns, uint64_t oracle_ns) {
  if (oracle_ns != 0)
    return oracle_ns;
  return fallback_ns != 0 ? fallback_ns : static_cast<Oracle *>(self)->unknown_ns;
}

void observe(void *, uint32_t, uint32_t, uint64_t, int) {}

constexpr sledge_estimator_ops ops = {.estimate = estimate, .observe = observe, .forget = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::estimator_table<Oracle>("estimator-oracle", create, &ops);
