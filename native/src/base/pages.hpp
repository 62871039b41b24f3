// pages.hpp - which pages of a range may hold data, and clearing them without touching the rest.
#pragma once
#include <cstddef>
#include <cstdint>

namespace sledge {

inline constexpr uint64_t kPageBytes = 4096;

inline constexpr uint64_t round_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// Bytes of [start, start + bytes) that lie on present or swapped pages, counted up to about
/// `limit_bytes`. Page-aligned anonymous private memory only. When the kernel does not tell, all
/// of them.
uint64_t touched_bytes(const uint8_t *start, uint64_t bytes, uint64_t limit_bytes);

/// Zeroes page-aligned anonymous private memory. Pages never touched stay untouched; touched ones
/// beyond `keep_bytes` of them are given back to the kernel. Async-signal-unsafe, any thread.
void clear_pages(uint8_t *start, uint64_t bytes, uint64_t keep_bytes);

} // namespace sledge
