// counters.hpp - numbers that one thread writes and any thread reads, without a lock.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sledge::dataplane {

/// Why a submission is refused.
enum class Rejection : uint8_t {
  draining,
  gone,
  malformed,
  concurrency,
  function_queue,
  tenant_concurrency,
  tenant_queue,
  table,
  queue,
  memory,
  not_admitted,
  tenant_rate,
  tenant_cpu,
  tenant_share
};
inline constexpr size_t rejection_count = 14;

/// Written by one thread, read by any.
template <typename Number> class OwnNumber {
 public:
  void add(Number more) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  Number value() const { return value_.load(std::memory_order_relaxed); }
  void clear() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<Number> value_{0};
};
using OwnCounter = OwnNumber<uint64_t>;

} // namespace sledge::dataplane
