#include "dataplane/worker.hpp"

#include <csignal>
#include <cstdio>
#include <sched.h>
#include <sys/syscall.h>

#include "dataplane/clock.hpp"
#include "dataplane/outcome.hpp"

namespace sledge::dataplane {

namespace {

constexpr uint32_t outcomes_per_flush_max = 32;
constexpr uint64_t outcome_age_max_ns = 20'000; // an outcome waits no longer behind others' runs
constexpr uint32_t yield_turns = 64;            // some 2 us
constexpr uint64_t worker_stack_bytes = 256u << 10;

} // namespace

Worker::Worker(const WorkerOptions &options, WorkerShared shared)
    : options_(options), shared_(shared), idle_(options.idle, options.spin_ns),
      owed_(shared.table) {}

int Worker::start() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, worker_stack_bytes);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(&thread_, &attributes, thread_main, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (failed != 0) {
    return failed;
  }
  joinable_ = true;
  while (started_.load(std::memory_order_acquire) == 0) {
    futex_wait(started_, 0, no_timeout_ns);
  }
  const uint32_t started = started_.load(std::memory_order_acquire);
  return started == 1 ? 0 : static_cast<int>(started - 2);
}

void Worker::request_stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  doorbell_.ring();
}

bool Worker::join(uint64_t deadline_ns) {
  if (!joinable_) {
    return true;
  }
  while (ended_.load(std::memory_order_acquire) == 0) {
    const uint64_t now = now_ns();
    if (now >= deadline_ns) {
      return false;
    }
    futex_wait(ended_, 0, deadline_ns - now);
  }
  pthread_join(thread_, nullptr);
  joinable_ = false;
  return true;
}

int Worker::set_up_thread() {
  thread_id_.store(static_cast<int32_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
  char name[16];
  snprintf(name, sizeof name, "sledge-w%u", options_.id);
  pthread_setname_np(pthread_self(), name);
  if (options_.core >= 0) {
    if (options_.core >= CPU_SETSIZE) {
      return EINVAL;
    }
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<size_t>(options_.core), &cores);
    if (const int failed = pthread_setaffinity_np(pthread_self(), sizeof cores, &cores)) {
      return failed;
    }
  }
  return shared_.runtime.enter_thread() ? 0 : (errno != 0 ? errno : EAGAIN);
}

void *Worker::thread_main(void *argument) {
  auto *self = static_cast<Worker *>(argument);
  const int failed = self->set_up_thread();
  self->started_.store(failed == 0 ? 1 : static_cast<uint32_t>(failed) + 2,
                       std::memory_order_release);
  futex_wake(self->started_, 1);
  if (failed == 0) {
    self->loop();
    self->shared_.runtime.leave_thread();
  }
  self->ended_.store(1, std::memory_order_release);
  futex_wake(self->ended_, 1);
  return nullptr;
}

void Worker::loop() {
  for (;;) {
    const uint32_t seen = doorbell_.look();
    Invocation *invocation = shared_.dispatch.advance(options_.id, Finished::nothing);
    if (invocation == nullptr) {
      flush();
      if (stopping_.load(std::memory_order_seq_cst)) {
        return;
      }
      wait(seen);
      continue;
    }
    if (idle_since_ns_ != 0) {
      const uint64_t arrival_ns = invocation->arrival_ns;
      idle_.learn(arrival_ns > idle_since_ns_ ? arrival_ns - idle_since_ns_ : 0);
      idle_since_ns_ = 0;
    }
    while (invocation != nullptr) {
      invocation = run(*invocation);
      poll_between();
    }
  }
}

void Worker::wait(uint32_t seen) {
  const uint64_t since_ns = now_ns();
  if (idle_since_ns_ == 0) {
    idle_since_ns_ = since_ns;
  }
  counters_.idle.store(1, std::memory_order_relaxed);
  if (poll(seen)) {
    counters_.idle.store(0, std::memory_order_relaxed);
    return;
  }
  const uint64_t spin_ns = idle_.spin_ns();
  uint32_t turns = 0;
  while (spin_ns != 0 && !doorbell_.changed(seen)) {
    cpu_relax();
    if (++turns % yield_turns == 0) {
      sched_yield(); // who is to knock may need this core
    }
    if (turns % 16 == 0 && spin_ns != no_timeout_ns && now_ns() - since_ns >= spin_ns) {
      break;
    }
  }
  if (doorbell_.changed(seen)) {
    bump(counters_.spins);
  } else {
    bump(counters_.sleeps);
    doorbell_.sleep(seen, no_timeout_ns);
  }
  counters_.idle.store(0, std::memory_order_relaxed);
}

