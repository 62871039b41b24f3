// Policies that change while requests are held, queued, preempted, running and blocked.
#include <gtest/gtest.h>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

class Swap : public testing::Test {
 protected:
  void SetUp() override {
    config.worker_count = 2;
    config.request_count_max = 64;
    config.queue_length_max = 4;
    from = by_type(true);
    order = edf();
    engine = make_engine(config, from.instance(), order.instance());
    to.arrive = [this](sledge_request *r, sledge_workers *host) {
      arrived.push_back(r->id);
      if (!holds)
        host->assign(host, 0, r);
    };
  }
  EngineConfig config;
  ScriptedDispatcher from;
  ScriptedDispatcher to;
  ScriptedScheduler order;
  std::unique_ptr<Engine> engine;
  std::vector<uint64_t> arrived;
  bool holds = false;
};

TEST_F(Swap, HandsOverEveryQueuedRequestInOrderOfArrivalAndKeepsWhatRuns) {
  Request *running = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  for (uint32_t i = 0; i < 3; i++)
    arrive(*engine, 1, 1, 1000, 5000 - i);
  arrive(*engine, 1, 0, 1000, 9500);
  engine->swap_dispatcher(to.instance(), 2);
  EXPECT_EQ(arrived, (std::vector<uint64_t>{2, 3, 4, 5}));
  EXPECT_EQ(engine->running(0), running);
  EXPECT_EQ(engine->queue_length(0), 4u);
  EXPECT_EQ(engine->queue_length(1), 0u);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Swap, LeavesBoundRequestsWithTheirWorkerUnlessTheNewDispatcherTakesPreemptedWork) {
  Request *preempted = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  arrive(*engine, 1, 0, 1000, 5000);
  engine->reconsider(0, 1);
  engine->swap_dispatcher(to.instance(), 2);
  EXPECT_TRUE(arrived.empty());
  EXPECT_EQ(engine->queue_length(0), 1u);
  to.takes_preempted = true;
  to.preempted = [](sledge_request *, uint32_t, sledge_workers *) {};
  engine->swap_dispatcher(to.instance(), 3);
  EXPECT_EQ(arrived, std::vector<uint64_t>{preempted->id});
  EXPECT_EQ(preempted->worker, 0u);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Swap, PlacesMoreThanAQueueTakesRatherThanLoseWhatWasAccepted) {
  holds = true;
  engine->swap_dispatcher(to.instance(), 0);
  for (int i = 0; i < 10; i++)
    arrive(*engine, 1);
  EXPECT_EQ(engine->counters().held, 10u);
  ScriptedDispatcher narrow;
  narrow.arrive = [](sledge_request *r, sledge_workers *host) {
    if (host->assign(host, 1, r) == 0)
      host->reject(host, r);
  };
  engine->swap_dispatcher(narrow.instance(), 2);
  EXPECT_EQ(engine->counters().queued, 10u);
  EXPECT_EQ(engine->counters().refused, 0u);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Swap, RefusesToRejectWhatWasAcceptedBefore) {
  arrive(*engine, 1);
  ScriptedDispatcher refusing;
  int answer = 1;
  refusing.arrive = [&](sledge_request *r, sledge_workers *host) {
    answer = host->reject(host, r);
  };
  engine->swap_dispatcher(refusing.instance(), 2);
  EXPECT_EQ(answer, 0);
  EXPECT_EQ(engine->counters().held, 1u);
}

TEST_F(Swap, GivesTheNewDispatcherCleanPolicyWords) {
  holds = true;
  engine->swap_dispatcher(to.instance(), 0);
  Request *r = arrive(*engine, 1);
  r->policy_word[0] = r->policy_word[3] = 42;
  ScriptedDispatcher checks;
  checks.arrive = [](sledge_request *given, sledge_workers *) {
    for (const uint64_t word : given->policy_word)
      EXPECT_EQ(word, 0u);
  };
  engine->swap_dispatcher(checks.instance(), 2);
}

TEST_F(Swap, OfTheSchedulerRanksAllAnewAndInterruptsIfTheOrderSaysSo) {
  Request *running = arrive(*engine, 0, 0, 5000, 1000);
  engine->next(0, 0);
  actions(*engine);
  Request *shorter = arrive(*engine, 0, 0, 200, 9000);
  EXPECT_TRUE(actions(*engine).empty());
  ScriptedScheduler shortest = shortest_remaining();
  engine->swap_scheduler(shortest.instance(), 10);
  const auto asked = actions(*engine);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].request_id, running->id);
  EXPECT_EQ(engine->reconsider(0, 10), shorter);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Swap, GivesBackWhatIsNoPolicyOfTheKindAndChangesNothing) {
  arrive(*engine, 1);
  PolicyInstance back = engine->swap_dispatcher(order.instance(), 2);
  EXPECT_TRUE(back);
  EXPECT_EQ(back.table()->kind, SLEDGE_SCHEDULER);
  EXPECT_EQ(engine->counters().swaps, 0u);
  EXPECT_FALSE(engine->swap_scheduler({}, 2));
  EXPECT_EQ(engine->counters().queued, 1u);
}

TEST_F(Swap, BetweenTheBuiltInDispatcherAndAnotherLosesNothing) {
  config.worker_count = 1;
  engine = make_engine(config, from.instance(), order.instance());
  engine->swap_dispatcher(plugin("dispatch-global-queue", SLEDGE_DISPATCHER), 0);
  for (int i = 0; i < 20; i++)
    ASSERT_NE(arrive(*engine, 1), nullptr);
  engine->swap_dispatcher(to.instance(), 2);
  engine->swap_dispatcher(plugin("dispatch-global-queue", SLEDGE_DISPATCHER), 3);
  uint64_t last = 0; // the first went to idle worker 0 at once; the rest come in order
  for (int i = 0; i < 20; i++) {
    Request *r = engine->next(0, 4);
    ASSERT_NE(r, nullptr);
    EXPECT_GT(r->id, last);
    last = r->id;
    engine->release(engine->finish(0, 4));
  }
  EXPECT_EQ(engine->next(0, 5), nullptr);
}

} // namespace
} // namespace sledge::test
