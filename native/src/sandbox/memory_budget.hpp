// memory_budget.hpp - a bound on the linear memory of several sandboxes together.
#pragma once
#include <atomic>
#include <cstdint>

namespace sledge {

/// What all sandboxes of one owner may have together, those included that rest: idle instances,
/// which give way to what starts or grows. Any thread; outlives what took from it.
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
    } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_acq_rel,
                                                std::memory_order_acquire));
    return true;
  }
  /// Only what has been taken.
  void give_back(uint64_t bytes) { used_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  /// More is used than the limit of now.
  bool is_exceeded() const { return has_limit() && used_bytes() > limit_bytes(); }

  // What rests counts as used, and is never seen as used before it is seen as resting. One at a
  // time: under the lock of the arena.

  /// As `take`.
  bool rest(uint64_t bytes) {
    resting_bytes_.fetch_add(bytes, std::memory_order_acq_rel);
    if (take(bytes))
      return true;
    resting_bytes_.fetch_sub(bytes, std::memory_order_acq_rel);
    return false;
  }
  /// It is in use again.
  void wake(uint64_t bytes) { resting_bytes_.fetch_sub(bytes, std::memory_order_acq_rel); }
  void give_back_resting(uint64_t bytes) {
    give_back(bytes);
    wake(bytes);
  }
  uint64_t resting_bytes() const { return resting_bytes_.load(std::memory_order_acquire); }
  /// Once all that rests has given way.
  bool has_room_beneath_resting(uint64_t bytes) const {
    const uint64_t resting = resting_bytes();
    const uint64_t used = used_bytes();
    const uint64_t lasting = used > resting ? used - resting : 0;
    return !has_limit() || (lasting <= limit_bytes() && bytes <= limit_bytes() - lasting);
  }

  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  uint64_t limit_bytes() const { return limit_bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> limit_bytes_;
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> resting_bytes_{0}; ///< of the used
};

} // namespace sledge
