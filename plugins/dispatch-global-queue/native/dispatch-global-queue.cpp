// dispatch-global-queue.cpp - one queue for all workers; whoever is idle takes from its head.
#include <cstring>
#include <new>

#include "sledge/policy.h"

namespace {

struct GlobalQueue {
  sledge_request *first = nullptr;
  sledge_request *last = nullptr;
  uint32_t batch = 1;
};

// Links of a held request; zero is none.
enum Word : uint32_t { next_word = 0, previous_word = 1 };

sledge_request *link(const sledge_request *r, Word word) {
  return reinterpret_cast<sledge_request *>(r->policy_word[word]);
}

void set_link(sledge_request *r, Word word, sledge_request *to) {
  r->policy_word[word] = reinterpret_cast<uint64_t>(to);
}

void push(GlobalQueue &queue, sledge_request *r) {
  set_link(r, next_word, nullptr);
  set_link(r, previous_word, queue.last);
  if (queue.last != nullptr)
    set_link(queue.last, next_word, r);
  else
    queue.first = r;
  queue.last = r;
}

void unlink(GlobalQueue &queue, const sledge_request *r) {
  sledge_request *next = link(r, next_word);
  sledge_request *previous = link(r, previous_word);
  if (previous != nullptr)
    set_link(previous, next_word, next);
  else
    queue.first = next;
  if (next != nullptr)
    set_link(next, previous_word, previous);
  else
    queue.last = previous;
}

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *queue = new (std::nothrow) GlobalQueue;
  if (queue == nullptr)
    return nullptr;
  for (uint32_t i = 0; i < config->option_count; i++) {
    const sledge_option &option = config->options[i];
    if (std::strcmp(option.name, "batch") == 0 && option.number >= 1)
      queue->batch = static_cast<uint32_t>(option.number);
  }
  return queue;
}

void destroy(void *self) {
  delete static_cast<GlobalQueue *>(self);
}

void arrive(void *self, sledge_request *r, sledge_workers *workers) {
  auto &queue = *static_cast<GlobalQueue *>(self);
  if (queue.first == nullptr) {
    const uint32_t worker = workers->next_idle(workers, workers->rotate(workers));
    if (worker != SLEDGE_NO_WORKER && workers->assign(workers, worker, r) != 0)
      return;
  }
  push(queue, r);
}

void idle(void *self, uint32_t worker, sledge_workers *workers) {
  auto &queue = *static_cast<GlobalQueue *>(self);
  for (uint32_t i = 0; i < queue.batch && queue.first != nullptr; i++) {
    sledge_request *r = queue.first;
    if (workers->assign(workers, worker, r) == 0)
      return; // the worker is full
    unlink(queue, r);
  }
}

void removed(void *self, const sledge_request *r, sledge_removal, sledge_workers *) {
  if (r->state == SLEDGE_REQUEST_HELD)
    unlink(*static_cast<GlobalQueue *>(self), r);
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

extern "C" __attribute__((visibility("default"))) const sledge_policy_table sledge_policy = {
    .api_version = SLEDGE_POLICY_API_VERSION,
    .struct_bytes = sizeof(sledge_policy_table),
    .name = "dispatch-global-queue",
    .kind = SLEDGE_DISPATCHER,
    .flags = SLEDGE_POLICY_WORK_CONSERVING,
    .create = create,
    .destroy = destroy,
    .tick_ns = nullptr,
    .quantum_ns = nullptr,
    .overdue_share_ppm = nullptr,
    .dispatcher = &dispatcher_ops,
    .scheduler = nullptr,
};
