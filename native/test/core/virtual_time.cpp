#include "virtual_time.hpp"

#include <algorithm>

namespace sledge::test {

VirtualTime::VirtualTime(Engine &engine)
    : engine_(engine), left_ns_(engine.pool().capacity()), resumed_ns_(engine.worker_count()),
      turn_(engine.worker_count()), actions_(2 * size_t{engine.worker_count()}) {}

void VirtualTime::run(const std::function<bool(Job &)> &next_job) {
  Job job;
  bool more = next_job(job);
  for (;;) {
    while (!ends_.empty() && ends_.top().turn != turn_[ends_.top().worker])
      ends_.pop();
    const uint64_t end_ns = ends_.empty() ? UINT64_MAX : ends_.top().at_ns;
    const uint64_t arrival_ns = more ? job.arrival_ns : UINT64_MAX;
    const uint64_t tick_ns = engine_.next_tick_ns();
    now_ns_ = std::max(now_ns_, std::min({end_ns, arrival_ns, tick_ns}));
    if (end_ns == UINT64_MAX && arrival_ns == UINT64_MAX && tick_ns == UINT64_MAX)
      return;
    if (end_ns <= now_ns_) {
      const uint32_t worker = ends_.top().worker;
      ends_.pop();
      finish(worker);
    } else if (tick_ns <= now_ns_) {
      engine_.tick(now_ns_);
    } else {
      arrive(job);
      more = next_job(job);
    }
    settle();
    if (after_event)
      after_event(now_ns_);
  }
}

void VirtualTime::settle() {
  while (const size_t count = engine_.take_actions(actions_)) {
    for (size_t i = 0; i < count; i++) {
      const Action &action = actions_[i];
      if (action.kind == ActionKind::wake) {
        if (engine_.running(action.worker) == nullptr)
          run_on(action.worker, engine_.next(action.worker, now_ns_));
      } else if (const Request *running = engine_.running(action.worker);
                 running != nullptr && running->id == action.request_id) {
        suspend(action.worker);
        run_on(action.worker, engine_.reconsider(action.worker, now_ns_));
      }
    }
  }
}

void VirtualTime::run_on(uint32_t worker, Request *request) {
  turn_[worker]++;
  if (request == nullptr)
    return;
  resumed_ns_[worker] = now_ns_;
  ends_.push({now_ns_ + left_ns_[request->index], ++order_, worker, turn_[worker]});
}

void VirtualTime::suspend(uint32_t worker) {
  const uint64_t ran_ns = now_ns_ - resumed_ns_[worker];
  left_ns_[engine_.running(worker)->index] -= ran_ns;
  busy_ns_ += ran_ns;
}

void VirtualTime::arrive(const Job &job) {
  Request *request = engine_.acquire();
  if (request == nullptr) {
    refused_++;
    return;
  }
  request->type = job.type;
  request->tenant = job.tenant;
  request->arrival_ns = job.arrival_ns;
  request->deadline_ns = job.deadline_ns;
  request->estimate_ns = request->oracle_ns = job.service_ns;
  left_ns_[request->index] = job.service_ns;
  if (engine_.arrive(request, now_ns_) == Arrival::accepted)
    return;
  refused_++;
  engine_.release(request);
}

void VirtualTime::finish(uint32_t worker) {
  suspend(worker);
  Request *request = engine_.finish(worker, now_ns_);
  finished_++;
  if (on_finish)
    on_finish(*request, now_ns_);
  engine_.release(request);
  run_on(worker, engine_.next(worker, now_ns_));
}

} // namespace sledge::test
