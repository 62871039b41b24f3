#include "sandbox/time_stamp.hpp"

#include "base/clock.hpp"
#include "tsc.hpp"

namespace sledge {
namespace {

struct Reading {
  uint64_t ns;
  uint64_t tsc;
};

/// Both clocks at one moment: the closest of some pairs, as anything may come between.
Reading read_both() {
  constexpr int tries = 16;
  Reading best{};
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < tries; i++) {
    const uint64_t before = arch::read_tsc();
    const uint64_t ns = monotonic_ns();
    const uint64_t after = arch::read_tsc();
    if (after - before < least) {
      least = after - before;
      best = {ns, before + (after - before) / 2};
    }
  }
  return best;
}

double measure_tsc_per_ns() {
  constexpr uint64_t span_ns = 2'000'000;
  const Reading first = read_both();
  while (monotonic_ns() - first.ns < span_ns) {
  }
  const Reading last = read_both();
  return static_cast<double>(last.tsc - first.tsc) / static_cast<double>(last.ns - first.ns);
}

} // namespace

bool tsc_is_steady() {
  static const bool steady = arch::has_invariant_tsc();
  return steady;
}

uint64_t tsc_at(uint64_t deadline_ns) {
  static const double per_ns = measure_tsc_per_ns();
  constexpr double span_max_ns = 1e15; // days
  const auto left_ns = static_cast<double>(static_cast<int64_t>(deadline_ns - monotonic_ns()));
  if (left_ns <= 0)
    return arch::read_tsc();
  if (left_ns >= span_max_ns)
    return UINT64_MAX;
  return arch::read_tsc() + static_cast<uint64_t>(left_ns * per_ns);
}

} // namespace sledge
