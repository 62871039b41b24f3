// outcome_inbox.hpp - the way of outcomes back to the thread that submitted.
#pragma once
#include <atomic>

#include "dataplane/invocation.hpp"

namespace sledge::dataplane {

/// Wakes the thread that submits. Called from any thread, once per armed period.
class OutcomeWaker {
 public:
  virtual void wake() = 0;

 protected:
  ~OutcomeWaker() = default;
};

/// A queue that never fills and a flag that makes many outcomes cost one wake-up.
class OutcomeInbox {
 public:
  OutcomeInbox(InvocationTable &table, OutcomeWaker &waker) : queue_(table), waker_(waker) {}

  void push(Invocation &newest, Invocation &oldest) { queue_.push(newest, oldest); }
  void push(Invocation &one) { queue_.push(one); }
  /// After a push: wakes the submitter unless it has been told already.
  void notify() {
    if (!armed_.exchange(true, std::memory_order_seq_cst)) {
      wakeups_.fetch_add(1, std::memory_order_relaxed);
      waker_.wake();
    }
  }
  /// The submitter looks now: what is pushed from here on wakes it again.
  void disarm() { armed_.exchange(false, std::memory_order_seq_cst); }
  uint32_t take_all() { return queue_.take_all(); }
  bool is_empty() const { return queue_.empty(); }
  uint64_t wakeups() const { return wakeups_.load(std::memory_order_relaxed); }

 private:
  OutcomeQueue queue_;
  OutcomeWaker &waker_;
  std::atomic<bool> armed_{false};
  std::atomic<uint64_t> wakeups_{0};
};

} // namespace sledge::dataplane
