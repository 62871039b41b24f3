// watchdog.hpp - the thread that looks at limits, so that they depend on nobody else.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <pthread.h>

#include "dataplane/idle.hpp"
#include "dataplane/watch_heap.hpp"

namespace sledge::dataplane {

/// What the watchdog asks the data plane to do, on its own thread.
class WatchTarget {
 public:
  /// Kills what has run too long; returns when the earliest other limit is due.
  virtual uint64_t watch_running(uint64_t now_ns) = 0;
  /// A watched invocation is due; returns when to look at it again, UINT64_MAX: never.
  virtual uint64_t watch_due(const Watch &watch, uint64_t now_ns) = 0;
  /// When the earliest timer of the policies is due; UINT64_MAX: never. Who makes it earlier says
  /// so by `tick_due`.
  virtual uint64_t next_tick_ns() = 0;
  /// Such a timer is due, and nobody else has seen to it.
  virtual void watch_tick(uint64_t now_ns) = 0;

 protected:
  ~WatchTarget() = default;
};

/// Sleeps until the earliest limit. Starting an invocation costs two loads unless its limit is
/// earlier than the watchdog's next look; while invocations come and go, the watchdog looks as
/// often as the shortest limit, so that this is rare. Timers of policies are seen to by whoever
/// enters the engine next; the watchdog is on time for them only while nobody else is.
class Watchdog {
 public:
  Watchdog(WatchTarget &target, uint32_t invocation_count)
      : target_(target), heap_(invocation_count) {}
  /// 0, or the errno of what failed.
  int start();
  /// Joins its thread.
  void stop();

  /// A worker has published what it runs, whose limit this is.
  void started(uint64_t limit_ns) {
    if (!active_.load(std::memory_order_relaxed)) {
      active_.store(true, std::memory_order_relaxed);
    }
    if (limit_ns < next_look_ns_.load(std::memory_order_seq_cst)) {
      bell_.ring();
    }
  }
  /// The invocation waits somewhere and is looked at when due.
  void watch(const Watch &watch);
  /// A timer of the policies is due earlier than before. After `next_tick_ns` says so.
  void tick_due(uint64_t due_ns) { started(due_ns + tick_slack_ns()); }
  /// While `polled`, somebody looks at the policies' timers all the time, and the watchdog only
  /// insures against his being held up.
  void set_polled(bool polled) {
    polled_.store(polled, std::memory_order_seq_cst);
    look_now();
  }
  bool polled() const { return polled_.load(std::memory_order_relaxed); }
  /// There are functions with a limit as short as this.
  void expect_limit(uint64_t limit_ns);
  void look_now() { bell_.ring(); }
  uint64_t looks() const { return looks_.load(std::memory_order_relaxed); }

  /// Looks at everything as of this time; returns when to look again, unless it is called before.
  /// Its thread; without `start`, whoever drives it in virtual time.
  uint64_t look(uint64_t now_ns);
  /// How often it has been called to look at once.
  uint32_t calls() const { return bell_.look(); }

  /// How late it may be for what a poller sees to.
  static constexpr uint64_t polled_slack_ns = 100'000'000;

 private:
  static void *thread_main(void *self);
  void loop();
  uint64_t look_at_all(uint64_t now_ns);
  uint64_t look_at_tick(uint64_t now_ns);
  uint64_t tick_slack_ns() const {
    return polled() ? polled_slack_ns : tick_slack_ns_.load(std::memory_order_relaxed);
  }
  uint64_t look_at_heap(uint64_t now_ns);

  WatchTarget &target_;
  Doorbell bell_;
  std::atomic<uint64_t> next_look_ns_{UINT64_MAX};
  /// How late it may be for a timer: doubled when others, who have news, have seen to it first,
  /// halved when nobody had.
  std::atomic<uint64_t> tick_slack_ns_{0};
  uint64_t tick_seen_ns_ = UINT64_MAX; ///< by its last look
  std::atomic<uint64_t> looks_{0};
  std::atomic<uint64_t> active_look_ns_{100'000'000};
  std::atomic<bool> active_{false}; ///< something has started since the last look
  std::atomic<bool> polled_{false};
  std::atomic<bool> stopping_{false};
  std::mutex heap_lock_;
  WatchHeap heap_;
  pthread_t thread_{};
  bool joinable_ = false;
};

} // namespace sledge::dataplane
