#include "lab/histogram.hpp"

namespace sledge::lab {

uint64_t Histogram::count() const {
  uint64_t sum = 0;
  for (const uint64_t count : counts_)
    sum += count;
  return sum;
}

} // namespace sledge::lab
