// measure_machine.hpp - what this machine can do, for `sledge doctor`.
#pragma once
#include <vector>

namespace sledge::binding {

/// Name with its unit, and the value; -1: could not be measured.
struct MachineFact {
  const char *name;
  double value;
};

/// Takes some ten milliseconds, on two cores where there are two.
std::vector<MachineFact> measure_machine();

} // namespace sledge::binding
