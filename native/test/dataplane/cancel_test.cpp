#include <gtest/gtest.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

TEST(Cancel, DropsWhatHasNotStarted) {
  Bench bench({});
  const int64_t running = bench.submit(bench.add("loop"));
  const int64_t waiting = bench.submit(bench.add("empty"));
  bench.cancel(static_cast<size_t>(waiting));
  bench.reap();
  EXPECT_EQ(bench.endings[waiting].status, Status::cancelled);
  bench.cancel(static_cast<size_t>(running));
  EXPECT_TRUE(bench.settle());
}

TEST(Cancel, KillsWhatRuns) {
  Bench bench({});
  const int64_t running = bench.submit(bench.add("loop"));
  bench.cancel(static_cast<size_t>(running));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[running].status, Status::cancelled);
  EXPECT_EQ(bench.endings[running].detail, SLEDGE_ERR_INVOKE_CANCELLED);
}

TEST(Cancel, ChangesNothingForWhatEndsByItself) {
  Bench bench({});
  const int64_t deaf = bench.submit(bench.add("deaf"));
  bench.waker.wait(2);
  bench.cancel(static_cast<size_t>(deaf));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.ended_count[deaf], 1);
}

TEST(Cancel, EndsWhatIsBlocked) {
  Bench bench({});
  const uint32_t wait = bench.add("wait");
  for (int round = 0; round < 200; round++) {
    const int64_t blocked = bench.submit(wait);
    bench.cancel(static_cast<size_t>(blocked));
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(bench.ended_count[blocked], 1);
  }
  EXPECT_TRUE(bench.plane->stop());
  EXPECT_EQ(bench.runtime->slots_in_use(), 0u);
}

} // namespace sledge::dataplane::testing
