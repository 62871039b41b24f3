// worker.hpp - a native thread that runs sandboxes, one after the other.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <pthread.h>

#include "dataplane/dispatch.hpp"
#include "dataplane/idle.hpp"
#include "dataplane/idle_work.hpp"
#include "dataplane/owed_outcomes.hpp"
#include "dataplane/runtime.hpp"
#include "dataplane/watchdog.hpp"

namespace sledge::dataplane {

/// How a sandbox is asked to leave its worker.
enum class Mechanism : uint8_t {
  safepoint, ///< a flag that its code polls; a signal when it has no polls or does not answer
  tsc,       ///< as safepoint, and at the end of its turn its code leaves by itself
  signal,    ///< a signal
  timer      ///< a signal, which at a quantum's end the worker's own timer sends
};

struct PreemptionOptions {
  Mechanism mechanism = Mechanism::safepoint;
  uint64_t grace_ns = 1'000'000;             ///< after this without an answer comes a signal
  uint64_t signal_interval_min_ns = 200'000; ///< between two signals to preempt on one worker

  /// How often the watchdog looks whether flags are answered, which is the rule.
  uint64_t look_ns() const {
    constexpr uint64_t look_max_ns = 10'000'000;
    return std::max(grace_ns, std::min(10 * grace_ns, look_max_ns));
  }
};

struct WorkerOptions {
  uint32_t id = 0;
  int32_t core = -1; ///< -1: unpinned
  IdleKind idle = IdleKind::adaptive;
  uint64_t spin_ns = 20'000;
  PreemptionOptions preemption;
};

/// Written by the worker alone, read by anybody.
struct WorkerCounters {
  std::atomic<uint64_t> runs{0};
  std::atomic<uint64_t> preemptions{0};
  std::atomic<uint64_t> signals{0}; ///< sent to it, by anybody
  std::atomic<uint64_t> flushes{0};
  std::atomic<uint64_t> spins{0};  ///< idle periods that ended while spinning
  std::atomic<uint64_t> sleeps{0}; ///< idle periods that slept
  std::atomic<uint64_t> slot_waits{0};
  std::atomic<uint64_t> run_ns{0}; ///< in sandboxes
  std::atomic<uint32_t> idle{0};
};

/// What all workers of a data plane share.
struct WorkerShared {
  InvocationTable &table;
  Dispatch &dispatch;
  Runtime &runtime;
  ModuleCache &modules;
  Watchdog &watchdog;
  Recorder *recorder = nullptr; ///< of completions; null: none is kept
};

/// Of a counter that one thread writes.
inline void bump(std::atomic<uint64_t> &counter, uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

class Worker {
 public:
  Worker(const WorkerOptions &options, WorkerShared shared);
  /// 0, or the errno of what failed.
  int start();
  /// The worker ends once it has no more work. Any thread.
  void request_stop();
  /// False: it did not end in time.
  bool join(uint64_t deadline_ns);

  Doorbell &doorbell() { return doorbell_; }
  /// What it does while it has nothing to run. Null: nothing; when this returns, the one before is
  /// no longer used, and there may be another. Any other thread, one at a time.
  void set_idle_work(IdleWork *work);
  /// Asks it to leave the request, if it still runs it; returns when the watchdog should look
  /// whether it has. Any thread.
  uint64_t interrupt(uint64_t request_id, uint64_t now_ns);
  /// The invocation of this index, which runs here, is to be killed, and its sandbox knows. Any
  /// thread.
  void hasten(uint32_t index, uint64_t now_ns);
  /// Signals what was asked to leave and has not for too long; when to look again, UINT64_MAX:
  /// nothing was asked. `killed`: what runs is to be killed. The watchdog.
  uint64_t insist(bool killed, uint64_t now_ns);
  /// What runs here has been asked to leave and has not yet. Any thread.
  bool has_interrupt() const;
  /// That, for longer than its grace. Any thread.
  bool ignores_interrupt(uint64_t now_ns) const;
  /// What it runs polls a flag, so that nobody has to look soon whether a signal is due.
  bool answers_flags() const { return !only_signals_reach_it(); }
  /// Index of the invocation that it runs, or no_invocation. Any thread.
  uint32_t current() const { return current_.load(std::memory_order_seq_cst); }
  /// Publishes the outcomes that have waited too long behind what runs here; when to look again,
  /// UINT64_MAX: none waits. The watchdog.
  uint64_t publish_overdue(uint64_t now_ns) { return owed_.publish_overdue(now_ns); }
  const WorkerCounters &counters() const { return counters_; }
  /// What its thread has used of a core; 0 when it does not run. Whoever starts and joins it.
  uint64_t cpu_ns() const;

 private:
  static void *thread_main(void *self);
  int set_up_thread();
  void loop();
  void wait(uint32_t seen);
  bool poll(uint32_t seen);
  void poll_between();
  Invocation *run(Invocation &invocation);
  Invocation *drop_late(Invocation &invocation);
  bool prepare(Invocation &invocation);
  const Module *load_module(Invocation &invocation);
  Sandbox *start(Invocation &invocation, SandboxStart &start);
  Sandbox *start_when_slot_is_free(const SandboxStart &start);
  Leave run_sandbox(Invocation &invocation, Sandbox &sandbox);
  uint64_t publish(Invocation &invocation);
  void arm_timer(uint64_t entered_ns);
  bool timer_answers(uint64_t now_ns) const;
  void signal(uint64_t now_ns);
  bool only_signals_reach_it() const {
    const Mechanism mechanism = options_.preemption.mechanism;
    return (mechanism != Mechanism::safepoint && mechanism != Mechanism::tsc) ||
           !polled_.load(std::memory_order_relaxed);
  }
  Invocation *leave_alive(Invocation &invocation, Sandbox &sandbox, Leave leave);
  Invocation *end(Invocation &invocation, Sandbox *sandbox);
  void deliver(Invocation &invocation, const Invocation *next);
  /// Before it is delivered: afterwards it may be another one.
  std::optional<Completion> completion_of(const Invocation &invocation) const {
    return shared_.recorder == nullptr ? std::nullopt : std::optional(Completion(invocation));
  }
  void record(Completion &completion, uint64_t delivered_ns);
  void flush();

  const WorkerOptions options_;
  WorkerShared shared_;
  IdlePolicy idle_;
  Doorbell doorbell_;
  alignas(64) std::atomic<uint32_t> current_{no_invocation};
  std::atomic<uint64_t> wanted_{0};       ///< request id that is asked to leave
  std::atomic<uint64_t> running_id_{0};   ///< request id of `current_`
  std::atomic<bool> polled_{true};        ///< `current_` has safepoints
  std::atomic<uint64_t> asked_ns_{0};     ///< when it was last asked to leave
  std::atomic<uint64_t> signalled_ns_{0}; ///< when the last signal was sent
  std::atomic<uint64_t> timer_ns_{0};     ///< when the worker's timer sends one; 0: it does not
  std::atomic<int32_t> thread_id_{0};
  std::atomic<uint32_t> started_{0}; ///< 0 not yet, 1 runs, else errno + 2
  std::atomic<uint32_t> ended_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<IdleWork *> idle_work_{nullptr};
  std::atomic<bool> in_idle_work_{false};
  pthread_t thread_{};
  bool joinable_ = false;

  OwedOutcomes owed_;

  // The worker's own.
  uint64_t idle_since_ns_ = 0;
  uint64_t polled_ns_ = 0; ///< when it last did its idle work
  WorkerCounters counters_;
};

} // namespace sledge::dataplane
