// restore.hpp - bringing memory that is mostly unchanged back to what it was.
#pragma once
#include <cstdint>

namespace sledge::arch {

/// Makes [target, target + bytes) equal to `image`; both on pages, bytes a multiple of 4096. Pages
/// that are equal already are only read, which is cheaper than writing them.
void restore_pages(uint8_t *target, const uint8_t *image, uint64_t bytes);

} // namespace sledge::arch
