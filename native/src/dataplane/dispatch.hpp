// dispatch.hpp - the engine of one worker group behind its lock, driven by real workers.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/engine.hpp"
#include "dataplane/futex.hpp"
#include "dataplane/invocation.hpp"
#include "dataplane/live_policy.hpp"
#include "dataplane/recorder.hpp"

namespace sledge::dataplane {

/// Carries out what the engine decided, after the lock has been released. Workers are numbered
/// through all groups.
class ActionTarget {
 public:
  virtual void wake(uint32_t worker) = 0;
  virtual void interrupt(uint32_t worker, uint64_t request_id) = 0;
  /// A timer of the policies has been set anew; `Dispatch::tick_ns` says it too.
  virtual void tick_due(uint64_t due_ns) = 0;

 protected:
  ~ActionTarget() = default;
};

/// How an invocation that was to be ended was found.
enum class Ended : uint8_t {
  gone,      ///< it has ended already, or is another one now
  unstarted, ///< it was waiting for its first run; the caller owns its end
  suspended, ///< it was preempted or blocked; the caller owns its end and its sandbox
  taken,     ///< it ran on an external worker; the caller owns its end
  running    ///< it runs; it is marked, its worker will end it
};

/// How a worker's running invocation ended, for the engine.
enum class Finished : uint8_t {
  nothing, ///< the worker ran nothing
  succeeded,
  failed,
  late ///< it was never started
};

/// Whether the engine took a new invocation.
struct Admission {
  sledge_error error = SLEDGE_OK;
  uint64_t retry_after_ns = 0; ///< 0: unknown
};

class Dispatch {
 public:
  /// The engine's worker 0 is `first_worker` here and for the target.
  Dispatch(std::unique_ptr<Engine> engine, ActionTarget &target, bool external,
           uint32_t first_worker = 0, uint32_t group = 0, uint32_t group_count = 1)
      : engine_(std::move(engine)), target_(target), external_(external),
        first_worker_(first_worker), group_(group), group_count_(group_count),
        owners_(engine_->pool().capacity(), nullptr), turn_end_ns_(engine_->worker_count(), 0),
        leave_by_ns_(engine_->worker_count(), UINT64_MAX) {}

  /// What is decided from now on is kept there; null: nothing. Before anything is submitted.
  void record_with(Recorder *recorder);
  /// From now on events are kept, if the recorder has room for any, or not. Any thread.
  void keep_events(bool keeps);

  /// With an error nothing has changed. `target` gets what follows.
  Admission submit(Invocation &invocation, ActionTarget &target);
  /// Ends what the worker ran (if `finished`), then gives it its next invocation, as `running`.
  Invocation *advance(uint32_t worker, Finished finished);
  /// Ends what the worker ran and asks for nothing more.
  void finish(uint32_t worker, Finished finished);
  /// The running one has left at a safepoint: what the worker runs now.
  Invocation *reconsider(uint32_t worker, bool yielded);
  /// The running one waits until its wake_ns, and the worker runs nothing. False: somebody has
  /// marked it to be killed meanwhile; it is still running, and the worker's to end.
  bool block(uint32_t worker);
  void unblock(Invocation &invocation, uint32_t generation);
  /// Takes it out of the engine, whatever it does.
  Ended end(Invocation &invocation, uint32_t generation, Kill why);
  void tick();
  /// What this group's workers promise the tenant from now on. False: there is no such number.
  bool set_terms(uint32_t tenant, const sledge_tenant_terms &terms);
  /// This number now names another function.
  void forget_type(uint32_t type);

  /// When the turn that the worker has begun ends, if somebody waits for that; 0: nobody. The
  /// worker.
  uint64_t turn_end_ns(uint32_t worker) const { return turn_end_ns_[worker - first_worker_]; }
  /// When what the worker has been given should leave unasked; UINT64_MAX: never. The worker.
  uint64_t leave_by_ns(uint32_t worker) const { return leave_by_ns_[worker - first_worker_]; }

  /// When `tick` is due; UINT64_MAX: never, as things are. Any thread.
  uint64_t tick_ns() const { return tick_ns_.load(std::memory_order_seq_cst); }

  // Policies: dispatch_policies.cpp

  /// As it was made; never changes.
  EngineConfig engine_config() const { return engine_->config(); }

