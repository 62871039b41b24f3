// Goal: no wake-up is lost between a worker that runs out of work and one who submits. Method: one
// request at a time, each submitted at another moment of the worker's falling idle; a lost wake-up
// is a request that never ends. SLEDGE_WAKE_RACES and SLEDGE_WAKE_SLEEPS set how many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/clock.hpp"
#include <sched.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t hang_ns = 60'000'000'000;

uint64_t count_of(const char *variable, uint64_t otherwise) {
  const char *text = getenv(variable);
  return text != nullptr ? strtoull(text, nullptr, 10) : otherwise;
}

bool reap_one(DataPlane &plane) {
  const uint64_t limit_ns = monotonic_ns() + hang_ns;
  for (uint64_t turn = 1;; turn++) {
    plane.begin_reaping();
    if (Invocation *invocation = plane.reap()) {
      plane.recycle(*invocation);
      return true;
    }
    if (turn % 64 == 0) {
      sched_yield();
      if (monotonic_ns() > limit_ns) {
        return false;
      }
    }
    cpu_relax();
  }
}

void race(IdleKind idle, uint64_t total, uint32_t pause_max) {
  DataPlaneOptions options;
  options.idle = idle;
  Bench bench(options);
  Submission submission;
  submission.function = bench.add("empty");
  std::minstd_rand random(1);
  for (uint64_t at = 0; at < total; at++) {
    ASSERT_GE(bench.plane->submit(submission, false), 0);
    ASSERT_TRUE(reap_one(*bench.plane)) << "lost at " << at;
    for (uint64_t pause = random() % pause_max; pause > 0; pause--) {
      cpu_relax();
    }
  }
}

} // namespace

TEST(WakeStress, NoRequestIsLostWhileTheWorkerSpins) {
  race(IdleKind::spin, count_of("SLEDGE_WAKE_RACES", 200'000), 16);
}

TEST(WakeStress, NoRequestIsLostWhileTheWorkerFallsAsleep) {
  race(IdleKind::block, count_of("SLEDGE_WAKE_SLEEPS", 2'000), 400);
}

TEST(WakeStress, NoRequestIsLostBetweenSpinningAndSleeping) {
  race(IdleKind::adaptive, count_of("SLEDGE_WAKE_SLEEPS", 2'000), 2'000);
}

} // namespace sledge::dataplane::testing
