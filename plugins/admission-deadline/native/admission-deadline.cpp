// admission-deadline.cpp - refuses at once what cannot meet its deadline behind the work that
// would run before it, on the worker where that is least, with the time that its answer needs.
#include <algorithm>
#include <new>

#include "sledge/policy.hpp"

namespace {

struct Deadline {
  uint64_t slack_ns = 0;     // how much a request may be late by the estimate and still be let in
  uint32_t workers_max = 64; // looked at per request, from a rotating start
  uint32_t start = 0;
  uint64_t reply_max_ppm = 500'000; // of a relative deadline, left for the answer
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Deadline;
  if (self == nullptr)
    return nullptr;
  using sledge::policy::number;
  const double slack_us = std::max(number(config, "slackUs", 0), 0.0);
  const double workers = number(config, "workersMax", 64);
  const double reply_max_share = number(config, "replyMaxShare", 0.5);
  self->slack_ns = static_cast<uint64_t>(slack_us) * 1000;
  self->workers_max = static_cast<uint32_t>(std::clamp(workers, 1.0, 4096.0));
  self->reply_max_ppm = sledge::policy::parts_per_million(std::clamp(reply_max_share, 0.0, 1.0));
  return self;
}

/// What has to be left of the deadline when the request has ended. Bounded: replies that were slow
/// once must not shut out everybody whose replies could show that they no longer are.
uint64_t reply_ns(const Deadline &self, const sledge_request &r, const sledge_workers &workers) {
  const uint64_t relative_ns = r.deadline_ns - std::min(r.arrival_ns, r.deadline_ns);
  return std::min<uint64_t>(workers.reply_ns, relative_ns / 1000 * self.reply_max_ppm / 1000);
}

sledge_verdict admit(void *opaque, const sledge_request *r, uint64_t *, sledge_workers *workers) {
  auto &self = *static_cast<Deadline *>(opaque);
  constexpr sledge_verdict yes = {.admitted = 1, .reserved = 0, .retry_after_ns = 0};
  if (r->deadline_ns == SLEDGE_NO_DEADLINE)
    return yes;
  const uint64_t now = workers->now_ns + reply_ns(self, *r, *workers);
  const uint64_t latest = r->deadline_ns + self.slack_ns;
  const uint64_t left = latest > now ? latest - now : 0;
  const uint64_t held = workers->held_work_ns / workers->count; // before it, wherever it goes
  const uint32_t looked_at = std::min(workers->count, self.workers_max);
  uint64_t least = UINT64_MAX;
  for (uint32_t i = 0; i < looked_at; i++) {
    const uint32_t w = (self.start + i) % workers->count;
    least = std::min(least, workers->wait_ns(workers, w, r));
    if (least <= left && held + least + r->estimate_ns <= left)
      return yes;
  }
  self.start = (self.start + looked_at) % workers->count;
  const uint64_t needed = least == UINT64_MAX ? r->estimate_ns : held + least + r->estimate_ns;
  return {.admitted = 0, .reserved = 0, .retry_after_ns = needed > left ? needed - left : 1};
}

void ended(void *, const sledge_request *, uint64_t, sledge_workers *) {}

constexpr sledge_admission_ops ops = {.admit = admit, .ended = ended};

} // namespace

SLEDGE_EXPORT_POLICY =
    sledge::policy::admission_table<Deadline>("admission-deadline", create, &ops);
