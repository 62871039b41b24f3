// sched-edf.cpp - earliest absolute deadline first, with a rule for what is overdue.
#include <algorithm>

#include "sledge/policy.hpp"

namespace {

struct Edf {
  bool overdue_behind = true; ///< overdue work stands behind on-time work
  bool slack_rule = false;    ///< SLEdgeScale's: what has no slack left is not preempted
  uint64_t overdue_share_ppm = 0;
  uint64_t finish_ns = 0; ///< what is overdue and needs no more than this keeps the worker
};

void *create(const sledge_policy_config *config, char *error, size_t error_bytes) {
  using sledge::policy::is_text;
  const bool given = sledge::policy::find_option(config, "overdue") != nullptr;
  const bool in_order = is_text(config, "overdue", "in-order");
  const bool slack = is_text(config, "overdue", "slack");
  if (given && !in_order && !slack && !is_text(config, "overdue", "behind")) {
    std::strncpy(error, "overdue is none of behind, in-order, slack", error_bytes - 1);
    return nullptr;
  }
  auto *edf = new (std::nothrow) Edf;
  if (edf == nullptr)
    return nullptr;
  edf->overdue_behind = !in_order && !slack;
  edf->slack_rule = slack;
  if (edf->overdue_behind) {
    edf->overdue_share_ppm =
        sledge::policy::parts_per_million(sledge::policy::number(config, "overdueShare", 0.1));
    edf->finish_ns =
        static_cast<uint64_t>(sledge::policy::number(config, "overdueFinishUs", 10) * 1e3);
  }
  return edf;
}

uint64_t overdue_share_ppm(void *self) {
  return static_cast<Edf *>(self)->overdue_share_ppm;
}

/// To leave it now would cost more than its rest: it would hold its slot for long, and the time
/// that it has had would have made others late for nothing.
bool is_to_finish(const Edf &edf, const sledge_request *r) {
  return r->state == SLEDGE_REQUEST_RUNNING && r->remaining_ns <= edf.finish_ns;
}

/// What is overdue has lost: short work goes first, so that few wait for long work, but what has
/// been overdue for ten times its rest goes before newer short work: nothing starves in there.
constexpr uint64_t overdue_patience = 10;

uint64_t overdue_key(const sledge_request *r) {
  return std::min<uint64_t>(r->deadline_ns + overdue_patience * r->remaining_ns,
                            SLEDGE_RANK_KEY_MAX);
}

/// While it is on time.
uint64_t rank_key(const sledge_request *r) {
  return std::min<uint64_t>(r->deadline_ns, SLEDGE_RANK_KEY_MAX);
}

/// Requests without a deadline go behind all on-time ones that have one, by arrival.
sledge_rank rank(void *self, const sledge_request *r, uint64_t now_ns) {
  const uint64_t key = rank_key(r);
  const auto &edf = *static_cast<Edf *>(self);
  if (!edf.overdue_behind || r->deadline_ns == SLEDGE_NO_DEADLINE)
    return {key, 0};
  if (now_ns > r->deadline_ns) {
    const uint64_t end_ns = is_to_finish(edf, r) ? now_ns + r->remaining_ns : 0;
    return {SLEDGE_RANK_OVERDUE | overdue_key(r), end_ns};
  }
  return {key, r->deadline_ns};
}

/// Time that r could still wait and meet its deadline if its estimate is right. What it has run
/// does not lower it, and neither does running longer than the estimate.
bool has_slack(const sledge_request *r, uint64_t now_ns) {
  return r->deadline_ns > now_ns + r->estimate_ns - std::min(r->run_ns, now_ns + r->estimate_ns);
}

int preempts(void *self, const sledge_request *candidate, const sledge_request *running,
             uint64_t now_ns) {
  const auto &edf = *static_cast<Edf *>(self);
  if (!edf.slack_rule && now_ns <= std::min(candidate->deadline_ns, running->deadline_ns))
      [[likely]]
    return rank_key(candidate) < rank_key(running) ? 1 : 0;
  if (edf.slack_rule && !has_slack(running, now_ns))
    return 0;
  if (edf.overdue_behind && now_ns > running->deadline_ns && is_to_finish(edf, running))
    return 0;
  return rank(self, candidate, now_ns).key < rank(self, running, now_ns).key ? 1 : 0;
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank, .preempts = preempts};

constexpr sledge_policy_table table() {
  auto t = sledge::policy::scheduler_table<Edf>("sched-edf", SLEDGE_POLICY_PREEMPTS, create,
                                                &scheduler_ops);
  t.overdue_share_ppm = overdue_share_ppm;
  return t;
}

} // namespace

SLEDGE_EXPORT_POLICY = table();
