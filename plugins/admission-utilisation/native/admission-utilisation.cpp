// admission-utilisation.cpp - SLEdge's admission control: every request takes the share
// estimate / relative deadline of the workers until it ends, and the shares together stay below
// `capacity` of them. Check and addition are one step under the group's lock (SLEdge's are not).
#include <algorithm>
#include <cstring>
#include <new>

#include "sledge/policy.hpp"

namespace {

constexpr uint64_t whole = 1'000'000; // one worker

struct Utilisation {
  uint64_t capacity = 800'000; // of each worker
  uint64_t admitted = 0;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Utilisation;
  if (self == nullptr)
    return nullptr;
  for (uint32_t i = 0; i < config->option_count; i++) {
    const sledge_option &option = config->options[i];
    if (std::strcmp(option.name, "capacity") == 0)
      self->capacity = static_cast<uint64_t>(std::clamp(option.number, 0.01, 100.0) *
                                             static_cast<double>(whole));
  }
  return self;
}

/// Share of a worker in millionths, at least one; a request without a deadline takes none.
uint64_t share_of(const sledge_request &r) {
  if (r.deadline_ns == SLEDGE_NO_DEADLINE)
    return 0;
  const uint64_t relative_ns = r.deadline_ns > r.arrival_ns ? r.deadline_ns - r.arrival_ns : 1;
  const unsigned __int128 share =
      static_cast<unsigned __int128>(r.estimate_ns) * whole / relative_ns;
  return static_cast<uint64_t>(std::clamp<unsigned __int128>(share, 1, whole * 1000));
}

sledge_verdict admit(void *opaque, const sledge_request *r, uint64_t *word,
                     sledge_workers *workers) {
  auto &self = *static_cast<Utilisation *>(opaque);
  const uint64_t share = share_of(*r);
  // The first is always let in: a request that is too large by itself must not wait for ever.
  if (self.admitted != 0 && self.admitted + share > self.capacity * workers->count)
    return {.admitted = 0, .reserved = 0, .retry_after_ns = r->estimate_ns};
  self.admitted += share;
  *word = share;
  return {.admitted = 1, .reserved = 0, .retry_after_ns = 0};
}

void ended(void *opaque, const sledge_request *, uint64_t word, sledge_workers *) {
  static_cast<Utilisation *>(opaque)->admitted -= word;
}

constexpr sledge_admission_ops ops = {.admit = admit, .ended = ended};

} // namespace

SLEDGE_EXPORT_POLICY =
    sledge::policy::admission_table<Utilisation>("admission-utilisation", create, &ops);
