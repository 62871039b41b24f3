// dispatch-darc.cpp - workers reserved for groups of types, shortest first; a group may use the
// workers of the groups behind it, never those before it. Nothing is preempted.
// After Demoulin et al., "When Idling is Ideal: Optimizing Tail-Latency for Heavy-Tailed Datacenter
// Workloads with Persephone", SOSP 2021 (DARC); reservation by hand as SLEdgeScale has it.
#include "darc.hpp"

namespace {

using darc::Darc;

void *create(const sledge_policy_config *config, char *error, size_t error_bytes) {
  auto *d = new (std::nothrow) Darc;
  if (d != nullptr && d->make(*config, error, error_bytes))
    return d;
  delete d;
  return nullptr;
}

/// Gives the worker what it should run next. False: nothing that it may take is held.
bool feed(Darc &d, uint32_t worker, sledge_workers *workers) {
  sledge_request *r = d.select(worker);
  if (r == nullptr || workers->assign(workers, worker, r) == 0)
    return false;
  d.forget(r);
  d.has_started(r, workers->now_ns);
  return true;
}

/// Feeds every worker from `first` on that has nothing to do.
void feed_idle(Darc &d, uint32_t first, sledge_workers *workers) {
  for (uint32_t from = first; from < workers->count;) {
    const uint32_t worker = workers->next_idle(workers, from);
    if (worker == SLEDGE_NO_WORKER || worker < from)
      return;
    feed(d, worker, workers);
    from = worker + 1;
  }
}

/// Workers are numbered in the order of reservation: a group may use its own first one and all that
/// follow it.
void arrive(void *self, sledge_request *r, sledge_workers *workers) {
  auto &d = *static_cast<Darc *>(self);
  if (r->type >= d.type_count()) {
    workers->reject(workers, r);
    return;
  }
  d.hold(r);
  feed_idle(d, d.first_worker(r->type), workers);
}

void idle(void *self, uint32_t worker, sledge_workers *workers) {
  feed(*static_cast<Darc *>(self), worker, workers);
}

void completed(void *self, const sledge_request *r, uint32_t, sledge_workers *workers) {
  auto &d = *static_cast<Darc *>(self);
  if (d.profile(r))
    feed_idle(d, 0, workers);
}

void removed(void *self, const sledge_request *r, sledge_removal, sledge_workers *) {
  if (r->state == SLEDGE_REQUEST_HELD)
    static_cast<Darc *>(self)->forget(r);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {.arrive = arrive,
                                                  .idle = idle,
                                                  .preempted = nullptr,
                                                  .completed = completed,
                                                  .removed = removed,
                                                  .tick = nullptr};

} // namespace

SLEDGE_EXPORT_POLICY =
    sledge::policy::dispatcher_table<Darc>("dispatch-darc", 0, create, &dispatcher_ops);