  /// Replaces a policy while requests are served; what is returned is to be destroyed. An empty
  /// instance is a policy too for an estimator and an admission policy: none.
  PolicyInstance swap(sledge_policy_kind kind, PolicyInstance policy);
  /// From now on the live policy decides what it leads; the other policies are exchanged for those
  /// given, if any.
  void lead(const std::shared_ptr<LivePolicy> &live, PolicyInstance dispatcher,
            PolicyInstance scheduler);
  /// What a live policy decided. Invocations that it refuses are appended to `rejected`, each with
  /// its generation. Void when it no longer drives.
  void carry_out(LivePolicy &live, std::span<const Order> orders, size_t events,
                 std::vector<std::pair<Invocation *, uint32_t>> &rejected);
  /// The fallback takes over.
  void eject(LivePolicy &live, const std::string &reason);
  /// By a function that copies what it needs of the live policy. Null: none has ever driven.
  template <typename Read> void read_live(Read read) {
    lock_.lock();
    read(live_.get(), *engine_);
    lock_.unlock();
  }

  EngineCounters counters();
  /// Appends the length of each worker's run queue, all at one moment. Any thread.
  void add_queue_lengths(std::vector<uint32_t> &lengths);
  /// How often a preempted invocation went on on another worker. Any thread.
  uint64_t migrations() const { return migrations_.load(std::memory_order_relaxed); }
  /// Requests that wait, as of the last change; a hint, read without the lock.
  uint64_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  class Section;
  /// As the engine numbers it.
  uint32_t own(uint32_t worker) const { return worker - first_worker_; }
  void leave_engine(uint32_t worker, Finished finished, uint64_t now_ns);
  Invocation *owner(Request *request) { return owners_[request->index]; }
  Invocation *start(Request *request, uint32_t worker, uint64_t now_ns);
  static bool runs_on(const Invocation &invocation, Kill why);
  bool runs_elsewhere(Invocation &invocation, uint32_t generation);

  // For the recorder, if there is one: dispatch_record.cpp. Group's lock.
  /// Of a request of the engine, unique over all groups.
  uint64_t number_of(uint64_t id) const { return (id - 1) * group_count_ + group_ + 1; }
  void note(const RecordedEvent &event);
  void note_arrival(const Request &request, const Invocation &invocation, uint64_t now_ns);
  void note_refusal(const Invocation &invocation, Refusal why, uint64_t now_ns);
  void note_begin(const Invocation &invocation, uint32_t worker, State before, uint64_t now_ns);
  void note_left(const Invocation &left, const Invocation &next, uint32_t worker, LeaveReason why,
                 uint64_t now_ns);
  void note_end(const Invocation &invocation, Happening what, uint32_t worker, uint64_t end_ns,
                uint64_t now_ns);
  void note_block(const Invocation &invocation, Happening what, uint64_t now_ns);
  void note_asks(std::span<const Action> actions, uint64_t now_ns);
  void keep(Invocation &invocation, const Request &request);

  uint64_t check_live(uint64_t now_ns);
  void fall_back(uint64_t now_ns);

  GroupLock lock_;
  std::unique_ptr<Engine> engine_;
  ActionTarget &target_;
  const bool external_;
  const uint32_t first_worker_;
  const uint32_t group_;
  const uint32_t group_count_;
  std::vector<Invocation *> owners_;  ///< by Request::index
  std::vector<uint64_t> turn_end_ns_; ///< each its worker's own
  std::vector<uint64_t> leave_by_ns_; ///< as turn_end_ns_
  uint64_t last_ns_ = 0;
  std::atomic<uint64_t> waiting_{0};
  std::atomic<uint64_t> migrations_{0};
  std::atomic<uint64_t> tick_ns_{UINT64_MAX};
  std::shared_ptr<LivePolicy> live_;    ///< the last one; it may have been ejected
  uint64_t live_check_ns_ = UINT64_MAX; ///< when to look at it again
  std::vector<PolicyInstance> retired_; ///< to be destroyed outside the lock
  Recorder *recorder_ = nullptr;        ///< null: it has no room for events
  Recorder *events_ = nullptr;          ///< null: no decision record is kept now
  bool keeps_completions_ = false;
  uint64_t noted_waiting_ = 0;
};

} // namespace sledge::dataplane
