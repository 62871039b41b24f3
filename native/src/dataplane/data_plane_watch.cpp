// data_plane_watch.cpp - how invocations are ended by others than their worker, and what the
// watchdog looks at.
#include "dataplane/data_plane.hpp"

#include <algorithm>

#include "dataplane/clock.hpp"
#include "dataplane/outcome.hpp"

namespace sledge::dataplane {

/// Any thread.
void DataPlane::end(Invocation &invocation, uint32_t generation, Kill why) {
  Sandbox *sandbox = nullptr;
  const uint32_t group = invocation.worker_group.load(std::memory_order_relaxed);
  switch (groups_.at(group).end(invocation, generation, why)) {
  case Ended::gone:
    return;
  case Ended::running:
    return kill_running(invocation, generation);
  case Ended::unstarted:
    invocation.function->count_started();
    break;
  case Ended::suspended:
    sandbox = invocation.sandbox.load(std::memory_order_acquire);
    take_output(invocation, *sandbox);
    sandbox->return_memory();
    break;
  case Ended::taken:
    external_.revoke(invocation.worker.load(std::memory_order_relaxed), invocation.index);
    break;
  }
  invocation.end_ns = now_ns();
  if (options_.external && invocation.start_ns != 0) {
    invocation.run_ns = invocation.end_ns - invocation.start_ns;
  }
  if (completions_ != nullptr) {
    completions_->completed_elsewhere(invocation);
  }
  invocation.intake->deliver(invocation);
  if (sandbox != nullptr) {
    runtime_->end(sandbox);
  }
}

void DataPlane::carry_out(uint32_t group, LivePolicy &live, std::span<const Order> orders,
                          size_t events) {
  std::vector<std::pair<Invocation *, uint32_t>> rejected;
  dispatch(group).carry_out(live, orders, events, rejected);
  for (const auto &[invocation, generation] : rejected) {
    end(*invocation, generation, Kill::refused);
  }
}

/// It is marked; now its sandbox must notice. The watchdog insists until it has.
void DataPlane::kill_running(Invocation &invocation, uint32_t generation) {
  Sandbox *sandbox = invocation.sandbox.load(std::memory_order_seq_cst);
  const uint64_t sandbox_generation = invocation.sandbox_generation.load(std::memory_order_relaxed);
  const uint32_t worker = invocation.worker.load(std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_acquire);
  if (invocation.load().generation() != generation || sandbox == nullptr) {
    return;
  }
  sandbox->request_kill(sandbox_generation);
  sandbox->request_leave();
  workers_[worker]->hasten(invocation.index, now_ns());
  watchdog_.look_now();
}

uint64_t DataPlane::watch_one(Invocation &invocation, Worker *worker, uint64_t now_ns) {
  constexpr uint64_t repeat_ns = 1'000'000;
  const Life life = invocation.load();
  const uint64_t limit_ns = invocation.limit_ns.load(std::memory_order_relaxed);
  if (life.state() != State::running) {
    return now_ns + repeat_ns;
  }
  if (life.kill() != Kill::none) {
    return worker != nullptr ? worker->insist(true, now_ns) : now_ns + repeat_ns;
  }
  if (limit_ns > now_ns) {
    return worker != nullptr ? std::min(limit_ns, worker->insist(false, now_ns)) : limit_ns;
  }
  end(invocation, life.generation(), invocation.overrun(now_ns));
  return now_ns + repeat_ns;
}

void DataPlane::begin_polling() {
  const std::lock_guard<std::mutex> guard(pollers_lock_);
  if (pollers_++ == 0) {
    watchdog_.set_polled(true);
  }
}

void DataPlane::end_polling() {
  const std::lock_guard<std::mutex> guard(pollers_lock_);
  if (--pollers_ == 0) {
    watchdog_.set_polled(false);
  }
}

/// A poller's. Whoever interrupts after the store sets the flag again.
void DataPlane::look_at_interrupts(uint64_t now_ns) {
  const uint64_t grace_ns = options_.preemption.grace_ns;
  next_interrupt_look_ns_.store(now_ns + grace_ns / 4, std::memory_order_relaxed);
  interrupted_.store(false, std::memory_order_seq_cst);
  for (const auto &worker : workers_) {
    if (!worker->has_interrupt()) {
      continue;
    }
    interrupted_.store(true, std::memory_order_relaxed);
    if (worker->ignores_interrupt(now_ns)) {
      watchdog_.look_now();
    }
  }
}

/// How often to look whether flags are answered.
uint64_t DataPlane::look_ns() const {
  return watchdog_.polled() ? Watchdog::polled_slack_ns : options_.preemption.look_ns();
}

uint64_t DataPlane::watch_running(uint64_t now_ns) {
  // A poller that looks at them has the flag for itself.
  const bool interrupted = watchdog_.polled()
                               ? interrupted_.load(std::memory_order_relaxed)
                               : interrupted_.exchange(false, std::memory_order_relaxed);
  uint64_t next_ns = interrupted ? now_ns + look_ns() : UINT64_MAX;
  for (const auto &worker : workers_) {
    next_ns = std::min(next_ns, worker->publish_overdue(now_ns));
    const uint32_t index = worker->current();
    if (index != no_invocation) {
      next_ns = std::min(next_ns, watch_one(table_.at(index), worker.get(), now_ns));
    }
  }
  for (uint32_t worker = 0; worker < external_.count(); worker++) {
    const uint32_t index = external_.current(worker);
    if (index != no_invocation) {
      next_ns = std::min(next_ns, watch_one(table_.at(index), nullptr, now_ns));
    }
  }
  return next_ns;
}

uint64_t DataPlane::next_tick_ns() {
  uint64_t next_ns = UINT64_MAX;
  for (uint32_t group = 0; group < groups_.count(); group++) {
    next_ns = std::min(next_ns, groups_.at(group).tick_ns());
  }
  return next_ns;
}

void DataPlane::watch_tick(uint64_t now_ns) {
  for (uint32_t group = 0; group < groups_.count(); group++) {
    if (groups_.at(group).tick_ns() <= now_ns) {
      groups_.at(group).tick();
    }
  }
}

uint64_t DataPlane::watch_due(const Watch &watch, uint64_t now_ns) {
  constexpr uint64_t busy_look_ns = 1'000'000;
  Invocation &invocation = table_.at(watch.index);
  const Life life = invocation.load();
  if (life.generation() != watch.generation || life.state() == State::ended ||
      life.state() == State::free) {
    return UINT64_MAX;
  }
  const uint64_t limit_ns = invocation.limit_ns.load(std::memory_order_relaxed);
  if (life.state() == State::running) {
    return now_ns + busy_look_ns;
  }
  if (life.state() == State::queued) {
    const uint64_t drop_ns = invocation.drop_ns.load(std::memory_order_relaxed);
    if (drop_ns <= now_ns) {
      end(invocation, watch.generation, Kill::deadline);
      return UINT64_MAX;
    }
    return drop_ns;
  }
  if (limit_ns <= now_ns) {
    end(invocation, watch.generation, invocation.overrun(now_ns));
    return UINT64_MAX;
  }
  if (life.state() == State::blocked) {
    const uint64_t wake_ns = invocation.wake_ns.load(std::memory_order_relaxed);
    if (wake_ns > now_ns) {
      return std::min(wake_ns, limit_ns);
    }
    const uint32_t group = invocation.worker_group.load(std::memory_order_relaxed);
    groups_.at(group).unblock(invocation, watch.generation);
  }
  return limit_ns;
}

/// Its thread is stuck outside the sandbox: what it ran is lost, and so is the worker.
void DataPlane::abandon(Worker &worker) {
  const uint32_t index = worker.current();
  if (index == no_invocation) {
    return;
  }
  Invocation &invocation = table_.at(index);
  if (invocation.claim_end(invocation.load().generation())) {
    invocation.status = Status::failed;
    invocation.detail = SLEDGE_ERR_INVOKE_WORKER_LOST;
    invocation.output_bytes = 0;
    invocation.end_ns = now_ns();
    if (completions_ != nullptr) {
      completions_->completed_elsewhere(invocation);
    }
    invocation.intake->deliver(invocation);
  }
}

} // namespace sledge::dataplane
