// What was preempted on one worker goes on on another, where the dispatcher wants that.
#include <gtest/gtest.h>

#include <string_view>

#include "turns.hpp"

namespace sledge::dataplane::testing {

namespace {

struct Way {
  const char *module;
  Mechanism mechanism;
};

void expect_migrations(const Way &way) {
  Turns turns({way.module, way.mechanism, 2'000, TEST_SHINJUKU, 2});
  turns.begin(3); // on two workers: each waits now and then, and goes on where it can
  EXPECT_TRUE(turns.reach(50, &Turns::migrations)) << way.module;
  EXPECT_EQ(turns.statistic("inFlight"), 3);
}

} // namespace

TEST(Migration, OfWhatLeftAtASafepoint) {
  expect_migrations({"spin_polled", Mechanism::safepoint});
}

TEST(Migration, OfWhatSawItselfThatItsTurnHasEnded) {
  expect_migrations({"spin_time", Mechanism::tsc});
}

TEST(Migration, OfWhatASignalInterrupted) {
  if (!signals_arrive) {
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  }
  expect_migrations({"spin", Mechanism::signal});
  expect_migrations({"spin", Mechanism::timer});
}

} // namespace sledge::dataplane::testing
