// series.hpp - a run over its time: counts and percentiles in intervals that grow with its length.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace sledge::lab {

/// At most `point_count` intervals; when time goes beyond them their length doubles and neighbours
/// are added up. Percentiles are exact to 1/64.
class Series {
 public:
  static constexpr uint32_t point_count = 64;
  static constexpr uint32_t fields = 5; ///< middle (ns), finished, missed, p50 and p99 (ns)

  explicit Series(bool is_on) : points_(is_on ? point_count : 0) {}
  /// `at_ns` since the first measured arrival.
  void add_finished(uint64_t at_ns, uint64_t sojourn_ns, bool is_missed);
  void add_lost(uint64_t at_ns, bool is_missed);
  uint32_t size() const;         ///< up to the last interval with something in it
  void write(double *out) const; ///< `fields` numbers for each

 private:
  static constexpr uint32_t parts = 64; ///< of a power of two
  static constexpr uint32_t bucket_count = 45 * parts;
  struct Point {
    uint64_t finished = 0;
    uint64_t missed = 0;
    std::array<uint32_t, bucket_count> buckets{};
    double percentile_ns(double share) const;
  };
  static uint32_t bucket_of(uint64_t value);
  static double value_of(uint32_t bucket);
  Point *at(uint64_t at_ns);
  void fold();

  uint64_t step_ns_ = 1024;
  std::vector<Point> points_;
};

} // namespace sledge::lab
