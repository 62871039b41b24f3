// How long answers take to leave, as it is told to those that admit.
#include <gtest/gtest.h>

#include "dataplane/reply_lag.hpp"

namespace sledge::dataplane {
namespace {

constexpr uint64_t ms = 1'000'000;

TEST(ReplyLag, IsNothingBeforeTheFirstAnswerAndThenAboveWhatWasSeen) {
  ReplyLag lag;
  EXPECT_EQ(lag.expected_ns(5 * ms), 0u);
  uint64_t now_ns = 1000 * ms;
  for (uint64_t i = 0; i < 100; i++, now_ns += ms) {
    lag.note(now_ns - (i % 2 == 0 ? 4 : 6) * ms, now_ns);
  }
  EXPECT_GT(lag.expected_ns(now_ns), 6 * ms);
  EXPECT_LT(lag.expected_ns(now_ns), 12 * ms);
}

TEST(ReplyLag, ComesDownWithTheLagsAndWithoutAny) {
  ReplyLag lag;
  uint64_t now_ns = 1000 * ms;
  for (int i = 0; i < 100; i++) {
    lag.note(now_ns - 40 * ms, now_ns);
  }
  EXPECT_GE(lag.expected_ns(now_ns), 40 * ms);
  EXPECT_LT(lag.expected_ns(now_ns + 1000 * ms), ms); // ten halvings
  for (int i = 0; i < 100; i++) {
    lag.note(now_ns - ms, now_ns);
  }
  EXPECT_LT(lag.expected_ns(now_ns), 2 * ms);
  lag.note(now_ns + ms, now_ns); // a clock of another core: no lag, nothing strange
  EXPECT_LT(lag.expected_ns(now_ns), 4 * ms);
}

TEST(ReplyLag, WhatIsForgottenDoesNotComeBackWithTheNextAnswer) {
  ReplyLag lag;
  lag.note(1000 * ms, 1001 * ms);
  lag.note(1001 * ms, 2001 * ms); // a pause of a second
  const uint64_t later_ns = 2301 * ms;
  const uint64_t before_ns = lag.expected_ns(later_ns);
  EXPECT_LT(before_ns, 60 * ms);
  lag.note(later_ns - ms, later_ns);
  EXPECT_LE(lag.expected_ns(later_ns), before_ns);
}

} // namespace
} // namespace sledge::dataplane
