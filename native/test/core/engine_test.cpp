// What the engine does, event by event: arrival to end, removal, time.
#include <gtest/gtest.h>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

std::unique_ptr<Engine> global_queue(uint32_t count) {
  return make_engine(small_config(count), plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                     plugin("sched-fifo", SLEDGE_SCHEDULER));
}

TEST(Engine, ARequestGoesFromArrivalOverAWokenWorkerToItsEnd) {
  auto engine = global_queue(1);
  Request *r = arrive(*engine, 100);
  ASSERT_NE(r, nullptr);
  const auto woken = actions(*engine);
  ASSERT_EQ(woken.size(), 1u);
  EXPECT_EQ(woken[0].kind, ActionKind::wake);
  EXPECT_EQ(woken[0].worker, 0u);
  EXPECT_EQ(engine->next(0, 200), r);
  EXPECT_EQ(r->state, SLEDGE_REQUEST_RUNNING);
  EXPECT_EQ(engine->finish(0, 350), r);
  EXPECT_EQ(r->run_ns, 150u);
  engine->release(r);
  EXPECT_EQ(engine->next(0, 350), nullptr);
  EXPECT_EQ(engine->pool().in_use(), 0u);
  EXPECT_TRUE(engine->consistent());
}

TEST(Engine, AnIdleWorkerIsWokenOnceAndABusyOneNever) {
  ScriptedDispatcher dispatcher = by_type(false);
  ScriptedScheduler scheduler = fifo();
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
  EXPECT_EQ(engine->next(0, 0), nullptr);
  arrive(*engine, 1);
  arrive(*engine, 2);
  EXPECT_EQ(actions(*engine).size(), 1u);
  arrive(*engine, 3);
  EXPECT_EQ(actions(*engine).size(), 0u);
  EXPECT_NE(engine->next(0, 4), nullptr);
  arrive(*engine, 5);
  EXPECT_EQ(actions(*engine).size(), 0u);
}

TEST(Engine, AWakeThatTheWorkerForestalledIsNotGiven) {
  auto engine = global_queue(1);
  arrive(*engine, 1);
  EXPECT_NE(engine->next(0, 2), nullptr);
  EXPECT_EQ(actions(*engine).size(), 0u);
}

TEST(Engine, TheGlobalQueueKeepsOrderOfArrivalAcrossWorkers) {
  auto engine = global_queue(2);
  std::vector<Request *> requests;
  for (uint64_t i = 0; i < 6; i++)
    requests.push_back(arrive(*engine, i));
  std::vector<Request *> order;
  for (uint64_t i = 0; i < 3; i++) {
    for (const uint32_t w : {0u, 1u}) {
      order.push_back(engine->next(w, 10 + i));
      engine->release(engine->finish(w, 10 + i));
    }
  }
  EXPECT_EQ(order, requests);
}

TEST(Engine, AFullRunQueueRefusesTheNextArrival) {
  ScriptedDispatcher dispatcher = by_type(false);
  ScriptedScheduler scheduler = fifo();
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
  for (int i = 0; i < 8; i++)
    EXPECT_NE(arrive(*engine, 1), nullptr);
  Request *ninth = engine->acquire();
  EXPECT_EQ(engine->arrive(ninth, 1), Arrival::queue_full);
  engine->release(ninth);
  EXPECT_EQ(engine->counters().refused, 1u);
  EXPECT_EQ(engine->counters().assigns_refused, 1u);
  EXPECT_TRUE(engine->consistent());
}

TEST(Engine, AnExhaustedPoolGivesNoRequestAndAReleasedOneIsAnotherByItsHandle) {
  auto engine = global_queue(1);
  std::vector<Request *> all;
  while (Request *r = engine->acquire())
    all.push_back(r);
  EXPECT_EQ(all.size(), 64u);
  const uint64_t handle = all[5]->handle();
  EXPECT_EQ(engine->pool().find(handle), all[5]);
  engine->release(all[5]);
  EXPECT_EQ(engine->pool().find(handle), nullptr);
  EXPECT_EQ(engine->acquire(), all[5]);
  EXPECT_EQ(engine->pool().find(handle), nullptr);
  EXPECT_EQ(engine->pool().find(UINT64_MAX), nullptr);
}

