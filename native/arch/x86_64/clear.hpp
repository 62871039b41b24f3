// clear.hpp - zeroing memory that is mostly zero already.
#pragma once
#include <cstdint>

namespace sledge::arch {

/// Zeroes [start, start + bytes), both multiples of 4096. Reading is cheaper than writing here, so
/// pages that are zero are only read. Who clears the same memory again and again changes the half
/// to begin with each time: the one looked at last is still in the first-level cache.
void clear_dirty_pages(uint8_t *start, uint64_t bytes, bool upper_half_first);

} // namespace sledge::arch
