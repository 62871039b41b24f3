// owed_outcomes.hpp - outcomes that a worker keeps back for a moment, to publish several at once.
#pragma once
#include <atomic>
#include <cstdint>

#include "dataplane/intake.hpp"

namespace sledge::dataplane {

/// A chain of outcomes of one intake, newest first. The worker adds and publishes; the watchdog
/// publishes what the worker cannot, because what it runs meanwhile takes longer than estimated.
class OwedOutcomes {
 public:
  /// How long one waits for a worker that does not come back to it.
  static constexpr uint64_t wait_max_ns = 10'000'000;

  explicit OwedOutcomes(InvocationTable &table) : table_(table) {}

  /// Adds one; publishes first what another intake is owed. The worker.
  void add(Invocation &invocation) {
    Invocation *newest = take();
    if (newest != nullptr && newest->intake != invocation.intake) {
      newest->intake->deliver(*newest, *oldest_);
      newest = nullptr;
    }
    if (newest == nullptr) {
      oldest_ = &invocation;
      count_ = 0;
    }
    count_++;
    invocation.next.store(newest != nullptr ? newest->index : no_invocation,
                          std::memory_order_relaxed);
    since_ns_.store(oldest_->end_ns, std::memory_order_relaxed);
    newest_.store(&invocation, std::memory_order_release);
  }
  /// True: there was something to publish. The worker.
  bool publish() {
    Invocation *newest = take();
    if (newest == nullptr) {
      return false;
    }
    newest->intake->deliver(*newest, *oldest_);
    return true;
  }
  bool empty() const { return newest_.load(std::memory_order_relaxed) == nullptr; }
  /// How many have been added since it was empty; the watchdog may have taken them. The worker.
  uint32_t count() const { return count_; }
  /// When the oldest ended. Of use while there is one.
  uint64_t since_ns() const { return since_ns_.load(std::memory_order_relaxed); }

  /// Publishes what has waited too long; when to look again, UINT64_MAX: nothing waits. Any thread.
  uint64_t publish_overdue(uint64_t now_ns) {
    if (newest_.load(std::memory_order_acquire) == nullptr) {
      return UINT64_MAX;
    }
    const uint64_t due_ns = since_ns() + wait_max_ns;
    if (due_ns > now_ns) {
      return due_ns;
    }
    if (Invocation *newest = take(); newest != nullptr) {
      newest->intake->deliver(*newest, oldest_of(*newest));
    }
    return UINT64_MAX;
  }

 private:
  Invocation *take() {
    return newest_.load(std::memory_order_relaxed) == nullptr
               ? nullptr
               : newest_.exchange(nullptr, std::memory_order_acq_rel);
  }
  Invocation &oldest_of(Invocation &newest) {
    Invocation *each = &newest;
    for (uint32_t next; (next = each->next.load(std::memory_order_relaxed)) != no_invocation;) {
      each = &table_.at(next);
    }
    return *each;
  }

  InvocationTable &table_;
  std::atomic<Invocation *> newest_{nullptr};
  std::atomic<uint64_t> since_ns_{0};
  Invocation *oldest_ = nullptr; ///< the worker's own, and so is the count
  uint32_t count_ = 0;
};

} // namespace sledge::dataplane