/// Its turn has come after its deadline.
Invocation *Worker::drop_late(Invocation &invocation) {
  invocation.function->count_started();
  invocation.end_ns = now_ns();
  set_unstarted(invocation, Kill::deadline);
  const bool ours = invocation.claim_end(invocation.load().generation());
  Invocation *next = shared_.dispatch.advance(options_.id, Finished::late);
  if (ours) {
    std::optional<Completion> done = completion_of(invocation);
    deliver(invocation, next);
    if (done) [[unlikely]] {
      record(*done, 0);
    }
  }
  return next;
}

Invocation *Worker::run(Invocation &invocation) {
  const uint64_t drop_ns = invocation.drop_ns.load(std::memory_order_relaxed);
  if (drop_ns != UINT64_MAX && invocation.sandbox.load(std::memory_order_relaxed) == nullptr &&
      now_ns() >= drop_ns) {
    return drop_late(invocation);
  }
  if (!prepare(invocation)) {
    invocation.end_ns = now_ns();
    return end(invocation, nullptr);
  }
  Sandbox &sandbox = *invocation.sandbox.load(std::memory_order_relaxed);
  const Leave leave = run_sandbox(invocation, sandbox);
  switch (leave) {
  case Leave::completed:
    invocation.status = Status::completed;
    break;
  case Leave::exited:
    invocation.status = Status::exited;
    invocation.detail = sandbox.exit_code();
    break;
  case Leave::trapped:
    invocation.status = Status::trapped;
    invocation.detail = static_cast<int32_t>(sandbox.trap_kind());
    break;
  case Leave::output_limit:
    invocation.status = Status::output_limit;
    break;
  case Leave::killed:
    set_killed(invocation, invocation.load().kill());
    break;
  case Leave::preempted:
  case Leave::blocked:
    return leave_alive(invocation, sandbox, leave);
  }
  return end(invocation, &sandbox);
}

/// Makes known what runs from now on, and until when it may; returns now.
uint64_t Worker::publish(Invocation &invocation) {
  const FunctionSpec &spec = invocation.function->spec;
  const uint64_t entered_ns = invocation.run_ns == 0 ? invocation.start_ns : now_ns();
  uint64_t limit_ns = invocation.end_by_ns();
  if (spec.cpu_time_max_ns != 0) {
    const uint64_t used_ns = std::min(invocation.run_ns, spec.cpu_time_max_ns);
    limit_ns = std::min(limit_ns, entered_ns + spec.cpu_time_max_ns - used_ns);
  }
  invocation.limit_ns.store(limit_ns, std::memory_order_relaxed);
  polled_.store(spec.polled, std::memory_order_relaxed);
  running_id_.store(invocation.request->id, std::memory_order_relaxed);
  if (options_.preemption.mechanism == Mechanism::timer) {
    arm_timer(entered_ns);
  }
  current_.store(invocation.index, std::memory_order_seq_cst);
  return entered_ns;
}

/// While somebody waits for the end of this turn; whoever comes later is helped by the watchdog.
void Worker::arm_timer(uint64_t entered_ns) {
  uint64_t due_ns = shared_.dispatch.turn_end_ns(options_.id);
  if (due_ns != 0) {
    due_ns = std::max(due_ns, entered_ns + options_.preemption.signal_interval_min_ns);
  }
  timer_ns_.store(due_ns, std::memory_order_relaxed);
  shared_.runtime.arm_timer(due_ns == 0 ? 0 : process_start_ns() + due_ns);
}

