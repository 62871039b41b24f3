// sched-mtdbf.cpp - at its arrival a request is promised its deadline if the demand bound of its
// tenant allows it; what is promised runs by deadline, before everything else.
//
// Baruah, Mok, Rosier: Preemptively Scheduling Hard-Real-Time Sporadic Tasks on One Processor. RTSS
// 1990: jobs can meet their deadlines exactly if in no interval the demand of those that come and
// are due in it exceeds what can be supplied. Here each tenant is held to that on a processor of
// its own, as fast as its share (budget / period): what it was promised is served there in thought,
// by deadline, and a new job may be promised if it and all that are due later still meet theirs.
// Schedules of all these processors side by side are one of the real worker as long as the shares
// add up to no more than one, and EDF finds every schedule that there is (Liu, Layland 1973).
#include <algorithm>
#include <memory>

#include "sledge/policy.hpp"

namespace {

/// A promise is looked at again no sooner than this.
constexpr uint64_t look_ns = 10'000;
/// Promises of one tenant that are open in thought; one more is not given.
constexpr uint32_t open_max = 1024;
constexpr uint32_t nobody = UINT32_MAX;

struct Promise {
  uint64_t id = 0; ///< of the request
  uint64_t deadline_ns = 0;
  uint64_t time_ns = 0; ///< of a worker, promised
  uint64_t left_ns = 0; ///< of it, in thought
  uint32_t next = nobody;
  bool is_open = false; ///< not served in thought
  bool is_alive = false;
};

struct Tenant {
  uint64_t budget_ns = 0; ///< 0: nothing is promised
  uint64_t period_ns = 1;
  uint64_t served_until_ns = 0; ///< in thought
  uint64_t carry = 0;           ///< supplied beside that, ns / period_ns
  uint32_t first = nobody;      ///< open ones, by deadline
};

struct Mtdbf {
  uint32_t tenant_count = 0;
  uint64_t default_share_ppm = 0;
  std::unique_ptr<Tenant[]> tenants;
  std::unique_ptr<Promise[]> promises;
  uint32_t promise_count = 0;
  uint32_t free = nobody;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *self = new (std::nothrow) Mtdbf;
  if (self == nullptr)
    return nullptr;
  self->tenant_count = config->tenant_count_max;
  self->default_share_ppm =
      sledge::policy::parts_per_million(sledge::policy::number(config, "defaultShare", 0));
  self->promise_count = 2 * std::min(config->request_count_max, 1u << 20);
  self->tenants.reset(new (std::nothrow) Tenant[self->tenant_count]);
  self->promises.reset(new (std::nothrow) Promise[self->promise_count]);
  if (self->tenants == nullptr || self->promises == nullptr) {
    delete self;
    return nullptr;
  }
  for (uint32_t at = self->promise_count; at-- > 0;) {
    self->promises[at].next = self->free;
    self->free = at;
  }
  return self;
}

uint64_t default_share_ppm(void *self) {
  return static_cast<Mtdbf *>(self)->default_share_ppm;
}

void free_if_done(Mtdbf &self, uint32_t at) {
  Promise &promise = self.promises[at];
  if (promise.is_open || promise.is_alive)
    return;
  promise.next = self.free;
  self.free = at;
}

void close_first(Mtdbf &self, Tenant &tenant) {
  const uint32_t at = tenant.first;
  tenant.first = self.promises[at].next;
  self.promises[at].is_open = false;
  free_if_done(self, at);
}

/// Lets the tenant's own processor serve what it was promised, up to now.
void serve(Mtdbf &self, Tenant &tenant, uint64_t now_ns) {
  const uint64_t waited_ns = now_ns - std::min(now_ns, tenant.served_until_ns);
  const auto units = static_cast<unsigned __int128>(waited_ns) * tenant.budget_ns + tenant.carry;
  auto supply_ns = static_cast<uint64_t>(units / tenant.period_ns);
  tenant.carry = static_cast<uint64_t>(units % tenant.period_ns);
  tenant.served_until_ns = std::max(now_ns, tenant.served_until_ns);
  while (tenant.first != nobody) {
    Promise &first = self.promises[tenant.first];
    const uint64_t served_ns = std::min(first.left_ns, supply_ns);
    first.left_ns -= served_ns;
    supply_ns -= served_ns;
    if (first.left_ns != 0)
      return;
    close_first(self, tenant);
  }
  tenant.carry = 0; // time without work is lost
}

/// What its processor supplies from now until the deadline.
uint64_t supply_ns(const Tenant &tenant, uint64_t now_ns, uint64_t deadline_ns) {
  if (deadline_ns <= now_ns)
    return 0;
  const auto units = static_cast<unsigned __int128>(deadline_ns - now_ns) * tenant.budget_ns;
  return static_cast<uint64_t>(std::min<unsigned __int128>(units / tenant.period_ns, 1ull << 62));
}

/// Where the demand bound lets it in: behind this open one (nobody: first). False: it does not.
bool find_place(const Mtdbf &self, const Tenant &tenant, const sledge_request *r, uint64_t now_ns,
                uint32_t &behind) {
  uint64_t demand_ns = r->estimate_ns;
  uint32_t count = 0;
  uint32_t at = tenant.first;
  behind = nobody;
  for (; at != nobody && self.promises[at].deadline_ns <= r->deadline_ns && count < open_max;
       at = self.promises[at].next, count++) {
    demand_ns += self.promises[at].left_ns;
    behind = at;
  }
  if (demand_ns > supply_ns(tenant, now_ns, r->deadline_ns))
    return false;
  for (; at != nobody && count < open_max; at = self.promises[at].next, count++) {
    demand_ns += self.promises[at].left_ns;
    if (demand_ns > supply_ns(tenant, now_ns, self.promises[at].deadline_ns))
      return false;
  }
  return count < open_max;
}

void set_tenant(void *opaque, uint32_t index, const sledge_tenant_terms *terms, uint64_t now_ns) {
  auto &self = *static_cast<Mtdbf *>(opaque);
  if (index >= self.tenant_count)
    return;
  Tenant &tenant = self.tenants[index];
  serve(self, tenant, now_ns);
  while (terms->budget_ns == 0 && tenant.first != nobody)
    close_first(self, tenant);
  tenant.budget_ns = terms->period_ns != 0 ? terms->budget_ns : 0;
  tenant.period_ns = std::max<uint64_t>(terms->period_ns, 1);
  tenant.carry = 0;
}

/// The answer is the promise's place, from 1; 0: none is made.
uint32_t arrive(void *opaque, const sledge_request *r, uint64_t now_ns) {
  auto &self = *static_cast<Mtdbf *>(opaque);
  const bool may_be = r->tenant < self.tenant_count && self.tenants[r->tenant].budget_ns != 0 &&
                      r->deadline_ns != SLEDGE_NO_DEADLINE && r->deadline_ns > now_ns &&
                      r->estimate_ns <= r->deadline_ns - now_ns && r->run_ns == 0;
  if (!may_be || self.free == nobody)
    return 0;
  Tenant &tenant = self.tenants[r->tenant];
  serve(self, tenant, now_ns);
  uint32_t behind = nobody;
  if (!find_place(self, tenant, r, now_ns, behind))
    return 0;
  const uint32_t at = self.free;
  self.free = self.promises[at].next;
  uint32_t &link = behind == nobody ? tenant.first : self.promises[behind].next;
  self.promises[at] = {r->id, r->deadline_ns, r->estimate_ns, r->estimate_ns, link, true, true};
  link = at;
  return at + 1;
}

/// Null: it has no promise.
Promise *find(const Mtdbf &self, const sledge_request *r) {
  if (r->order_word == 0 || r->order_word > self.promise_count)
    return nullptr;
  Promise &promise = self.promises[r->order_word - 1];
  return promise.is_alive && promise.id == r->id ? &promise : nullptr;
}

/// What it was promised and did not need is free for others of its tenant.
void gone(void *opaque, const sledge_request *r, uint64_t now_ns) {
  auto &self = *static_cast<Mtdbf *>(opaque);
  Promise *promise = find(self, r);
  if (promise == nullptr)
    return;
  serve(self, self.tenants[r->tenant], now_ns);
  promise->left_ns -=
      std::min(promise->left_ns, promise->time_ns - std::min(promise->time_ns, r->run_ns));
  promise->is_alive = false;
  free_if_done(self, r->order_word - 1);
}

/// Promised, as long as it takes no more than it said and is on time.
sledge_rank rank(void *opaque, const sledge_request *r, uint64_t now_ns) {
  const uint64_t key = std::min<uint64_t>(r->deadline_ns, SLEDGE_RANK_KEY_MAX);
  const Promise *promise = find(*static_cast<Mtdbf *>(opaque), r);
  if (promise == nullptr || r->run_ns >= promise->time_ns || now_ns > r->deadline_ns)
    return {SLEDGE_RANK_OVERDUE | key, 0};
  const uint64_t spent_ns = now_ns + std::max(promise->time_ns - r->run_ns, look_ns);
  return {key, std::min(spent_ns, r->deadline_ns)};
}

constexpr sledge_scheduler_ops scheduler_ops = {.rank = rank,
                                                .preempts = nullptr,
                                                .tenant = set_tenant,
                                                .arrive = arrive,
                                                .ran = nullptr,
                                                .gone = gone,
                                                .settle = nullptr};

constexpr sledge_policy_table table() {
  auto t = sledge::policy::scheduler_table<Mtdbf>("sched-mtdbf", SLEDGE_POLICY_PREEMPTS, create,
                                                  &scheduler_ops);
  t.overdue_share_ppm = default_share_ppm;
  return t;
}

} // namespace

SLEDGE_EXPORT_POLICY = table();
