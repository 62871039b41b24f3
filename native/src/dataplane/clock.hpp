// clock.hpp - the one clock of the data plane.
#pragma once
#include <cstdint>

#include "base/clock.hpp"

namespace sledge::dataplane {

/// When the process started, on the monotonic clock.
uint64_t process_start_ns();

/// Integer nanoseconds since the process started; at least 1. Any thread.
inline uint64_t now_ns() {
  return monotonic_ns() - process_start_ns();
}

} // namespace sledge::dataplane
