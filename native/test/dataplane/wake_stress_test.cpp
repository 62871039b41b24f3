// Goal: no wake-up is lost between a worker that runs out of work and one who submits. Method: one
// request at a time, each submitted at another moment of the worker's falling idle; a lost wake-up
// is a request that never ends. SLEDGE_TEST_LONG=1 runs the full counts.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/clock.hpp"
#include <sched.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t hang_ns = 60'000'000'000;
constexpr uint64_t say_every = 500'000;
constexpr uint64_t short_run_ns = 5'000'000'000; // for machines where the cores are not ours

struct Extent {
  uint64_t count = 0;
  uint64_t time_max_ns = short_run_ns;
};

Extent extent_of(uint64_t all, uint64_t few) {
  const char *text = getenv("SLEDGE_TEST_LONG");
  const bool is_long = text != nullptr && text[0] == '1';
  return is_long ? Extent{all, UINT64_MAX} : Extent{few};
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

void race(IdleKind idle, const Extent &extent, uint32_t pause_max) {
  BenchOptions options;
  options.idle = {{idle}};
  Bench bench(options);
  Submission submission;
  submission.function = bench.add("empty");
  std::minstd_rand random(1);
  const uint64_t start_ns = monotonic_ns();
  uint64_t at = 0;
  for (; at < extent.count; at++) {
    if (at % 1024 == 0 && monotonic_ns() - start_ns > extent.time_max_ns) {
      break;
    }
    if (at % say_every == say_every - 1) {
      printf("%llu races so far\n", static_cast<unsigned long long>(at + 1));
      fflush(stdout); // who runs the tests takes long silence for a hang
    }
    ASSERT_GE(bench.plane->submit(submission, false), 0);
    ASSERT_TRUE(reap_one(*bench.plane)) << "lost at " << at;
    for (uint64_t pause = random() % pause_max; pause > 0; pause--) {
      cpu_relax();
    }
  }
  printf("%llu of %llu races\n", static_cast<unsigned long long>(at),
         static_cast<unsigned long long>(extent.count));
}

} // namespace

TEST(WakeStress, NoRequestIsLostWhileTheWorkerSpins) {
  race(IdleKind::spin, extent_of(10'000'000, 200'000), 16);
}

TEST(WakeStress, NoRequestIsLostWhileTheWorkerFallsAsleep) {
  race(IdleKind::block, extent_of(100'000, 2'000), 400);
}

TEST(WakeStress, NoRequestIsLostBetweenSpinningAndSleeping) {
  race(IdleKind::adaptive, extent_of(100'000, 2'000), 2'000);
}

} // namespace sledge::dataplane::testing
