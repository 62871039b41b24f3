#include <gtest/gtest.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {
constexpr uint64_t ms = 1'000'000;
} // namespace

TEST(DataPlane, GivesEachWayToEndItsOwnStatus) {
  Bench bench({});
  const int64_t completed = bench.submit(bench.add("echo"), "text");
  const int64_t exited = bench.submit(bench.add("exit"));
  const int64_t trapped = bench.submit(bench.add("trap"));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[completed].status, Status::completed);
  EXPECT_EQ(bench.endings[completed].output, "text");
  EXPECT_EQ(bench.endings[exited].status, Status::exited);
  EXPECT_EQ(bench.endings[exited].detail, 7);
  EXPECT_EQ(bench.endings[trapped].status, Status::trapped);
  EXPECT_EQ(bench.endings[trapped].detail, SLEDGE_TRAP_UNREACHABLE);
}

TEST(DataPlane, TheWatchdogEndsWhatRunsTooLongAndTheWorkerGoesOn) {
  Bench bench({});
  const int64_t looped = bench.submit(bench.add("loop", 5 * ms));
  const int64_t after = bench.submit(bench.add("echo"), "after");
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[looped].status, Status::timed_out);
  EXPECT_EQ(bench.endings[after].output, "after");
}

TEST(DataPlane, AShorterLimitThatStartsLaterIsSeenFirst) {
  BenchOptions options;
  options.worker_count = 2;
  Bench bench(options);
  const int64_t slow = bench.submit(bench.add("loop", 300'000 * ms));
  const int64_t quick = bench.submit(bench.add("loop", 2 * ms));
  while (bench.ended_count[quick] == 0) {
    ASSERT_TRUE(bench.waker.wait(20'000));
    bench.reap();
  }
  EXPECT_EQ(bench.endings[quick].status, Status::timed_out);
  EXPECT_EQ(bench.ended_count[slow], 0);
  bench.cancel(slow);
  EXPECT_TRUE(bench.settle());
}

TEST(DataPlane, WhatLeavesAtASafepointGoesOn) {
  Bench bench({});
  const int64_t yielded = bench.submit(bench.add("yield"), "whole");
  const int64_t waited = bench.submit(bench.add("wait"), "woken");
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[yielded].output, "whole");
  EXPECT_EQ(bench.endings[waited].output, "woken");
}

TEST(DataPlane, RefusesWhatIsMoreThanItsTableHolds) {
  DataPlaneOptions options;
  options.invocation_max = 4;
  Bench bench(options);
  const uint32_t loop = bench.add("loop");
  for (int at = 0; at < 4; at++) {
    ASSERT_GE(bench.submit(loop), 0);
  }
  EXPECT_EQ(bench.submit(loop), -SLEDGE_ERR_INVOKE_QUEUE_FULL);
  for (size_t at = 0; at < 4; at++) {
    bench.cancel(at);
  }
  ASSERT_TRUE(bench.settle());
  EXPECT_GE(bench.submit(bench.add("empty")), 0);
  EXPECT_TRUE(bench.settle());
}

TEST(DataPlane, KeepsAFunctionWithinItsOwnLimits) {
  Bench bench({});
  const uint32_t two = bench.add("loop", 0, 2, 0);
  ASSERT_GE(bench.submit(two), 0);
  ASSERT_GE(bench.submit(two), 0);
  EXPECT_EQ(bench.submit(two), -SLEDGE_ERR_INVOKE_CONCURRENCY);
  const uint32_t one_waits = bench.add("empty", 0, 0, 1);
  ASSERT_GE(bench.submit(one_waits), 0);
  EXPECT_EQ(bench.submit(one_waits), -SLEDGE_ERR_INVOKE_FUNCTION_QUEUE);
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
}

TEST(DataPlane, FailsARequestThatFindsNoSlot) {
  Bench bench({}, 0);
  const int64_t without = bench.submit(bench.add("empty"));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[without].status, Status::failed);
  EXPECT_EQ(bench.endings[without].detail, SLEDGE_ERR_INVOKE_NO_SLOT);
}

TEST(DataPlane, RefusesTextThatIsNotAsManyStringsAsSaid) {
  Bench bench({});
  const uint32_t function = bench.add("empty");
  const std::string text("a\0b", 3);
  Submission submission;
  submission.function = function;
  submission.argc = 2;
  submission.argv = {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
  EXPECT_EQ(bench.plane->submit(submission, true), -SLEDGE_ERR_NATIVE_ARGUMENT);
}

TEST(DataPlane, AFunctionThatWasRemovedTakesNothingMore) {
  Bench bench({});
  const uint32_t function = bench.add("empty");
  ASSERT_GE(bench.submit(function), 0);
  bench.plane->remove_function(function);
  EXPECT_EQ(bench.submit(function), -SLEDGE_ERR_INVOKE_FUNCTION_GONE);
  EXPECT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[0].status, Status::completed);
}

TEST(DataPlane, StopsWithWorkInFlightAndGivesEachItsOutcome) {
  BenchOptions options;
  options.worker_count = 3;
  Bench bench(options);
  const uint32_t loop = bench.add("loop");
  for (int at = 0; at < 100; at++) {
    ASSERT_GE(bench.submit(loop), 0);
  }
  EXPECT_TRUE(bench.plane->stop());
  bench.reap();
  EXPECT_EQ(bench.open(), 0u);
  for (size_t at = 0; at < 100; at++) {
    EXPECT_EQ(bench.ended_count[at], 1);
    EXPECT_TRUE(bench.endings[at].status == Status::cancelled ||
                bench.endings[at].status == Status::dropped);
  }
  EXPECT_EQ(bench.submit(loop), -SLEDGE_ERR_NATIVE_STOPPED);
  EXPECT_EQ(bench.runtime->slots_in_use(), 0u);
}

} // namespace sledge::dataplane::testing
