// data_plane.hpp - invocations in, outcomes out: the engine driven by real workers and clocks.
//
// One thread, the owner, adds functions and intakes, submits and reaps through an intake of its
// own, and stops. Other threads submit and reap through an intake each. Everything else runs on the
// data plane's own threads.
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
#include "dataplane/intake.hpp"
#include "dataplane/module_cache.hpp"
#include "dataplane/recorder.hpp"
#include "dataplane/runtime.hpp"
#include "dataplane/watchdog.hpp"
#include "dataplane/worker.hpp"
#include "dataplane/worker_groups.hpp"

namespace sledge::dataplane {

/// Outcomes that may be in the owner's hands beside those alive.
inline constexpr uint32_t outcome_batch_max = 256;
inline constexpr uint32_t intake_count_max = 64;

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
  /// Waiting requests that all queues together hold; shares of tenants are of that. 0: unknown, it
  /// is `invocation_max`.
  uint32_t queue_max = 0;
  /// Alive at any moment; one more for each other intake that submits in the same instant.
  uint32_t invocation_max = 1024;
  /// Modules that are loaded at once, beside those of invocations in flight.
  uint32_t loaded_modules_max = 20'000;
  uint64_t stop_limit_ns = 2'000'000'000;
  RecorderOptions record;
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

/// Of one worker, by WORKER_METRICS of core/src/contracts/native.ts.
using WorkerMetrics = std::array<double, 11>;
/// Of one worker group, by GROUP_METRICS there.
using GroupMetrics = std::array<double, 10>;

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

  /// The tenant of this index has these limits from now on. False: there is no such index.
  bool set_tenant(uint32_t tenant, const TenantLimits &limits);
  /// Another tenant has this number from now on: nothing is counted of it, and it owes nothing.
  void begin_tenant(uint32_t tenant);
  /// It is promised this time of all workers from now on; each worker group gives its part. False:
  /// there is no such index.
  bool set_terms(uint32_t tenant, const sledge_tenant_terms &terms);

  /// The index of the invocation, or minus the sledge_error. With `may_defer` a sleeping worker is
  /// not woken for a short function at once: `kick_due` says that `kick` must follow soon.
  int64_t submit(const Submission &submission, bool may_defer);
  bool kick_due() const { return deferred_ != 0; }
  void kick();
  /// The invocation of this index that is alive now, if any, is no longer wanted.
  void cancel(uint32_t index) { end_by_owner(index, Kill::cancel); }
  /// Takes nothing more; what is in flight ends as it would.
  void close_intake();
  /// Drops what has not started and kills what runs.
  void end_all();
  /// Invocations whose outcome has not been reaped.
  uint32_t in_flight() const;

  /// The oldest outcome that is not reaped, or null. It stays valid until `recycle`.
  Invocation *reap() { return own_.reap(); }
  /// Call before reaping on a wake-up.
  void begin_reaping() { own_.begin_reaping(); }
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

  /// Workers of all groups run sandboxes on their own threads, and can have work for idle times.
  bool has_own_workers() const { return !options_.external; }
  /// What this worker does while it has nothing to run. Null: nothing; when this returns, the one
  /// before is no longer used, and there may be another. Any thread but a worker, one at a time.
  void set_idle_work(uint32_t worker, IdleWork *work) { workers_.at(worker)->set_idle_work(work); }

  Intake &own_intake() { return own_; }
  /// For another thread; it lives as long as the data plane. Null: too many. The owner.
  Intake *add_intake(std::shared_ptr<OutcomeWaker> waker);
  /// As the owner's, on the intake's thread; no wake-up is held back.
  int64_t submit(Intake &intake, const Submission &submission);
  /// The invocation of this index and generation is no longer wanted. Any thread.
  void cancel(uint32_t index, uint32_t generation) {
    end(table_.at(index), generation, Kill::cancel);
  }

  Invocation &invocation(uint32_t index) { return table_.at(index); }
  uint32_t invocation_count() const { return table_.count(); }

  /// Ends everything and joins. False: a worker could not be joined, and its memory must stay.
  bool stop();
  bool stopped() const { return stopped_; }

  /// Carries out what the live policy of this worker group decided after `events` events. The
  /// policy's thread.
  void carry_out(uint32_t group, LivePolicy &live, std::span<const Order> orders, size_t events);
  /// Where the policies of a worker group, below `group_count`, are exchanged. Any thread, while
  /// the data plane lives.
  Dispatch &dispatch(uint32_t group) { return groups_.at(group); }

