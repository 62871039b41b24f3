// dispatch-shinjuku as loaded from its shared object.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t interval_ns = 15'000;

PolicyInstance shinjuku(const std::string &resume = "any-worker") {
  PolicyConfig config;
  config.options.push_back({"resume", 0, resume, true});
  PolicyError error;
  PolicyInstance policy =
      load_policy(library_of("dispatch-shinjuku"), SLEDGE_DISPATCHER, config, error);
  EXPECT_TRUE(policy) << error.reason;
  return policy;
}

class Shinjuku : public testing::Test {
 protected:
  void use(uint32_t workers, bool migration = true, const std::string &resume = "any-worker") {
    EngineConfig config;
    config.worker_count = workers;
    config.request_count_max = 256;
    config.migration = migration;
    engine = make_engine(config, shinjuku(resume), plugin("sched-fifo", SLEDGE_SCHEDULER));
  }
  Request *come(uint64_t now_ns, uint32_t type, uint64_t deadline_ns) {
    Request *r = arrive(*engine, now_ns, type, 100'000, now_ns + deadline_ns);
    for (const Action &action : actions(*engine))
      if (action.kind == ActionKind::wake)
        engine->next(action.worker, now_ns);
    return r;
  }
  Request *finish(uint32_t worker, uint64_t now_ns) {
    engine->release(engine->finish(worker, now_ns));
    return engine->next(worker, now_ns);
  }
  /// Lets the interval of the worker end; what it runs from then on.
  Request *end_turn(uint32_t worker, uint64_t now_ns) {
    EXPECT_LE(engine->next_tick_ns(), now_ns);
    while (engine->next_tick_ns() <= now_ns)
      engine->tick(now_ns);
    for (const Action &action : actions(*engine))
      if (action.kind == ActionKind::interrupt && action.worker == worker)
        return engine->reconsider(worker, now_ns);
    return engine->running(worker);
  }
  std::unique_ptr<Engine> engine;
};

TEST_F(Shinjuku, SelectsTheHeadThatHasWaitedTheLargestPartOfItsDeadline) {
  use(1);
  Request *first = come(0, 0, 1'000'000);
  EXPECT_EQ(engine->running(0), first);
  Request *slow = come(1'000, 1, 1'000'000); // 10 / 1000
  Request *fast = come(6'000, 2, 50'000);    // 5 / 50
  EXPECT_EQ(finish(0, 11'000), fast);
  EXPECT_EQ(finish(0, 12'000), slow);
}

TEST_F(Shinjuku, ServesATypeInOrderOfArrivalAndEqualsFromTheLowestType) {
  use(1);
  come(0, 5, 1'000);
  Request *c = come(0, 3, 1'000);
  Request *a = come(0, 2, 1'000);
  Request *b = come(0, 2, 1'000);
  EXPECT_EQ(finish(0, 0), a);
  EXPECT_EQ(finish(0, 0), b);
  EXPECT_EQ(finish(0, 0), c);
}

TEST_F(Shinjuku, PreemptsAfterTheIntervalAndOnlyIfSomethingWaits) {
  use(1);
  Request *alone = come(0, 0, 1'000'000);
  EXPECT_EQ(end_turn(0, interval_ns), alone);
  EXPECT_EQ(engine->next_tick_ns(), UINT64_MAX);
  Request *other = come(2 * interval_ns, 1, 1'000'000); // the interval of the first one is over
  EXPECT_EQ(end_turn(0, 2 * interval_ns), other);
  EXPECT_EQ(engine->next_tick_ns(), 3 * interval_ns);
  EXPECT_EQ(end_turn(0, 3 * interval_ns), alone);
  EXPECT_EQ(engine->counters().preemptions, 2u);
}

TEST_F(Shinjuku, PutsWhatItPreemptsAtTheHeadOfItsType) {
  use(1);
  Request *first = come(0, 0, 1'000'000);
  Request *second = come(0, 0, 1'000'000); // of the same type: it has waited, but stands behind
  Request *other = come(0, 1, 100);
  EXPECT_EQ(end_turn(0, interval_ns), other);
  EXPECT_EQ(finish(0, interval_ns + 10), first);
  EXPECT_EQ(finish(0, interval_ns + 20), second);
}

TEST_F(Shinjuku, ResumesOnAnyWorkerWhereTheSandboxAllowsIt) {
  use(2);
  Request *moved = come(0, 0, 1'000'000);
  come(0, 1, 1'000'000);
  Request *third = come(1, 2, 100);
  EXPECT_EQ(end_turn(0, interval_ns), third);
  EXPECT_EQ(finish(1, interval_ns + 1), moved);
  EXPECT_EQ(moved->worker, 1u);
}

TEST_F(Shinjuku, ResumesOnItsOwnWorkerIfToldOrIfTheSandboxIsBound) {
  for (const bool migration : {false, true}) {
    use(2, migration, migration ? "same-worker" : "any-worker");
    Request *bound = come(0, 0, 1'000'000);
    come(0, 1, 1'000'000);
    Request *third = come(1, 2, 100);
    EXPECT_EQ(end_turn(0, interval_ns), third);
    EXPECT_EQ(finish(1, interval_ns + 1), nullptr); // selected here, it goes to its own worker
    EXPECT_EQ(engine->queue_length(0), 1u);
    EXPECT_EQ(finish(0, interval_ns + 2), bound);
    EXPECT_EQ(bound->worker, 0u);
  }
}

TEST_F(Shinjuku, ForgetsWhatIsCancelledWhileItWaits) {
  use(1);
  come(0, 0, 1'000);
  Request *gone = come(0, 1, 1'000);
  Request *stays = come(0, 1, 1'000);
  EXPECT_TRUE(engine->remove(gone, SLEDGE_REMOVED_CANCELLED, 1));
  engine->release(gone);
  EXPECT_EQ(finish(0, 2), stays);
  EXPECT_EQ(finish(0, 3), nullptr);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Shinjuku, TakesOverInASwapAndThenEndsTurnsOfWhatRan) {
  EngineConfig config = small_config(1);
  engine = make_engine(config, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                       plugin("sched-fifo", SLEDGE_SCHEDULER));
  Request *endless = come(0, 0, 1'000);
  Request *waits = come(0, 1, 1'000);
  engine->swap_dispatcher(shinjuku(), 5'000);
  EXPECT_EQ(end_turn(0, 5'000 + interval_ns), waits);
  EXPECT_EQ(finish(0, 30'000), endless);
}

/// 99th percentile of the slowdown of the short requests: one in two, 1 us beside 100 us, load 0.7.
double short_slowdown(PolicyInstance dispatcher, bool migration) {
  EngineConfig config;
  config.worker_count = 4;
  config.request_count_max = 1 << 14;
  config.queue_length_max = 1 << 14;
  config.migration = migration;
  auto engine = make_engine(config, std::move(dispatcher), plugin("sched-fifo", SLEDGE_SCHEDULER));
  VirtualTime time(*engine);
  std::vector<double> slowdowns;
  time.on_finish = [&](const Request &r, uint64_t now_ns) {
    if (r.type == 0)
      slowdowns.push_back(static_cast<double>(now_ns - r.arrival_ns) / 1'000);
  };
  time.after_event = [&](uint64_t) {
    ASSERT_TRUE(engine->oldest_held() == nullptr || engine->next_idle(0) == SLEDGE_NO_WORKER);
  };
  std::mt19937_64 random(3);
  std::exponential_distribution<double> gap(0.7 * 4 / 50'500.0);
  double at_ns = 0;
  uint64_t left = 20'000;
  time.run([&](Job &job) {
    if (left-- == 0)
      return false;
    at_ns += gap(random);
    const auto now_ns = static_cast<uint64_t>(at_ns);
    const uint32_t type = random() % 2 == 0 ? 0 : 1;
    const uint64_t service_ns = type == 0 ? 1'000 : 100'000;
    job = {now_ns, service_ns, now_ns + 10 * service_ns, type};
    return true;
  });
  EXPECT_EQ(time.finished(), 20'000u);
  EXPECT_TRUE(engine->consistent());
  std::sort(slowdowns.begin(), slowdowns.end());
  return slowdowns[slowdowns.size() * 99 / 100];
}

TEST_F(Shinjuku, KeepsShortRequestsFromWaitingForLongOnes) {
  const double unpreempted =
      short_slowdown(plugin("dispatch-global-queue", SLEDGE_DISPATCHER), true);
  for (const bool migration : {true, false})
    EXPECT_LT(short_slowdown(shinjuku(), migration), unpreempted / 3) << migration;
}

} // namespace
} // namespace sledge::test
