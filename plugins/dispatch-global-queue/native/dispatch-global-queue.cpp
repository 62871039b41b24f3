// dispatch-global-queue.cpp - one queue for all workers; whoever is idle takes from its head.
#include "sledge/policy.hpp"

namespace {

struct GlobalQueue {
  sledge::policy::HeldQueue held;
  uint32_t batch = 1;
};

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *queue = new (std::nothrow) GlobalQueue;
  if (queue == nullptr)
    return nullptr;
  const double batch = sledge::policy::number(config, "batch", 1);
  queue->batch = batch >= 1 ? static_cast<uint32_t>(batch) : 1;
  return queue;
}

void arrive(void *self, sledge_request *r, sledge_workers *workers) {
  auto &queue = *static_cast<GlobalQueue *>(self);
  if (queue.held.empty()) {
    const uint32_t worker = workers->next_idle(workers, workers->rotate(workers));
    if (worker != SLEDGE_NO_WORKER && workers->assign(workers, worker, r) != 0)
      return;
  }
  queue.held.push_back(r);
}

void idle(void *self, uint32_t worker, sledge_workers *workers) {
  auto &queue = *static_cast<GlobalQueue *>(self);
  for (uint32_t i = 0; i < queue.batch && !queue.held.empty(); i++) {
    sledge_request *r = queue.held.front();
    if (workers->assign(workers, worker, r) == 0)
      return; // the worker is full
    queue.held.remove(r);
  }
}

void removed(void *self, const sledge_request *r, sledge_removal, sledge_workers *) {
  if (r->state == SLEDGE_REQUEST_HELD)
    static_cast<GlobalQueue *>(self)->held.remove(r);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {
    .arrive = arrive,
    .idle = idle,
    .preempted = nullptr,
    .completed = nullptr,
    .removed = removed,
    .tick = nullptr,
};

} // namespace

SLEDGE_EXPORT_POLICY = sledge::policy::dispatcher_table<GlobalQueue>(
    "dispatch-global-queue", SLEDGE_POLICY_WORK_CONSERVING, create, &dispatcher_ops);
