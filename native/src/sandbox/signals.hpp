// signals.hpp - the process's handlers for traps and preemption.
#pragma once
#include <csignal>

namespace sledge {

/// Coalescing, unused by Node and V8, ignored by default. Workers leave it unblocked.
inline constexpr int kPreemptSignal = SIGURG;

} // namespace sledge