TEST(EngineRemoval, AHeldQueuedOrBlockedRequestLeavesAndTheDispatcherIsTold) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher;
  dispatcher.arrive = [](sledge_request *r, sledge_workers *host) {
    if (r->type < 2)
      host->assign(host, 0, r);
  };
  std::vector<uint32_t> states;
  dispatcher.removed = [&](const sledge_request *r, sledge_removal why, sledge_workers *) {
    EXPECT_EQ(why, SLEDGE_REMOVED_CANCELLED);
    states.push_back(r->state);
  };
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
  Request *first = arrive(*engine, 0, 0);
  engine->next(0, 0);
  EXPECT_FALSE(engine->remove(first, SLEDGE_REMOVED_CANCELLED, 1));
  engine->block(0, 1);
  Request *queued = arrive(*engine, 1, 1);
  Request *held = arrive(*engine, 1, 2);
  for (Request *r : {first, queued, held}) {
    EXPECT_TRUE(engine->remove(r, SLEDGE_REMOVED_CANCELLED, 2));
    EXPECT_FALSE(engine->remove(r, SLEDGE_REMOVED_CANCELLED, 2));
    engine->release(r);
  }
  EXPECT_EQ(states, (std::vector<uint32_t>{SLEDGE_REQUEST_BLOCKED, SLEDGE_REQUEST_QUEUED,
                                           SLEDGE_REQUEST_HELD}));
  EXPECT_EQ(engine->next(0, 3), nullptr);
  EXPECT_TRUE(engine->consistent());
}

TEST(EngineRemoval, ARequestHeldInTheMiddleOfTheGlobalQueueLeavesTheRestInOrder) {
  auto engine = global_queue(1);
  std::vector<Request *> r;
  for (int i = 0; i < 5; i++)
    r.push_back(arrive(*engine, 0));
  for (const int i : {1, 3, 4})
    engine->remove(r[i], SLEDGE_REMOVED_LATE, 1);
  EXPECT_EQ(engine->next(0, 2), r[0]);
  engine->finish(0, 2);
  EXPECT_EQ(engine->next(0, 2), r[2]);
  engine->finish(0, 2);
  EXPECT_EQ(engine->next(0, 2), nullptr);
}

TEST(EngineRemoval, ADiscardedRequestNeverCountsAsCompleted) {
  auto engine = global_queue(1);
  Request *r = arrive(*engine, 0);
  EXPECT_EQ(engine->next(0, 1), r);
  EXPECT_EQ(engine->discard(0, SLEDGE_REMOVED_LATE, 1), r);
  EXPECT_EQ(engine->counters().completed, 0u);
  EXPECT_EQ(engine->counters().removed, 1u);
  EXPECT_TRUE(engine->consistent());
}

TEST(EngineTime, TheDispatchersTickComesOnlyWhileARequestIsAlive) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher;
  int ticks = 0;
  dispatcher.arrive = [](sledge_request *, sledge_workers *) {};
  dispatcher.tick = [&](sledge_workers *) { ticks++; };
  dispatcher.tick_ns = 100;
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
  EXPECT_EQ(engine->next_tick_ns(), UINT64_MAX);
  Request *r = arrive(*engine, 1000);
  EXPECT_EQ(engine->next_tick_ns(), 1100u);
  engine->tick(1099);
  EXPECT_EQ(ticks, 0);
  engine->tick(1100);
  EXPECT_EQ(ticks, 1);
  EXPECT_EQ(engine->next_tick_ns(), 1200u);
  engine->remove(r, SLEDGE_REMOVED_CANCELLED, 1150);
  EXPECT_EQ(engine->next_tick_ns(), UINT64_MAX);
}

TEST(EngineTime, AnEndedQuantumPullsHeldWorkFromTheGlobalQueue) {
  auto engine = make_engine(small_config(1), plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                            plugin("sched-fifo", SLEDGE_SCHEDULER, "quantumUs", 5));
  Request *first = arrive(*engine, 0);
  engine->next(0, 0);
  Request *second = arrive(*engine, 1);
  actions(*engine);
  EXPECT_EQ(engine->next_tick_ns(), 5000u);
  engine->tick(5000);
  EXPECT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 5000), second);
  engine->tick(10'000);
  EXPECT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 10'000), first);
}

TEST(EngineTime, TheGlobalQueueTakesABatch) {
  auto engine =
      make_engine(small_config(2), plugin("dispatch-global-queue", SLEDGE_DISPATCHER, "batch", 3),
                  plugin("sched-fifo", SLEDGE_SCHEDULER));
  for (int i = 0; i < 8; i++)
    arrive(*engine, 0);
  engine->next(0, 1);
  engine->next(1, 1);
  engine->finish(0, 2);
  engine->next(0, 2);
  EXPECT_EQ(engine->queue_length(0), 2u);
  EXPECT_EQ(engine->counters().held, 3u);
}

} // namespace
} // namespace sledge::test
