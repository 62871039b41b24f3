// clock.hpp - the one clock of the data plane.
#pragma once
#include <atomic>
#include <cstdint>
#include <time.h>

namespace sledge::dataplane {

inline uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

/// When the process started, on the monotonic clock.
uint64_t process_start_ns();

/// Integer nanoseconds since the process started; at least 1. Any thread.
inline uint64_t now_ns() {
  return monotonic_ns() - process_start_ns();
}

} // namespace sledge::dataplane
