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
  Dispatch(std::unique_ptr<Engine> engine, InvocationTable &table, ActionTarget &target,
           bool external, uint32_t first_worker = 0)
      : engine_(std::move(engine)), table_(table), target_(target), external_(external),
        first_worker_(first_worker), owners_(engine_->pool().capacity(), nullptr),
        turn_end_ns_(engine_->worker_count(), 0) {}

  /// With an error nothing has changed. `target` gets what follows.
  Admission submit(Invocation &invocation, ActionTarget &target);
  /// Ends what the worker ran (if `finished`), then gives it its next invocation, as `running`.
  Invocation *advance(uint32_t worker, Finished finished);
  /// Ends what the worker ran and asks for nothing more.
  void finish(uint32_t worker, Finished finished);
  /// The running one has left at a safepoint: what the worker runs now.
  Invocation *reconsider(uint32_t worker);
  /// The running one waits until its wake_ns, and the worker runs nothing. False: somebody has
  /// marked it to be killed meanwhile; it is still running, and the worker's to end.
  bool block(uint32_t worker);
  void unblock(Invocation &invocation, uint32_t generation);
  /// Takes it out of the engine, whatever it does.
  Ended end(Invocation &invocation, uint32_t generation, Kill why);
  void tick();
  /// This number now names another function.
  void forget_type(uint32_t type);

  /// When the turn that the worker has begun ends, if somebody waits for that; 0: nobody. The
  /// worker.
  uint64_t turn_end_ns(uint32_t worker) const { return turn_end_ns_[worker - first_worker_]; }

  /// When `tick` is due; UINT64_MAX: never, as things are. Any thread.
  uint64_t tick_ns() const { return tick_ns_.load(std::memory_order_seq_cst); }

  EngineCounters counters();
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

  GroupLock lock_;
  std::unique_ptr<Engine> engine_;
  InvocationTable &table_;
  ActionTarget &target_;
  const bool external_;
  const uint32_t first_worker_;
  std::vector<Invocation *> owners_;  ///< by Request::index
  std::vector<uint64_t> turn_end_ns_; ///< each its worker's own
  uint64_t last_ns_ = 0;
  std::atomic<uint64_t> waiting_{0};
  std::atomic<uint64_t> tick_ns_{UINT64_MAX};
};

} // namespace sledge::dataplane
