#include "sandbox/preempt_timer.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <unistd.h>

#include "base/clock.hpp"
#include "sandbox/signals.hpp"

namespace sledge {

PreemptTimer::~PreemptTimer() {
  if (created_)
    timer_delete(timer_);
}

bool PreemptTimer::create() {
  if (created_)
    return true;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kPreemptSignal;
  event.sigev_value.sival_ptr = this;
  event._sigev_un._tid = gettid();
  created_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  return created_;
}

void PreemptTimer::set(uint64_t deadline_ns) {
  itimerspec time{};
  time.it_value.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000u);
  time.it_value.tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000u);
  timer_settime(timer_, TIMER_ABSTIME, &time, nullptr);
}

void PreemptTimer::arm(uint64_t deadline_ns) {
  const uint64_t wanted_ns = std::max<uint64_t>(deadline_ns, 1);
  if (!created_ || wanted_ns == armed_ns_)
    return;
  armed_ns_ = wanted_ns;
  set(wanted_ns);
}

void PreemptTimer::disarm() {
  if (armed_ns_ == 0)
    return;
  armed_ns_ = 0;
  set(0);
}

namespace {

constexpr uint64_t kTickDelayNs = 50'000;

/// Looks at the clock until the tick must have been; the longest time that it could not look.
uint64_t longest_gap_ns(uint64_t until_ns) {
  uint64_t longest = 0;
  for (uint64_t before = monotonic_ns(); before < until_ns;) {
    const uint64_t now = monotonic_ns();
    longest = std::max(longest, now - before);
    before = now;
  }
  return longest;
}

} // namespace

uint64_t measure_tick_cost_ns() {
  std::array<uint64_t, 33> costs{};
  PreemptTimer timer;
  if (!timer.create())
    return 0;
  for (uint64_t &cost : costs) {
    const uint64_t start = monotonic_ns();
    timer.arm(start + kTickDelayNs);
    const uint64_t armed = monotonic_ns();
    cost = armed - start + longest_gap_ns(start + 3 * kTickDelayNs);
  }
  std::ranges::sort(costs);
  return costs[costs.size() / 2];
}

} // namespace sledge