  ExternalWorkers &external_workers() { return external_; }
  /// What is recorded, for one thread to take, also when it has stopped. Null: nothing is.
  Recorder *recorder() { return recorder_.get(); }
  /// Whether events are kept from now on, where there is room for them; at first they are.
  void keep_events(bool keeps);
  std::vector<Statistic> statistics();
  /// Of a tenant; empty when nothing has been counted of it.
  std::vector<Statistic> tenant_statistics(uint32_t id);
  /// Empty when there is no such function.
  std::vector<Statistic> function_statistics(uint32_t id);
  /// What all intakes have counted of the function of this id. False: nothing yet, all are 0.
  bool function_metrics(uint32_t id, std::span<double, FunctionMetrics::numbers> numbers);
  /// Adds what all intakes have counted of a function, and then what of it is accepted and not
  /// reaped, and of that not started.
  void add_function_metrics(uint32_t id, std::span<double, FunctionMetrics::numbers + 2> sums);
  /// Ids of the functions of which something has been counted.
  std::vector<uint32_t> counted_functions();
  /// Of the workers that run on their own threads. The owner.
  std::vector<WorkerMetrics> worker_metrics();
  std::vector<GroupMetrics> group_metrics();

 private:
  struct IntakeSums {
    uint64_t accepted = 0;
    uint64_t met = 0;
    uint64_t missed = 0;
    uint64_t wakeups = 0;
    std::array<uint64_t, rejection_count> rejected{};
    std::array<uint64_t, status_count> ended{};
  };
  IntakeSums intake_sums();

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

  int64_t accept(Intake &intake, const Submission &submission, bool may_defer);
  Tenant *tenant_at(uint32_t index);
  int64_t hold_pace(Intake &intake, Function &function);
  int64_t take_in(Intake &intake, Function &function, const Submission &submission, bool may_defer);
  int64_t place(Intake &intake, Function &function, const Submission &submission, bool may_defer);
  sledge_error closed_error() const {
    return stopped_ ? SLEDGE_ERR_NATIVE_STOPPED : SLEDGE_ERR_INVOKE_DRAINING;
  }
  const Intake &intake_at(uint32_t index) const {
    return index == 0 ? own_ : *more_intakes_[index - 1];
  }
  void keep_deferring(bool deferred, uint64_t now);
  void set_times(Invocation &invocation, const Submission &submission);
  bool fill(Invocation &invocation, const Submission &submission);
  void wake_later(uint32_t worker);
  void rouse_deferred();
  void end_by_owner(uint32_t index, Kill why);
  void end(Invocation &invocation, uint32_t generation, Kill why);
  void kill_running(Invocation &invocation, uint32_t generation);
  void look_at_interrupts(uint64_t now_ns);
  uint64_t look_ns() const;
  uint64_t watch_one(Invocation &invocation, Worker *worker, uint64_t now_ns);
  void abandon(Worker &worker);

  const DataPlaneOptions options_;
  InvocationTable table_;
  std::array<std::unique_ptr<Tenant>, tenant_count_max> tenants_; ///< null: none has been used
  std::atomic<uint32_t> tenants_used_{0};
  std::shared_ptr<Runtime> runtime_;
  ModuleCache modules_;
  FunctionTable functions_;
  Intake own_;
  std::array<std::unique_ptr<Intake>, intake_count_max - 1> more_intakes_;
  std::atomic<uint32_t> intake_count_{1};
  WorkerGroups groups_;
  const std::unique_ptr<Recorder> recorder_;
  Recorder *const completions_; ///< the recorder if it keeps completions
  Watchdog watchdog_;
  std::vector<std::unique_ptr<Worker>> workers_;
  ExternalWorkers external_;
  DeferredTarget later_{*this};

  std::atomic<bool> interrupted_{false}; ///< since the watchdog's last look, or a poller's
  std::atomic<uint64_t> next_interrupt_look_ns_{0};
  std::mutex pollers_lock_;
  uint32_t pollers_ = 0;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> deferring_{false}; ///< the owner holds back a wake-up
  std::atomic<bool> hasty_{false};     ///< another source has submitted since it last did

  // The owner's.
  uint32_t deferred_ = 0; ///< submissions whose worker has not been woken yet
  uint64_t deferred_since_ns_ = 0;
  std::vector<bool> deferred_workers_;
  const uint32_t queue_max_;
};

} // namespace sledge::dataplane
