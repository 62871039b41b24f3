// Goal: no knock is ever lost. Method: a producer and a sleeping consumer race at every knock.
#include <gtest/gtest.h>

#include <pthread.h>

#include "dataplane/idle.hpp"
#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

struct Race {
  Doorbell bell;
  std::atomic<uint32_t> posted{0};
  std::atomic<uint32_t> taken{0};
  uint32_t total = 0;
};

void *consume(void *argument) {
  auto &race = *static_cast<Race *>(argument);
  while (race.taken.load() < race.total) {
    const uint32_t seen = race.bell.look();
    if (race.posted.load() > race.taken.load()) {
      race.taken.fetch_add(1);
    } else {
      race.bell.sleep(seen, no_timeout_ns);
    }
  }
  return nullptr;
}

} // namespace

TEST(Idle, NoKnockIsLostWhileTheSleeperFallsAsleep) {
  Race race;
  race.total = 100'000;
  pthread_t consumer;
  ASSERT_EQ(pthread_create(&consumer, nullptr, consume, &race), 0);
  for (uint32_t at = 0; at < race.total; at++) {
    race.posted.fetch_add(1);
    race.bell.ring();
    for (uint32_t spin = 0; spin < at % 64 && race.taken.load() <= at; spin++) {
      cpu_relax();
    }
    if (at % 3 == 0) {
      while (race.taken.load() <= at) { // hangs here if a wake-up is lost
        sched_yield();
      }
    }
  }
  pthread_join(consumer, nullptr);
  EXPECT_EQ(race.taken.load(), race.total);
}

TEST(Idle, EveryPolicyServesRequestsThatComeOneByOne) {
  for (const IdleKind idle : {IdleKind::spin, IdleKind::adaptive, IdleKind::block}) {
    BenchOptions options;
    options.idle = {{idle}};
    options.worker_count = 2;
    Bench bench(options);
    const uint32_t empty = bench.add("empty");
    for (int round = 0; round < (idle == IdleKind::spin ? 100 : 1'000); round++) {
      ASSERT_GE(bench.submit(empty), 0);
      ASSERT_TRUE(bench.settle());
    }
  }
}

TEST(Idle, SpinsOnlyWhileWorkComesSoonEnoughToPay) {
  IdlePolicy policy(IdleKind::adaptive, 20'000);
  EXPECT_EQ(policy.spin_ns(), 20'000u);
  for (int at = 0; at < 50; at++) {
    policy.learn(200'000);
  }
  EXPECT_EQ(policy.spin_ns(), 0u);
  for (int at = 0; at < 50; at++) {
    policy.learn(500);
  }
  EXPECT_EQ(policy.spin_ns(), 20'000u);
}

} // namespace sledge::dataplane::testing
