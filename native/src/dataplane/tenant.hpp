// tenant.hpp - what is counted of a tenant, and the limits that it is held to.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "sandbox/memory_budget.hpp"

namespace sledge::dataplane {

inline constexpr uint32_t tenant_count_max = 1024;

/// Limits over all functions of one tenant; 0: none.
struct TenantLimits {
  uint32_t concurrent_max = 0;   ///< accepted and not ended
  uint32_t queued_max = 0;       ///< accepted and not started
  uint64_t memory_bytes_max = 0; ///< linear memory of what has started or is idle
  double rate_per_s = 0;         ///< requests that come
  uint32_t burst = 1;            ///< of them at once, after a rest
  double cpu_ns_per_s = 0;       ///< time on workers; a second's worth at once after a rest
  uint32_t weight = 1;           ///< of its share of the queue when that is full
};

/// What all requests of a tenant have used, of functions that are gone too.
struct TenantUse {
  std::atomic<uint64_t> ended{0};
  std::atomic<uint64_t> deadlines_missed{0};
  std::atomic<uint64_t> run_ns{0};
  std::atomic<double> memory_byte_seconds{0};
};

/// A bucket that drains with time (GCRA, ITU-T I.371): one word, any thread.
class Pace {
 public:
  /// Adds `cost_ns` to it unless it would hold more than `burst_ns` then. False: how long to wait.
  bool take(uint64_t now_ns, uint64_t cost_ns, uint64_t burst_ns, uint64_t &retry_after_ns) {
    uint64_t empty_at_ns = empty_at_ns_.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t full_at_ns = std::max(empty_at_ns, now_ns) + cost_ns;
      if (full_at_ns > now_ns + burst_ns) {
        retry_after_ns = full_at_ns - burst_ns - now_ns;
        return false;
      }
      if (empty_at_ns_.compare_exchange_weak(empty_at_ns, full_at_ns, std::memory_order_relaxed)) {
        return true;
      }
    }
  }
  void begin() { empty_at_ns_.store(0, std::memory_order_relaxed); }
  /// Adds it whatever is in there: what is beyond the burst is to be paid by waiting.
  void charge(uint64_t now_ns, uint64_t cost_ns) {
    uint64_t empty_at_ns = empty_at_ns_.load(std::memory_order_relaxed);
    while (!empty_at_ns_.compare_exchange_weak(empty_at_ns, std::max(empty_at_ns, now_ns) + cost_ns,
                                               std::memory_order_relaxed)) {
    }
  }

 private:
  std::atomic<uint64_t> empty_at_ns_{0};
};

/// Stays at its address as long as the data plane. Limits are set by the owner; any thread counts.
class Tenant {
 public:
  explicit Tenant(const TenantLimits &limits) { set(limits); }

  /// What has been accepted stays; it counts towards the new limits.
  void set(const TenantLimits &limits) {
    concurrent_max_.store(limits.concurrent_max, std::memory_order_relaxed);
    queued_max_.store(limits.queued_max, std::memory_order_relaxed);
    weight_.store(std::max(limits.weight, 1u), std::memory_order_relaxed);
    memory_->set_limit(limits.memory_bytes_max);
    const double gap_ns = limits.rate_per_s > 0 ? std::max(second_ns / limits.rate_per_s, 1.0) : 0;
    const double rest_ns = std::min(gap_ns * std::max(limits.burst, 1u), 1e18);
    gap_ns_.store(static_cast<uint64_t>(gap_ns), std::memory_order_relaxed);
    rest_ns_.store(static_cast<uint64_t>(rest_ns), std::memory_order_relaxed);
    const double cost = limits.cpu_ns_per_s > 0 ? second_ns / limits.cpu_ns_per_s : 0;
    cpu_cost_.store(cost, std::memory_order_relaxed);
  }

