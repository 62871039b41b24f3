#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "dataplane/invocation.hpp"

namespace sledge::dataplane {

TEST(Invocation, OnlyOneOfTwoClaimsEndsIt) {
  InvocationTable table(4);
  Invocation *invocation = table.acquire();
  const uint32_t generation = invocation->load().generation();
  invocation->move_to(State::running);
  EXPECT_TRUE(invocation->claim_end(generation));
  EXPECT_FALSE(invocation->claim_end(generation));
}

TEST(Invocation, SecretsAreWipedBeforeTheBufferIsAnyoneElses) {
  InvocationTable table(1);
  Invocation *invocation = table.acquire();
  ASSERT_TRUE(invocation->reserve(300));
  memset(invocation->buffer, 's', invocation->buffer_capacity);
  invocation->holds_secrets = true;
  table.recycle(*invocation);
  ASSERT_EQ(table.acquire(), invocation);
  ASSERT_GE(invocation->buffer_capacity, 300u);
  for (uint64_t at = 0; at < invocation->buffer_capacity; at++) {
    ASSERT_EQ(invocation->buffer[at], 0) << at;
  }
  EXPECT_FALSE(invocation->holds_secrets);
  table.recycle(*invocation);
}

TEST(Invocation, AClaimForAnEarlierOneDoesNotTouchWhatCameAfter) {
  InvocationTable table(1);
  Invocation *invocation = table.acquire();
  const uint32_t earlier = invocation->load().generation();
  table.recycle(*invocation);
  ASSERT_EQ(table.acquire(), invocation);
  invocation->move_to(State::running);
  EXPECT_FALSE(invocation->claim_kill(earlier, Kill::cancel));
  EXPECT_FALSE(invocation->claim_end(earlier));
  EXPECT_EQ(invocation->load().kill(), Kill::none);
}

TEST(Invocation, TheFirstReasonToKillStays) {
  InvocationTable table(1);
  Invocation *invocation = table.acquire();
  const uint32_t generation = invocation->load().generation();
  invocation->move_to(State::running);
  EXPECT_TRUE(invocation->claim_kill(generation, Kill::time_limit));
  EXPECT_TRUE(invocation->claim_kill(generation, Kill::cancel));
  invocation->move_to(State::preempted);
  EXPECT_EQ(invocation->load().kill(), Kill::time_limit);
}

TEST(InvocationTable, GivesEachPlaceOnceAndThenNothing) {
  InvocationTable table(3);
  std::set<Invocation *> given;
  for (int at = 0; at < 3; at++) {
    given.insert(table.acquire());
  }
  EXPECT_EQ(given.size(), 3u);
  EXPECT_EQ(table.acquire(), nullptr);
}

TEST(InvocationTable, KeepsNoLargeBuffer) {
  InvocationTable table(1);
  Invocation *invocation = table.acquire();
  ASSERT_TRUE(invocation->reserve(1 << 20));
  table.recycle(*invocation);
  EXPECT_EQ(invocation->buffer_capacity, 0u);
  ASSERT_TRUE(invocation->reserve(100));
  table.recycle(*invocation);
  EXPECT_NE(invocation->buffer_capacity, 0u);
}

TEST(OutcomeQueue, GivesChainsInTheOrderInWhichTheyEnded) {
  InvocationTable table(8);
  OutcomeQueue queue(table);
  table.at(1).next.store(0);
  queue.push(table.at(1), table.at(0)); // 0 ended before 1
  queue.push(table.at(2));
  uint32_t at = queue.take_all();
  for (const uint32_t expected : {0u, 1u, 2u}) {
    ASSERT_EQ(at, expected);
    at = table.at(at).next.load();
  }
  EXPECT_EQ(at, no_invocation);
  EXPECT_TRUE(queue.empty());
}

} // namespace sledge::dataplane
