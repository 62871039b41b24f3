// clock.hpp - the monotonic clock.
#pragma once
#include <cstdint>

namespace sledge {

/// CLOCK_MONOTONIC in ns. Any thread; tens of ns.
uint64_t monotonic_ns();

} // namespace sledge
