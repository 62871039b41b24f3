// sched-mtds.cpp - a deferrable server for each tenant: what a tenant has been promised it gets
// before everything else, whenever in the period it asks; what it takes beyond that waits.
//
// Strosnider, Lehoczky, Sha: The Deferrable Server Algorithm for Enhanced Aperiodic Responsiveness
// in Hard Real-Time Environments. IEEE Transactions on Computers 44(1), 1995.
#include <algorithm>
#include <memory>

#include "sledge/policy.hpp"

namespace {

/// No budget is looked at more often than this, and so much may be overrun unseen.
constexpr uint64_t look_ns = 10'000;
/// A budget that nobody waits for is looked at so often while it lasts.
constexpr int64_t looks_per_budget = 16;
constexpr int64_t budget_max_ns = 1ll << 50;

struct Tenant {
  int64_t budget_ns = 0; ///< 0: nothing is promised
  uint64_t period_ns = 1;
  uint64_t period = 0; ///< number of the one that `left_ns` is of
  int64_t left_ns = 0; ///< below 0: overrun, to be paid from the next ones
  uint32_t alive = 0;
  bool was_spent = false; ///< waiting requests may be ranked so
};

struct Mtds {
  uint32_t worker_count = 1;
  uint32_t tenant_count = 0;
  uint64_t default_share_ppm = 0;
  uint32_t promised_last = 0; ///< one more than the last tenant with a promise
  std::unique_ptr<Tenant[]> tenants;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Mtds;
  if (self == nullptr)
    return nullptr;
  self->worker_count = std::max(config->worker_count, 1u);
  self->tenant_count = config->tenant_count_max;
  self->default_share_ppm =
      sledge::policy::parts_per_million(sledge::policy::number(config, "defaultShare", 0));
  self->tenants.reset(new (std::nothrow) Tenant[config->tenant_count_max]);
  if (self->tenants == nullptr) {
    delete self;
    return nullptr;
  }
  return self;
}

uint64_t default_share_ppm(void *self) {
  return static_cast<Mtds *>(self)->default_share_ppm;
}

/// Null: nothing is promised to it.
Tenant *find(const Mtds &self, uint32_t tenant) {
  if (tenant >= self.promised_last || self.tenants[tenant].budget_ns == 0)
    return nullptr;
  return &self.tenants[tenant];
}

/// Each period that has begun adds one budget; what was left of the last is lost, what was overrun
/// is paid from it.
void replenish(Tenant &tenant, uint64_t now_ns) {
  const uint64_t period = now_ns / tenant.period_ns;
  if (period <= tenant.period)
    return;
  const uint64_t periods = std::min<uint64_t>(period - tenant.period, 1u << 12);
  tenant.period = period;
  tenant.left_ns =
      std::min(tenant.budget_ns, tenant.left_ns + static_cast<int64_t>(periods) * tenant.budget_ns);
}

void set_tenant(void *opaque, uint32_t index, const sledge_tenant_terms *terms, uint64_t now_ns) {
  auto &self = *static_cast<Mtds *>(opaque);
  if (index >= self.tenant_count)
    return;
  Tenant &tenant = self.tenants[index];
  const bool is_promised = terms->budget_ns != 0 && terms->period_ns != 0;
  const auto budget_ns = static_cast<int64_t>(std::min<uint64_t>(terms->budget_ns, budget_max_ns));
  tenant.budget_ns = is_promised ? budget_ns : 0;
  tenant.period_ns = std::max<uint64_t>(terms->period_ns, 1);
  tenant.period = now_ns / tenant.period_ns;
  tenant.left_ns = std::min(tenant.left_ns, int64_t{0}) + tenant.budget_ns;
  self.promised_last = std::max(self.promised_last, index + 1);
}

uint32_t arrive(void *opaque, const sledge_request *r, uint64_t) {
  if (Tenant *tenant = find(*static_cast<Mtds *>(opaque), r->tenant))
    tenant->alive++;
  return 0;
}

void gone(void *opaque, const sledge_request *r, uint64_t) {
  Tenant *tenant = find(*static_cast<Mtds *>(opaque), r->tenant);
  if (tenant != nullptr && tenant->alive > 0)
    tenant->alive--;
}

/// What runs without budget takes what nobody was promised, and is not charged for it.
void ran(void *opaque, const sledge_request *r, uint64_t ran_ns, uint64_t now_ns) {
  Tenant *tenant = find(*static_cast<Mtds *>(opaque), r->tenant);
  if (tenant == nullptr)
    return;
  if (tenant->left_ns > 0) {
    tenant->left_ns -= static_cast<int64_t>(std::min<uint64_t>(ran_ns, budget_max_ns));
    tenant->was_spent = tenant->was_spent || tenant->left_ns <= 0;
  }
  replenish(*tenant, now_ns);
}

/// When the budget may be spent at the earliest, all workers running this tenant.
uint64_t lasts_until_ns(const Mtds &self, const Tenant &tenant, uint64_t now_ns) {
  const uint64_t share_ns = static_cast<uint64_t>(tenant.left_ns) / self.worker_count;
  return now_ns + std::max(share_ns, look_ns);
}

sledge_rank rank(void *opaque, const sledge_request *r, uint64_t now_ns) {
  const auto &self = *static_cast<Mtds *>(opaque);
  const uint64_t key = std::min<uint64_t>(r->deadline_ns, SLEDGE_RANK_KEY_MAX);
  Tenant *tenant = find(self, r->tenant);
  if (tenant == nullptr)
    return {SLEDGE_RANK_OVERDUE | key, 0};
  replenish(*tenant, now_ns);
  if (tenant->left_ns > 0)
    return {key, lasts_until_ns(self, *tenant, now_ns)};
  tenant->was_spent = true;
  return {SLEDGE_RANK_OVERDUE | key, 0};
}

/// All that run have been charged. Ranks change when a budget that was spent is filled again.
uint64_t settle(void *opaque, uint64_t now_ns, int *reordered) {
  auto &self = *static_cast<Mtds *>(opaque);
  uint64_t next_ns = UINT64_MAX;
  for (uint32_t at = 0; at < self.promised_last; at++) {
    Tenant *tenant = find(self, at);
    if (tenant == nullptr)
      continue;
    replenish(*tenant, now_ns);
    if (tenant->was_spent && tenant->left_ns > 0) {
      tenant->was_spent = false;
      *reordered = 1;
    }
    next_ns = std::min(next_ns, (tenant->period + 1) * tenant->period_ns);
    if (tenant->alive == 0 || tenant->left_ns <= 0)
      continue;
    const auto step_ns = static_cast<uint64_t>(tenant->budget_ns / looks_per_budget);
    next_ns = std::min(next_ns, std::max(lasts_until_ns(self, *tenant, now_ns), now_ns + step_ns));
  }
  return next_ns == UINT64_MAX ? 0 : next_ns;
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank,
                                                .preempts = nullptr,
                                                .tenant = set_tenant,
                                                .arrive = arrive,
                                                .ran = ran,
                                                .gone = gone,
                                                .settle = settle};

constexpr sledge_policy_table table() {
  auto t = sledge::policy::scheduler_table<Mtds>("sched-mtds", SLEDGE_POLICY_PREEMPTS, create,
                                                 &scheduler_ops);
  t.overdue_share_ppm = default_share_ppm;
  return t;
}

} // namespace

SLEDGE_EXPORT_POLICY = table();
