// What is asked to leave and does not is signalled, and only that.
#include <gtest/gtest.h>
#include <sched.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t second_ns = 1'000'000'000;

DataPlaneOptions with_grace(uint64_t grace_ns) {
  DataPlaneOptions options;
  options.preemption.grace_ns = grace_ns;
  options.preemption.signal_interval_min_ns = 0;
  return options;
}

FunctionSpec spec_of(const char *name, bool polled, uint64_t wall_ns = 1'000'000) {
  FunctionSpec spec;
  spec.name = name;
  spec.wall_time_max_ns = wall_ns;
  spec.polled = polled;
  return spec;
}

/// Something always waits for the end of the quantum: what is preempted before its first
/// instruction, as on a slow machine, would afterwards run alone, and nobody would ask it to leave.
template <typename Meanwhile> void wait_for_signal(Bench &bench, const Meanwhile &meanwhile) {
  const uint32_t waiting = bench.add("empty");
  const uint64_t limit_ns = now_ns() + 20 * second_ns;
  while (bench.runtime->signals.load() == 0 && now_ns() < limit_ns) {
    bench.reap();
    if (bench.open() < 2) {
      bench.submit(waiting);
    }
    meanwhile();
  }
}

} // namespace

TEST(Insist, WhatAnswersTheFlagGetsNoSignal) {
  Bench bench(with_grace(3'600 * second_ns));
  const int64_t killed = bench.submit(bench.add(spec_of("loop", true)));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[killed].status, Status::timed_out);
  EXPECT_EQ(bench.runtime->signals.load(), 0u);
}

TEST(Insist, WhatDoesNotAnswerIsSignalledAgainAndAgain) {
  Bench bench(with_grace(100'000));
  const int64_t deaf = bench.submit(bench.add(spec_of("stone", true)));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[deaf].status, Status::timed_out);
  EXPECT_GE(bench.runtime->signals.load(), 3u);
}

TEST(Insist, WhatIgnoresItsFlagAtTheEndOfItsQuantumIsSignalled) {
  Bench bench(with_grace(1'000'000), 64, 200);
  bench.submit(bench.add(spec_of("stubborn", true, 0)));
  wait_for_signal(bench, [] { sched_yield(); });
  EXPECT_GE(bench.runtime->signals.load(), 1u);
  EXPECT_TRUE(bench.settle());
}

/// As a polling transport, on the test's own thread.
TEST(Insist, WhatIgnoresItsFlagIsSignalledWhileSomebodyPolls) {
  Bench bench(with_grace(1'000'000), 64, 200);
  bench.plane->begin_polling();
  bench.submit(bench.add(spec_of("stubborn", true, 0)));
  wait_for_signal(bench, [&bench] { bench.plane->look_at_timers(); });
  EXPECT_GE(bench.runtime->signals.load(), 1u);
  bench.plane->end_polling();
  EXPECT_TRUE(bench.settle());
}

TEST(Insist, WhatHasNoPollsIsSignalledAtOnce) {
  Bench bench(with_grace(3'600 * second_ns));
  const int64_t killed = bench.submit(bench.add(spec_of("mute", false)));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[killed].status, Status::timed_out);
  EXPECT_GE(bench.runtime->signals.load(), 1u);
}

TEST(Insist, TheMechanismSignalSendsOneAlsoToWhatPolls) {
  DataPlaneOptions options = with_grace(3'600 * second_ns);
  options.preemption.mechanism = Mechanism::signal;
  Bench bench(options);
  bench.submit(bench.add(spec_of("mute", true)));
  ASSERT_TRUE(bench.settle());
  EXPECT_GE(bench.runtime->signals.load(), 1u);
}

} // namespace sledge::dataplane::testing
