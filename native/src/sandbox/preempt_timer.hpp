// preempt_timer.hpp - the preempt signal at a point in time, for quanta of code without polls.
#pragma once
#include <cstdint>
#include <ctime>

namespace sledge {

/// A one-shot timer that sends the preempt signal to the thread that created it. A tick costs that
/// thread tens of us in a virtual machine: arm it only while somebody waits for the worker, and
/// never for less than quantum_floor_ns. Used by its thread alone.
class PreemptTimer {
 public:
  PreemptTimer() = default;
  PreemptTimer(const PreemptTimer &) = delete;
  PreemptTimer &operator=(const PreemptTimer &) = delete;
  ~PreemptTimer();

  /// Aims it at the calling thread; false with errno. Until then arming does nothing.
  bool create();
  bool created() const { return created_; }
  /// The signal comes once, at `deadline_ns` (as monotonic_ns()) or at once when that is over. It
  /// replaces an earlier deadline. Safe in signal handlers of its thread. About 1 us; free when
  /// the deadline is the one that it already has.
  void arm(uint64_t deadline_ns);
  /// Free when it is not armed. A tick already under way may still come, and is then spurious.
  void disarm();

 private:
  void set(uint64_t deadline_ns);

  timer_t timer_{};
  uint64_t armed_ns_ = 0; ///< 0: not armed
  bool created_ = false;
};

/// What one tick takes from the calling thread, in ns: arming, interrupt, signal. The median of
/// some ticks, a few ms in all. The thread must have entered. 0 when there are no timers.
uint64_t measure_tick_cost_ns();

/// The shortest quantum that ticks may enforce; a shorter one would leave no time for work.
inline constexpr uint64_t quantum_floor_ns(uint64_t tick_cost_ns) {
  return 20 * tick_cost_ns;
}

} // namespace sledge
