// clear.hpp - zeroing memory that is mostly zero already.
#pragma once
#include <cstdint>

namespace sledge::arch {

/// Zeroes [start, start + bytes), both multiples of 4096. Reading is cheaper than writing here, so
/// pages that are zero are only read.
void clear_dirty_pages(uint8_t *start, uint64_t bytes);

} // namespace sledge::arch