  bool has_pace() const {
    return gap_ns_.load(std::memory_order_relaxed) != 0 ||
           cpu_cost_.load(std::memory_order_relaxed) != 0;
  }
  /// One more request comes. False: too many have come; how long to wait.
  bool take_request(uint64_t now_ns, uint64_t &retry_after_ns) {
    const uint64_t gap_ns = gap_ns_.load(std::memory_order_relaxed);
    return gap_ns == 0 ||
           requests_.take(now_ns, gap_ns, rest_ns_.load(std::memory_order_relaxed), retry_after_ns);
  }
  /// False: it has used its time; how long to wait.
  bool has_cpu(uint64_t now_ns, uint64_t &retry_after_ns) {
    return cpu_cost_.load(std::memory_order_relaxed) == 0 ||
           cpu_.take(now_ns, 0, static_cast<uint64_t>(second_ns), retry_after_ns);
  }
  void charge_cpu(uint64_t now_ns, uint64_t run_ns) {
    const double cost = cpu_cost_.load(std::memory_order_relaxed);
    if (cost != 0) {
      cpu_.charge(now_ns, static_cast<uint64_t>(static_cast<double>(run_ns) * cost));
    }
  }

  /// Several threads that come at once for the last place may all be refused.
  bool take_place() { return take(alive_, concurrent_max_.load(std::memory_order_relaxed)); }
  bool take_queue_place() { return take(queued_, queued_max_.load(std::memory_order_relaxed)); }
  void leave() { alive_.fetch_sub(1, std::memory_order_relaxed); }
  void leave_queue() { queued_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t alive() const { return alive_.load(std::memory_order_relaxed); }
  uint32_t queued() const { return queued_.load(std::memory_order_relaxed); }

  /// Has it, the one that comes included, its share of a queue with so many free places? What a
  /// tenant may hold is a multiple of what is free (Choudhury, Hahne: Dynamic Queue Length
  /// Thresholds for Shared-Memory Packet Switches, 1998): one alone gets nearly all, and gives way
  /// as others come, since then less is free.
  bool is_within_share(uint64_t free) const { return alive() <= share_of(free); }
  /// How many it may have by that.
  uint64_t share_of(uint64_t free) const {
    return std::max<uint64_t>(share_of_free * weight() * free, 1);
  }
  uint32_t weight() const { return weight_.load(std::memory_order_relaxed); }

  /// Counted whether it has a limit or not.
  MemoryBudget *memory() { return memory_.get(); }
  const std::shared_ptr<MemoryBudget> &shared_memory() const { return memory_; }

  const TenantUse &use() const { return use_; }
  /// It is another one's from now on; nothing of the one before is in flight.
  void begin() {
    use_.ended.store(0, std::memory_order_relaxed);
    use_.deadlines_missed.store(0, std::memory_order_relaxed);
    use_.run_ns.store(0, std::memory_order_relaxed);
    use_.memory_byte_seconds.store(0, std::memory_order_relaxed);
    requests_.begin();
    cpu_.begin();
  }
  /// One of its requests has ended. Any thread.
  void count_end(bool is_late, uint64_t run_ns, double memory_byte_seconds) {
    use_.ended.fetch_add(1, std::memory_order_relaxed);
    use_.deadlines_missed.fetch_add(is_late ? 1 : 0, std::memory_order_relaxed);
    use_.run_ns.fetch_add(run_ns, std::memory_order_relaxed);
    use_.memory_byte_seconds.fetch_add(memory_byte_seconds, std::memory_order_relaxed);
  }

 private:
  static constexpr double second_ns = 1e9;
  static constexpr uint64_t share_of_free = 8;
  static bool take(std::atomic<uint32_t> &count, uint32_t limit) {
    if (count.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) {
      return true;
    }
    count.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  // Read by all who submit; written when limits change.
  alignas(64) std::atomic<uint32_t> concurrent_max_{0};
  std::atomic<uint32_t> queued_max_{0};
  std::atomic<uint32_t> weight_{1};
  std::atomic<uint64_t> gap_ns_{0};  ///< between requests at the rate; 0: no limit
  std::atomic<uint64_t> rest_ns_{0}; ///< after which the whole burst may come
  std::atomic<double> cpu_cost_{0};  ///< ns of waiting for one of running; 0: no limit
  alignas(64) std::atomic<uint32_t> alive_{0};
  std::atomic<uint32_t> queued_{0};
  TenantUse use_;
  Pace requests_;
  Pace cpu_;
  const std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>(0);
};

} // namespace sledge::dataplane
