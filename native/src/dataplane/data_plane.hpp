// data_plane.hpp - invocations in, outcomes out: the engine driven by real workers and clocks.
//
// One thread, the owner, submits, reaps outcomes, adds functions and stops; everything else runs
// on the data plane's own threads.
#pragma once
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "dataplane/clock.hpp"
#include "dataplane/dispatch.hpp"
#include "dataplane/external_worker.hpp"
#include "dataplane/function_table.hpp"
#include "dataplane/outcome_inbox.hpp"
#include "dataplane/runtime.hpp"
#include "dataplane/watchdog.hpp"
#include "dataplane/worker.hpp"
#include "dataplane/worker_groups.hpp"

namespace sledge::dataplane {

/// Outcomes that may be in the owner's hands beside those alive.
inline constexpr uint32_t outcome_batch_max = 256;
inline constexpr uint32_t function_count_max = 32768;

/// How the workers of a group wait.
struct IdleOptions {
  IdleKind kind = IdleKind::adaptive;
  uint64_t spin_ns = 20'000;
};

struct DataPlaneOptions {
  std::vector<int32_t> worker_cores; ///< one per worker, -1: unpinned; may be empty
  bool external = false;             ///< workers attach from outside and take work
  std::vector<IdleOptions> idle;     ///< by worker group; those beyond wait as by default
  PreemptionOptions preemption;
  std::vector<TenantLimits> tenants; ///< by index; those beyond have no limits
  uint32_t invocation_max = 1024;    ///< alive at any moment
  uint64_t stop_limit_ns = 2'000'000'000;
};

struct Submission {
  uint32_t function = 0;
  uint32_t argc = 0; ///< without argv[0], which is the function's name
  uint32_t envc = 0;
  std::span<const uint8_t> argv;
  std::span<const uint8_t> environ;
  std::span<const uint8_t> input;
  uint64_t relative_deadline_ns = 0; ///< 0: the function's own
  uint64_t arrival_ns = 0;           ///< when its last byte was received; 0: now
};

/// By name, for whoever shows them.
struct Statistic {
  const char *name;
  double value;
};

class DataPlane final : ActionTarget, WatchTarget {
 public:
  /// One worker group for each engine, with as many workers as that engine has; at least one.
  DataPlane(const DataPlaneOptions &options, std::vector<std::unique_ptr<Engine>> engines,
            std::shared_ptr<Runtime> runtime, OutcomeWaker &waker);
  /// With one worker group.
  DataPlane(const DataPlaneOptions &options, std::unique_ptr<Engine> engine,
            std::shared_ptr<Runtime> runtime, OutcomeWaker &waker);
  ~DataPlane();

  /// Starts the threads; 0, or the errno of what failed (stop and destroy it then).
  int start();

  uint32_t group_count() const { return groups_.count(); }
  uint32_t worker_count() const { return groups_.worker_count(); }

  /// Null when there are too many, or no such worker group.
  Function *add_function(FunctionSpec spec);
  void remove_function(uint32_t id) { functions_.remove(id); }

  /// The index of the invocation, or minus the sledge_error. With `may_defer` a sleeping worker is
  /// not woken for a short function at once: `kick_due` says that `kick` must follow soon.
  int64_t submit(const Submission &submission, bool may_defer);
  /// After `submit` has answered SLEDGE_ERR_INVOKE_NOT_ADMITTED: when to try again; 0: unknown.
  uint64_t retry_after_ns() const { return retry_after_ns_; }
  bool kick_due() const { return deferred_ != 0; }
  void kick();
  /// The invocation of this index that is alive now, if any, is no longer wanted.
  void cancel(uint32_t index) { end_by_owner(index, Kill::cancel); }
  /// Takes nothing more; what is in flight ends as it would.
  void close_intake() { intake_open_ = false; }
  /// Drops what has not started and kills what runs.
  void end_all();
  /// Invocations whose outcome has not been reaped.
  uint32_t in_flight() const { return alive_; }

  /// The oldest outcome that is not reaped, or null. It stays valid until `recycle`.
  Invocation *reap();
  void recycle(Invocation &invocation);
  /// From now on the calling thread calls `look_at_timers` all the time, as a polling transport
  /// does: the watchdog then sleeps. Any number of threads, each until its `end_polling`.
  void begin_polling();
  void end_polling();
  /// Sees to the policies' timers if one is due, and has the watchdog look when a worker does not
  /// answer an interrupt in time. Any thread; a few loads when there is nothing to do.
  void look_at_timers() {
    const uint64_t now = now_ns();
    if (next_tick_ns() <= now) {
      watch_tick(now);
    }
    if (interrupted_.load(std::memory_order_relaxed) &&
        next_interrupt_look_ns_.load(std::memory_order_relaxed) <= now) {
      look_at_interrupts(now);
    }
  }
  /// Call before reaping on a wake-up; true from `more_to_reap`: wake yourself again.
  void begin_reaping() { inbox_.disarm(); }
  void wake_again() { inbox_.notify(); }
  bool more_to_reap() const { return reaped_next_ != no_invocation; }
  Invocation &invocation(uint32_t index) { return table_.at(index); }
  uint32_t invocation_count() const { return table_.count(); }

