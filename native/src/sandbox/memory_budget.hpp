// memory_budget.hpp - a bound on the linear memory of several sandboxes together.
#pragma once
#include <atomic>
#include <cstdint>

namespace sledge {

/// What all sandboxes of one owner may have together. Any thread; outlives what took from it.
class MemoryBudget {
 public:
  /// 0: no limit.
  explicit MemoryBudget(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  /// What has been taken stays taken, also beyond the new limit.
  void set_limit(uint64_t limit_bytes) {
    limit_bytes_.store(limit_bytes, std::memory_order_relaxed);
  }
  bool has_limit() const { return limit_bytes() != 0; }
  /// All of it or nothing; false: it would be more than the limit.
  bool take(uint64_t bytes) {
    const uint64_t limit = limit_bytes();
    uint64_t used = used_bytes_.load(std::memory_order_relaxed);
    do {
      if (limit != 0 && (used > limit || bytes > limit - used))
        return false;
    } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  /// Only what has been taken.
  void give_back(uint64_t bytes) { used_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  uint64_t limit_bytes() const { return limit_bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> limit_bytes_;
  std::atomic<uint64_t> used_bytes_{0};
};

} // namespace sledge
