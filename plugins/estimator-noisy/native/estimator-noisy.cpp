// estimator-noisy.cpp - the true service time times a random factor in [1 - error, 1 + error]:
// how much does a policy lose when its estimates are wrong? Seeded; for experiments.
#include <algorithm>
#include <cstring>
#include <new>

#include "sledge/policy.hpp"

namespace {

constexpr uint64_t scale = 1'000'000;

struct Noisy {
  uint64_t error_ppm = 500'000;
  uint64_t unknown_ns = 1'000'000;
  uint64_t random_state = 1;
};

/// splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
uint64_t next_random(uint64_t &state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Noisy;
  if (self == nullptr)
    return nullptr;
  self->random_state = config->seed;
  for (uint32_t i = 0; i < config->option_count; i++) {
    const sledge_option &option = config->options[i];
    if (std::strcmp(option.name, "error") == 0)
      self->error_ppm = static_cast<uint64_t>(std::clamp(option.number, 0.0, 1.0) * 1e6);
    else if (std::strcmp(option.name, "unknownUs") == 0)
      self->unknown_ns = static_cast<uint64_t>(std::max(option.number, 1e-3) * 1000.0);
  }
  return self;
}

uint64_t estimate(void *opaque, uint32_t, uint32_t worker, uint64_t fallback_ns,
                  uint64_t oracle_ns) {
  auto &self = *static_cast<Noisy *>(opaque);
  const uint64_t truth = oracle_ns != 0 ? oracle_ns : fallback_ns;
  if (truth == 0)
    return self.unknown_ns;
  if (worker != SLEDGE_NO_WORKER)
    return 0; // one draw for each request: keep the first
  const uint64_t factor =
      scale - self.error_ppm + next_random(self.random_state) % (2 * self.error_ppm + 1);
  const unsigned __int128 noisy = static_cast<unsigned __int128>(truth) * factor / scale;
  return std::max<uint64_t>(static_cast<uint64_t>(noisy), 1);
}

void observe(void *, uint32_t, uint32_t, uint64_t, int) {}

constexpr sledge_estimator_ops ops = {.estimate = estimate, .observe = observe, .forget = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::estimator_table<Noisy>("estimator-noisy", create, &ops);