Leave Worker::run_sandbox(Invocation &invocation, Sandbox &sandbox) {
  bump(counters_.runs);
  const uint64_t entered_ns = publish(invocation);
  if (Life(invocation.life.load(std::memory_order_seq_cst)).kill() != Kill::none) {
    sandbox.request_kill(invocation.sandbox_generation.load(std::memory_order_relaxed));
  }
  const uint64_t owed_ns =
      owed_.empty() ? UINT64_MAX : owed_.since_ns() + OwedOutcomes::wait_max_ns;
  const uint64_t limit_ns = invocation.limit_ns.load(std::memory_order_relaxed);
  shared_.watchdog.started(std::min(limit_ns, owed_ns));
  if (options_.preemption.mechanism == Mechanism::tsc) {
    const uint64_t leave_ns = shared_.dispatch.leave_by_ns(options_.id);
    sandbox.leave_at(leave_ns == UINT64_MAX ? 0 : process_start_ns() + leave_ns);
  }
  sandbox.note_run(invocation.run_ns, process_start_ns() + entered_ns);
  Leave leave = Leave::preempted;
  if (wanted_.load(std::memory_order_seq_cst) != invocation.request->id) [[likely]] {
    leave = sandbox.run();
  }
  wanted_.store(0, std::memory_order_relaxed);
  current_.store(no_invocation, std::memory_order_release);
  invocation.end_ns = now_ns();
  invocation.run_ns += invocation.end_ns - entered_ns;
  bump(counters_.run_ns, invocation.end_ns - entered_ns);
  return leave;
}

/// Watched before the engine knows of it: afterwards somebody else may end it and reuse its place.
Invocation *Worker::leave_alive(Invocation &invocation, Sandbox &sandbox, Leave leave) {
  Watch watch{invocation.end_by_ns(), invocation.index, invocation.load().generation()};
  invocation.limit_ns.store(watch.due_ns, std::memory_order_relaxed);
  flush(); // others may run before this one goes on
  if (leave == Leave::preempted) {
    bump(counters_.preemptions);
    invocation.preemptions++;
    if (watch.due_ns != UINT64_MAX) {
      shared_.watchdog.watch(watch);
    }
    return shared_.dispatch.reconsider(options_.id, sandbox.yielded());
  }
  const uint64_t wake_ns = sandbox.wake_at_ns();
  const uint64_t start_ns = process_start_ns();
  invocation.wake_ns.store(wake_ns > start_ns ? wake_ns - start_ns : 0, std::memory_order_relaxed);
  watch.due_ns = std::min(watch.due_ns, invocation.wake_ns.load(std::memory_order_relaxed));
  shared_.watchdog.watch(watch);
  if (!shared_.dispatch.block(options_.id)) {
    set_killed(invocation, invocation.load().kill());
    return end(invocation, &sandbox);
  }
  return nullptr;
}

/// The reply goes out before the slot is reset.
Invocation *Worker::end(Invocation &invocation, Sandbox *sandbox) {
  if (sandbox != nullptr) {
    take_output(invocation, *sandbox);
    sandbox->return_memory();
    invocation.function->learn(invocation.run_ns, was_killed(invocation.status));
  }
  const bool ours = invocation.claim_end(invocation.load().generation());
  const bool succeeded = invocation.status == Status::completed;
  Invocation *next =
      shared_.dispatch.advance(options_.id, succeeded ? Finished::succeeded : Finished::failed);
  std::optional<Completion> done;
  if (ours) {
    done = completion_of(invocation);
    deliver(invocation, next);
  }
  const uint64_t delivered_ns = done ? now_ns() : 0;
  if (sandbox != nullptr) {
    shared_.runtime.end(sandbox);
  }
  if (done) [[unlikely]] {
    record(*done, delivered_ns);
  }
  return next;
}

/// An estimate may be wrong: only a tenant's own outcomes wait behind what it runs next, and the
/// watchdog publishes them when that takes long.
void Worker::deliver(Invocation &invocation, const Invocation *next) {
  const uint64_t end_ns = invocation.end_ns;
  const uint32_t tenant = invocation.function->spec.tenant;
  owed_.add(invocation);
  const bool nothing_follows = next == nullptr;
  if (nothing_follows || owed_.count() == outcomes_per_flush_max ||
      end_ns - owed_.since_ns() >= outcome_age_max_ns || next->function->spec.tenant != tenant ||
      next->function->estimate_ns() == 0 || next->function->estimate_ns() > outcome_age_max_ns) {
    flush();
  }
}

void Worker::flush() {
  if (owed_.publish()) {
    bump(counters_.flushes);
  }
}

} // namespace sledge::dataplane
