// histogram.hpp - counts of values in buckets of three digits: memory flat in the number of values.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

namespace sledge::lab {

/// HdrHistogram's layout (Tene) with three significant digits: 2048 buckets of one, then 1024 per
/// power of two. Grows to the largest value; values are cut at 2^50.
class Histogram {
 public:
  void record(uint64_t value) {
    const uint32_t at = index_of(value);
    if (at >= counts_.size())
      counts_.resize(at + 1024);
    counts_[at]++;
  }
  /// Calls visit(least value of the bucket, count) for each that holds something, ascending.
  template <typename Visit> void each(Visit visit) const {
    for (uint32_t at = 0; at < counts_.size(); at++)
      if (counts_[at] != 0)
        visit(value_of(at), counts_[at]);
  }
  void clear() { counts_.clear(); }
  uint64_t count() const;

  static constexpr uint64_t value_max = (1ull << 50) - 1;
  static uint32_t index_of(uint64_t value);
  static uint64_t value_of(uint32_t index);

 private:
  std::vector<uint64_t> counts_;
};

inline uint32_t Histogram::index_of(uint64_t value) {
  const uint64_t kept = value < value_max ? value : value_max;
  if (kept < 2048)
    return static_cast<uint32_t>(kept);
  const uint32_t shift = static_cast<uint32_t>(std::bit_width(kept)) - 11;
  return shift * 1024 + static_cast<uint32_t>(kept >> shift);
}

inline uint64_t Histogram::value_of(uint32_t index) {
  if (index < 2048)
    return index;
  const uint32_t shift = index / 1024 - 1;
  return static_cast<uint64_t>(index - shift * 1024) << shift;
}

} // namespace sledge::lab
