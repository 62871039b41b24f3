// dispatch-shinjuku.cpp - a queue for each type; the head that has waited the largest part of its
// deadline is next, and nothing runs longer than an interval while others wait.
// After Kaffes et al., "Shinjuku: Preemptive Scheduling for us-scale Tail Latency", NSDI 2019.
#include <memory>

#include "sledge/policy.hpp"

namespace {

using sledge::policy::HeldQueue;

enum : uint32_t { stamp_word = 2 }; // since when it waits; 0 and 1 are HeldQueue's

struct Shinjuku {
  std::unique_ptr<HeldQueue[]> queues; ///< one for each type
  std::unique_ptr<uint32_t[]> waiting; ///< types whose queue is not empty, in no order
  std::unique_ptr<uint32_t[]> place;   ///< of each type in `waiting`
  uint32_t waiting_count = 0;
  uint32_t type_count = 0;
  uint64_t interval_ns = 0;
  uint64_t default_deadline_ns = 0;
  bool same_worker = false;
};

uint64_t us_option(const sledge_policy_config *config, const char *name, double fallback_us) {
  return static_cast<uint64_t>(sledge::policy::number(config, name, fallback_us) * 1000.0);
}

void *create(const sledge_policy_config *config, char *, size_t) {
  auto *s = new (std::nothrow) Shinjuku;
  if (s == nullptr)
    return nullptr;
  s->type_count = config->type_count_max;
  s->queues.reset(new (std::nothrow) HeldQueue[s->type_count]);
  s->waiting.reset(new (std::nothrow) uint32_t[s->type_count]);
  s->place.reset(new (std::nothrow) uint32_t[s->type_count]);
  if (s->queues == nullptr || s->waiting == nullptr || s->place == nullptr) {
    delete s;
    return nullptr;
  }
  s->interval_ns = us_option(config, "intervalUs", 15);
  s->default_deadline_ns = us_option(config, "defaultDeadlineUs", 1'000'000);
  s->same_worker = sledge::policy::is_text(config, "resume", "same-worker");
  return s;
}

uint64_t quantum_ns(void *self) {
  return static_cast<Shinjuku *>(self)->interval_ns;
}

void hold(Shinjuku &s, sledge_request *r, uint64_t now_ns, bool at_head) {
  HeldQueue &queue = s.queues[r->type];
  if (queue.empty()) {
    s.place[r->type] = s.waiting_count;
    s.waiting[s.waiting_count++] = r->type;
  }
  r->policy_word[stamp_word] = now_ns;
  if (at_head)
    queue.push_front(r);
  else
    queue.push_back(r);
}

void forget(Shinjuku &s, const sledge_request *r) {
  HeldQueue &queue = s.queues[r->type];
  queue.remove(r);
  if (!queue.empty())
    return;
  const uint32_t last = s.waiting[--s.waiting_count];
  s.waiting[s.place[r->type]] = last;
  s.place[last] = s.place[r->type];
}

/// Waiting time in parts of the relative deadline.
double urgency(const Shinjuku &s, const sledge_request *r, uint64_t now_ns) {
  const uint64_t waited_ns = now_ns - r->policy_word[stamp_word];
  uint64_t deadline_ns = s.default_deadline_ns;
  if (r->deadline_ns != SLEDGE_NO_DEADLINE)
    deadline_ns = r->deadline_ns > r->arrival_ns ? r->deadline_ns - r->arrival_ns : 1;
  return static_cast<double>(waited_ns) / static_cast<double>(deadline_ns);
}

/// The most urgent head; of equals that of the lowest type. Null: nothing is held.
sledge_request *select(const Shinjuku &s, uint64_t now_ns) {
  sledge_request *best = nullptr;
  double best_urgency = 0;
  for (uint32_t i = 0; i < s.waiting_count; i++) {
    sledge_request *head = s.queues[s.waiting[i]].front();
    const double head_urgency = urgency(s, head, now_ns);
    if (best == nullptr || head_urgency > best_urgency ||
        (head_urgency == best_urgency && head->type < best->type)) {
      best = head;
      best_urgency = head_urgency;
    }
  }
  return best;
}

/// The only worker that may take r, or SLEDGE_NO_WORKER: any.
uint32_t only_worker(const Shinjuku &s, const sledge_request *r) {
  const bool has_run = r->run_ns != 0 || r->preemptions != 0;
  return r->bound != 0 || (s.same_worker && has_run) ? r->worker : SLEDGE_NO_WORKER;
}

/// Gives the worker the most urgent request that it may take. What is selected before that and
/// bound elsewhere goes to the queue of its own worker. False: the worker got nothing.
bool feed(Shinjuku &s, uint32_t worker, sledge_workers *workers) {
  while (sledge_request *r = select(s, workers->now_ns)) {
    const uint32_t only = only_worker(s, r);
    const bool ours = only == SLEDGE_NO_WORKER || only == worker;
    if (workers->assign(workers, ours ? worker : only, r) == 0)
      return false; // its queue is full: r keeps its place
    forget(s, r);
    if (ours)
      return true;
  }
  return false;
}

bool has_nothing(sledge_workers *workers, uint32_t worker) {
  const sledge_worker_view *view = workers->at(workers, worker);
  return view != nullptr && view->running == nullptr && view->queue_length == 0;
}

/// Puts r into the queue of its type; workers that have nothing to do get what is most urgent.
void offer(Shinjuku &s, sledge_request *r, sledge_workers *workers, bool at_head) {
  const uint32_t only = only_worker(s, r);
  if (only != SLEDGE_NO_WORKER && has_nothing(workers, only) &&
      workers->assign(workers, only, r) != 0)
    return;
  hold(s, r, workers->now_ns, at_head);
  const uint32_t start = workers->rotate(workers);
  for (;;) {
    const uint32_t idle = workers->next_idle(workers, start);
    if (idle == SLEDGE_NO_WORKER || !feed(s, idle, workers))
      return;
  }
}

void arrive(void *self, sledge_request *r, sledge_workers *workers) {
  auto &s = *static_cast<Shinjuku *>(self);
  if (r->type < s.type_count)
    offer(s, r, workers, false);
  else
    workers->reject(workers, r);
}

/// A worker without work wants some, or the turn of what it runs is over.
void idle(void *self, uint32_t worker, sledge_workers *workers) {
  if (workers->at(workers, worker)->queue_length == 0)
    feed(*static_cast<Shinjuku *>(self), worker, workers);
}

void preempted(void *self, sledge_request *r, uint32_t, sledge_workers *workers) {
  offer(*static_cast<Shinjuku *>(self), r, workers, true);
}

void removed(void *self, const sledge_request *r, sledge_removal, sledge_workers *) {
  if (r->state == SLEDGE_REQUEST_HELD)
    forget(*static_cast<Shinjuku *>(self), r);
}

constexpr sledge_dispatcher_ops dispatcher_ops = {.arrive = arrive,
                                                  .idle = idle,
                                                  .preempted = preempted,
                                                  .completed = nullptr,
                                                  .removed = removed,
                                                  .tick = nullptr};

constexpr sledge_policy_table table() {
  auto t = sledge::policy::dispatcher_table<Shinjuku>(
      "dispatch-shinjuku", SLEDGE_POLICY_WORK_CONSERVING | SLEDGE_POLICY_PREEMPTS, create,
      &dispatcher_ops);
  t.quantum_ns = quantum_ns;
  return t;
}

} // namespace

SLEDGE_EXPORT_POLICY = table();
