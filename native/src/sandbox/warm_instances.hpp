// warm_instances.hpp - instances of one function that go on from one invocation to the next.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "sandbox/memory_budget.hpp"

namespace sledge {

/// How many one function may keep, and how long. Instances kept for one object are used by no
/// other; it outlives them by reference. Any thread.
class WarmInstances {
 public:
  WarmInstances(uint32_t limit, uint64_t idle_ns_max) : limit_(limit), idle_ns_max_(idle_ns_max) {
    static std::atomic<uint64_t> next{1};
    id_ = next.fetch_add(1, std::memory_order_relaxed);
  }
  /// Where the memory of idle ones counts; null: nowhere. Before any is kept.
  void count_memory_in(std::shared_ptr<MemoryBudget> budget) { budget_ = std::move(budget); }
  MemoryBudget *budget() const { return budget_.get(); }
  /// Never repeats within a process.
  uint64_t id() const { return id_; }
  /// True: one more may be kept.
  bool take() {
    uint32_t kept = kept_.load(std::memory_order_relaxed);
    do {
      if (kept >= limit_)
        return false;
    } while (!kept_.compare_exchange_weak(kept, kept + 1, std::memory_order_relaxed));
    return true;
  }
  /// One that was kept is so no longer.
  void give_back() { kept_.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t idle_ns_max() const { return idle_ns_max_; }
  uint32_t kept() const { return kept_.load(std::memory_order_relaxed); }
  bool is_expired(uint64_t since_ns, uint64_t now_ns) const {
    return now_ns - since_ns >= idle_ns_max_;
  }

 private:
  uint64_t id_ = 0;
  const uint32_t limit_;
  const uint64_t idle_ns_max_; ///< after which an idle one is cleared
  std::atomic<uint32_t> kept_{0};
  std::shared_ptr<MemoryBudget> budget_;
};

} // namespace sledge
