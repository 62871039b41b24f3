#include "lab/series.hpp"

#include <algorithm>
#include <bit>

namespace sledge::lab {

uint32_t Series::bucket_of(uint64_t value) {
  if (value < 2 * parts)
    return static_cast<uint32_t>(value);
  const uint32_t shift = static_cast<uint32_t>(std::bit_width(value)) - 7;
  const uint64_t bucket = uint64_t{shift} * parts + (value >> shift);
  return static_cast<uint32_t>(std::min<uint64_t>(bucket, bucket_count - 1));
}

double Series::value_of(uint32_t bucket) {
  if (bucket < 2 * parts)
    return bucket;
  const uint32_t shift = bucket / parts - 1;
  return static_cast<double>(uint64_t{bucket - shift * parts} << shift);
}

double Series::Point::percentile_ns(double share) const {
  const double wanted = share * static_cast<double>(finished);
  uint64_t sum = 0;
  for (uint32_t bucket = 0; bucket < bucket_count; bucket++) {
    sum += buckets[bucket];
    if (sum != 0 && static_cast<double>(sum) >= wanted)
      return value_of(bucket);
  }
  return 0;
}

void Series::fold() {
  for (uint32_t i = 0; i < point_count / 2; i++) {
    Point sum = points_[2 * i];
    const Point &other = points_[2 * i + 1];
    sum.finished += other.finished;
    sum.missed += other.missed;
    for (uint32_t bucket = 0; bucket < bucket_count; bucket++)
      sum.buckets[bucket] += other.buckets[bucket];
    points_[i] = sum;
  }
  std::fill(points_.begin() + point_count / 2, points_.end(), Point{});
  step_ns_ *= 2;
}

Series::Point *Series::at(uint64_t at_ns) {
  if (points_.empty())
    return nullptr;
  while (at_ns / step_ns_ >= point_count)
    fold();
  return &points_[at_ns / step_ns_];
}

void Series::add_finished(uint64_t at_ns, uint64_t sojourn_ns, bool is_missed) {
  Point *point = at(at_ns);
  if (point == nullptr)
    return;
  point->finished++;
  point->missed += is_missed ? 1 : 0;
  point->buckets[bucket_of(sojourn_ns)]++;
}

void Series::add_lost(uint64_t at_ns, bool is_missed) {
  Point *point = at(at_ns);
  if (point != nullptr)
    point->missed += is_missed ? 1 : 0;
}

uint32_t Series::size() const {
  uint32_t size = static_cast<uint32_t>(points_.size());
  while (size > 0 && points_[size - 1].finished == 0 && points_[size - 1].missed == 0)
    size--;
  return size;
}

void Series::write(double *out) const {
  const uint32_t count = size();
  for (uint32_t i = 0; i < count; i++) {
    const Point &point = points_[i];
    *out++ = (i + 0.5) * static_cast<double>(step_ns_);
    *out++ = static_cast<double>(point.finished);
    *out++ = static_cast<double>(point.missed);
    *out++ = point.percentile_ns(0.5);
    *out++ = point.percentile_ns(0.99);
  }
}

} // namespace sledge::lab
