// intake.hpp - one source of invocations: who submits, and where their outcomes go back to.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "dataplane/function_metrics.hpp"
#include "dataplane/outcome_inbox.hpp"
#include "dataplane/reply_lag.hpp"
#include "sledge/errors.h"

namespace sledge::dataplane {

struct IntakeCounters {
  OwnCounter accepted;
  OwnCounter deadlines_met;
  OwnCounter deadlines_missed;
  std::array<OwnCounter, rejection_count> rejected;
  std::array<OwnCounter, status_count> ended;
};

/// One thread, its source's, submits through it and reaps; what says so is for any thread.
class Intake {
 public:
  Intake(InvocationTable &table, OutcomeWaker &waker) : table_(table), inbox_(table, waker) {}
  ~Intake();
  Intake(InvocationTable &table, std::shared_ptr<OutcomeWaker> waker)
      : table_(table), kept_(std::move(waker)), inbox_(table, *kept_) {}
  Intake(const Intake &) = delete;
  Intake &operator=(const Intake &) = delete;

  /// The oldest outcome that is not reaped, or null. Its function may be gone; it stays valid until
  /// the data plane recycles it.
  Invocation *reap();
  bool more_to_reap() const { return reaped_next_ != no_invocation; }
  /// Nothing has been delivered that is not reaped.
  bool is_empty() const { return !more_to_reap() && inbox_.is_empty(); }
  /// Call before reaping on a wake-up; true from `more_to_reap` afterwards: wake yourself again.
  void begin_reaping() { inbox_.disarm(); }
  void wake_again() { inbox_.notify(); }
  /// After SLEDGE_ERR_INVOKE_NOT_ADMITTED: when to try again; 0: unknown.
  uint64_t retry_after_ns() const { return retry_after_ns_; }
  /// The source has sent the answer of what ended at end_ns. The source's thread.
  void note_reply(uint64_t end_ns, uint64_t now_ns) { reply_lag_.note(end_ns, now_ns); }
  uint64_t reply_ns(uint64_t now_ns) const { return reply_lag_.expected_ns(now_ns); }

  /// Accepted and not reaped. Any thread.
  uint32_t alive() const { return alive_.load(std::memory_order_acquire); }
  const IntakeCounters &counters() const { return counters_; }
  uint64_t wakeups() const { return inbox_.wakeups(); }
  /// Null: nothing has been counted of the function of this id. Any thread.
  const FunctionMetrics *metrics_of(uint32_t id) const {
    return metrics_[id].load(std::memory_order_acquire);
  }
  /// From now on another function has this id. While nothing of the one before is pinned.
  void forget(uint32_t id) {
    if (FunctionMetrics *metrics = metrics_[id].load(std::memory_order_relaxed)) {
      metrics->clear();
    }
  }
  bool is_open() const { return open_.load(std::memory_order_seq_cst); }
  /// Takes nothing more: a submission that another thread is at has been made when this returns.
  void close();
  /// An invocation of this source has its outcome. Any thread.
  void deliver(Invocation &one) { deliver(one, one); }
  /// A chain of them, linked by `next`.
  void deliver(Invocation &newest, Invocation &oldest) {
    inbox_.push(newest, oldest);
    inbox_.notify();
  }

 private:
  friend class DataPlane;
  /// False: it is closed. Else `leave` must follow.
  bool enter() {
    submitting_.store(true, std::memory_order_seq_cst);
    if (is_open()) {
      return true;
    }
    leave();
    return false;
  }
  void leave() { submitting_.store(false, std::memory_order_release); }
  int64_t reject(Rejection why, sledge_error error) {
    counters_.rejected[static_cast<size_t>(why)].add(1);
    return -static_cast<int64_t>(error);
  }
  /// The same for a function that is there, and pinned.
  int64_t reject(const Function &function, Rejection why, sledge_error error) {
    if (FunctionMetrics *metrics = metrics_for(function)) {
      metrics->rejected[static_cast<size_t>(why)].add(1);
    }
    return reject(why, error);
  }
  void count_accepted(const Function &function) {
    alive_.store(alive() + 1, std::memory_order_relaxed);
    counters_.accepted.add(1);
    if (FunctionMetrics *metrics = metrics_for(function)) {
      metrics->accepted.add(1);
    }
  }
  FunctionMetrics *metrics_for(const Function &function) {
    FunctionMetrics *metrics = metrics_[function.id].load(std::memory_order_relaxed);
    return metrics != nullptr ? metrics : make_metrics(function.id);
  }
  FunctionMetrics *make_metrics(uint32_t id);
  void count_end(const Invocation &invocation);

  InvocationTable &table_;
  const std::shared_ptr<OutcomeWaker> kept_;
  OutcomeInbox inbox_;
  std::atomic<bool> open_{true};
  std::atomic<bool> submitting_{false};
  std::atomic<uint32_t> alive_{0};
  uint32_t reaped_next_ = no_invocation;
  uint64_t retry_after_ns_ = 0;
  ReplyLag reply_lag_;
  IntakeCounters counters_;
  /// By id of the function; made when it is first called, and kept.
  const std::unique_ptr<std::atomic<FunctionMetrics *>[]> metrics_ =
      std::make_unique<std::atomic<FunctionMetrics *>[]>(function_count_max);
};

} // namespace sledge::dataplane
