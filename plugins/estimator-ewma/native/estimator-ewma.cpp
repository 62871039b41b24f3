// estimator-ewma.cpp - exponentially weighted moving average of the service times of a type.
// Integer arithmetic with 8 fractional bits: the same on every machine.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "sledge/policy.hpp"

namespace {

constexpr uint64_t fraction = 256;
constexpr uint64_t sample_max_ns = 1ull << 43;

struct Ewma {
  ~Ewma() { std::free(means); }
  uint64_t *means = nullptr; // ns times `fraction`; 0: no sample
  uint32_t types = 0;
  uint64_t weight_ppm = 125'000;
  uint64_t unknown_ns = 1'000'000;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Ewma;
  if (self == nullptr)
    return nullptr;
  for (uint32_t i = 0; i < config->option_count; i++) {
    const sledge_option &option = config->options[i];
    if (std::strcmp(option.name, "weight") == 0)
      self->weight_ppm = static_cast<uint64_t>(std::clamp(option.number, 1e-6, 1.0) * 1e6);
    else if (std::strcmp(option.name, "unknownUs") == 0)
      self->unknown_ns = static_cast<uint64_t>(std::max(option.number, 1e-3) * 1000.0);
  }
  self->types = config->type_count_max;
  self->means = static_cast<uint64_t *>(std::calloc(self->types, sizeof(uint64_t)));
  if (self->means == nullptr) {
    delete self;
    return nullptr;
  }
  return self;
}

uint64_t estimate(void *opaque, uint32_t type, uint32_t, uint64_t fallback_ns, uint64_t) {
  const auto &self = *static_cast<Ewma *>(opaque);
  if (type < self.types && self.means[type] != 0)
    return std::max<uint64_t>(self.means[type] / fraction, 1);
  return fallback_ns != 0 ? fallback_ns : self.unknown_ns;
}

void observe(void *opaque, uint32_t type, uint32_t, uint64_t run_ns, int succeeded) {
  auto &self = *static_cast<Ewma *>(opaque);
  if (succeeded == 0 || type >= self.types)
    return;
  const uint64_t sample = std::clamp<uint64_t>(run_ns, 1, sample_max_ns) * fraction;
  uint64_t &mean = self.means[type];
  if (mean == 0) {
    mean = sample;
    return;
  }
  const bool above = sample > mean;
  const unsigned __int128 distance = above ? sample - mean : mean - sample;
  const auto step = static_cast<uint64_t>(distance * self.weight_ppm / 1'000'000u);
  mean = above ? mean + step : mean - step;
}

void forget(void *opaque, uint32_t type) {
  auto &self = *static_cast<Ewma *>(opaque);
  if (type < self.types)
    self.means[type] = 0;
}

constexpr sledge_estimator_ops ops = {.estimate = estimate, .observe = observe, .forget = forget};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::estimator_table<Ewma>("estimator-ewma", create, &ops);