  /// Ends everything and joins. False: a worker could not be joined, and its memory must stay.
  bool stop();
  bool stopped() const { return stopped_; }

  /// Carries out what a live policy decided after `events` events. The policy's thread.
  void carry_out(LivePolicy &live, std::span<const Order> orders, size_t events);
  /// Where policies are exchanged: the first worker group. Any thread, while the data plane lives.
  Dispatch &dispatch() { return groups_.at(0); }

  ExternalWorkers &external_workers() { return external_; }
  std::vector<Statistic> statistics();
  /// Empty when there is no such function.
  std::vector<Statistic> function_statistics(uint32_t id);

 private:
  // ActionTarget
  void wake(uint32_t worker) override;
  void interrupt(uint32_t worker, uint64_t request_id) override;
  void tick_due(uint64_t due_ns) override { watchdog_.tick_due(due_ns); }
  // WatchTarget
  uint64_t watch_running(uint64_t now_ns) override;
  uint64_t watch_due(const Watch &watch, uint64_t now_ns) override;
  uint64_t next_tick_ns() override;
  void watch_tick(uint64_t now_ns) override;

  /// Holds back wake-ups of sleeping workers until `kick`.
  struct DeferredTarget final : ActionTarget {
    explicit DeferredTarget(DataPlane &owner) : plane(owner) {}
    void wake(uint32_t worker) override { plane.wake_later(worker); }
    void interrupt(uint32_t worker, uint64_t request_id) override {
      plane.interrupt(worker, request_id);
    }
    void tick_due(uint64_t due_ns) override { plane.tick_due(due_ns); }
    DataPlane &plane;
  };

  enum Rejection : uint8_t {
    draining,
    gone,
    malformed,
    concurrency,
    function_queue,
    tenant_concurrency,
    tenant_queue,
    table,
    queue,
    memory,
    not_admitted
  };
  static constexpr size_t rejection_count = 11;

  int64_t reject(Rejection why, sledge_error error);
  int64_t check_limits(const Function &function);
  void set_times(Invocation &invocation, const Submission &submission);
  bool fill(Invocation &invocation, const Submission &submission);
  void wake_later(uint32_t worker);
  void end_by_owner(uint32_t index, Kill why);
  void end(Invocation &invocation, uint32_t generation, Kill why);
  void kill_running(Invocation &invocation, uint32_t generation);
  void look_at_interrupts(uint64_t now_ns);
  uint64_t look_ns() const;
  uint64_t watch_one(Invocation &invocation, Worker *worker, uint64_t now_ns);
  void count_end(const Invocation &invocation);
  void abandon(Worker &worker);

  const DataPlaneOptions options_;
  InvocationTable table_;
  std::vector<std::unique_ptr<Tenant>> tenants_; ///< null: without limits
  FunctionTable functions_;
  OutcomeInbox inbox_;
  std::shared_ptr<Runtime> runtime_;
  WorkerGroups groups_;
  Watchdog watchdog_;
  std::vector<std::unique_ptr<Worker>> workers_;
  ExternalWorkers external_;
  DeferredTarget later_{*this};

  std::atomic<bool> interrupted_{false}; ///< since the watchdog's last look, or a poller's
  std::atomic<uint64_t> next_interrupt_look_ns_{0};
  std::mutex pollers_lock_;
  uint32_t pollers_ = 0;

  // The owner's.
  bool intake_open_ = true;
  bool stopped_ = false;
  uint32_t alive_ = 0;
  uint32_t deferred_ = 0; ///< submissions whose worker has not been woken yet
  uint64_t deferred_since_ns_ = 0;
  std::vector<bool> deferred_workers_;
  uint32_t reaped_next_ = no_invocation;
  uint64_t accepted_ = 0;
  uint64_t retry_after_ns_ = 0;
  uint64_t deadlines_met_ = 0;
  uint64_t deadlines_missed_ = 0;
  std::array<uint64_t, rejection_count> rejected_{};
  std::array<uint64_t, status_count> ended_{};
};

} // namespace sledge::dataplane
