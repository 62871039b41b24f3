// poll_gaps.hpp - how far apart the safepoints of a compiled kernel are when it runs.
#pragma once
#include <cstdint>

namespace sledge {

/// Runs the export `kernel` with the flag always set, so that each look at it is seen, several
/// times; prints one JSON object. The distance of two looks is the smallest of the runs, which all
/// take the same way: so what else the machine did does not count. Returns an exit code.
int print_poll_gaps(const char *module_path, uint64_t argument);

} // namespace sledge
