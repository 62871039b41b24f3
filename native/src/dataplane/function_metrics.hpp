// function_metrics.hpp - what one intake has counted of one function: its thread writes, any thread
// reads.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "dataplane/counters.hpp"
#include "dataplane/invocation.hpp"

namespace sledge::dataplane {

/// Counts of values in buckets that are a quarter of a power of two wide, so that a quantile is at
/// most a quarter too high; fixed in size, whatever comes (the layout of HdrHistogram with two
/// significant bits). As HISTOGRAM of core/src/contracts/native.ts.
class LogHistogram {
 public:
  static constexpr uint32_t first_bits = 10; ///< the first bucket ends at 1,024
  static constexpr uint32_t octaves = 26;
  static constexpr uint32_t octave_cells = 4;
  static constexpr uint32_t cells = octaves * octave_cells + 2; ///< the last one has no end

  /// The cell whose bounds are: lower < value <= upper.
  static constexpr uint32_t cell_of(uint64_t value) {
    const uint64_t below = value == 0 ? 0 : value - 1;
    if (below < (1u << first_bits)) {
      return 0;
    }
    const auto octave = static_cast<uint32_t>(std::bit_width(below)) - 1 - first_bits;
    if (octave >= octaves) {
      return cells - 1;
    }
    const uint64_t quarter = (below >> (octave + first_bits - 2)) & (octave_cells - 1);
    return 1 + octave * octave_cells + static_cast<uint32_t>(quarter);
  }
  void add(uint64_t value) {
    counts_[cell_of(value)].add(1);
    sum_.add(value);
  }
  uint64_t count(uint32_t cell) const { return counts_[cell].value(); }
  uint64_t sum() const { return sum_.value(); }
  void clear() {
    for (OwnCounter &count : counts_) {
      count.clear();
    }
    sum_.clear();
  }

 private:
  OwnCounter sum_;
  std::array<OwnCounter, cells> counts_;
};

/// Linear memory of what has started and ended, times the time from its start to its end.
double memory_byte_seconds_of(const Invocation &invocation);

struct FunctionMetrics {
  /// A slowdown is kept in these parts of one.
  static constexpr uint64_t slowdown_unit = 1024;
  /// Numbers that `add_to` adds; as FUNCTION_METRICS of core/src/contracts/native.ts.
  static constexpr size_t scalars = 8 + status_count + rejection_count;
  static constexpr size_t histogram_count = 4;
  static constexpr size_t numbers = scalars + histogram_count * (1 + LogHistogram::cells);

  OwnCounter accepted;
  OwnCounter deadlines_met;
  OwnCounter deadlines_missed;
  OwnCounter preemptions;
  OwnCounter run_ns;
  OwnNumber<double> memory_byte_seconds; ///< linear memory, from its start to its end
  OwnCounter estimate_ns;                ///< expected service times of what has completed
  OwnCounter estimate_error_ns;          ///< how far they were off, whichever way
  std::array<OwnCounter, status_count> ended;
  std::array<OwnCounter, rejection_count> rejected;
  LogHistogram sojourn_ns; ///< from its arrival to its end
  LogHistogram wait_ns;    ///< from its arrival to its start
  LogHistogram service_ns; ///< on a worker
  LogHistogram slowdown;   ///< sojourn over service time, in parts of `slowdown_unit`

  bool is_empty() const;
  void count_end(const Invocation &invocation);
  void add_to(std::span<double, numbers> sums) const;
  void clear();
};

} // namespace sledge::dataplane
