// time_stamp.hpp - points in time on the processor's own counter, which compiled code can read.
#pragma once
#include <cstdint>

namespace sledge {

/// False: the counter does not measure time on this machine, and nobody leaves by it.
bool tsc_is_steady();
/// The count of the time-stamp counter at `deadline_ns` (as monotonic_ns()), from now on: exact to
/// a thousandth of the distance. Any thread; the first call takes 2 ms.
uint64_t tsc_at(uint64_t deadline_ns);

} // namespace sledge
