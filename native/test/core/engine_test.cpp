// What the engine does, event by event.
#include <gtest/gtest.h>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

EngineConfig workers(uint32_t count) {
  EngineConfig config;
  config.worker_count = count;
  config.request_count_max = 64;
  config.queue_length_max = 8;
  return config;
}

std::unique_ptr<Engine> global_queue(uint32_t count) {
  return make_engine(workers(count), plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
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
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
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
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
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

class Preemption : public testing::Test {
 protected:
  std::unique_ptr<Engine> make(ScriptedScheduler s, bool interrupts = true, uint32_t count = 1) {
    scheduler = std::move(s);
    dispatcher = by_type(interrupts);
    return make_engine(workers(count), dispatcher.instance(), scheduler.instance());
  }
  ScriptedDispatcher dispatcher;
  ScriptedScheduler scheduler;
};

TEST_F(Preemption, AnEarlierDeadlineTakesTheWorkerAndTheOtherResumesAfterwards) {
  auto engine = make(edf());
  Request *late = arrive(*engine, 0, 0, 1000, 9000);
  EXPECT_EQ(engine->next(0, 0), late);
  actions(*engine);
  Request *early = arrive(*engine, 100, 0, 1000, 5000);
  const auto asked = actions(*engine);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].kind, ActionKind::interrupt);
  EXPECT_EQ(asked[0].request_id, late->id);
  EXPECT_TRUE(engine->should_leave(0, 110));
  EXPECT_EQ(engine->reconsider(0, 110), early);
  EXPECT_EQ(late->state, SLEDGE_REQUEST_PREEMPTED);
  EXPECT_EQ(late->preemptions, 1u);
  EXPECT_EQ(late->run_ns, 110u);
  EXPECT_EQ(late->remaining_ns, 890u);
  EXPECT_EQ(engine->finish(0, 600), early);
  EXPECT_EQ(engine->next(0, 600), late);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Preemption, ALaterOrEqualDeadlineDoesNotInterrupt) {
  auto engine = make(edf());
  arrive(*engine, 0, 0, 1000, 5000);
  engine->next(0, 0);
  actions(*engine);
  arrive(*engine, 1, 0, 1000, 5000);
  arrive(*engine, 1, 0, 1000, 6000);
  EXPECT_TRUE(actions(*engine).empty());
  EXPECT_EQ(engine->counters().interrupts_declined, 2u);
}

TEST_F(Preemption, TheSchedulersPreemptsOverrulesTheRank) {
  ScriptedScheduler kind = edf();
  kind.preempts = [](const sledge_request &, const sledge_request &, uint64_t) { return false; };
  auto engine = make(kind);
  Request *running = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  actions(*engine);
  arrive(*engine, 1, 0, 1000, 5000);
  EXPECT_TRUE(actions(*engine).empty());
  EXPECT_FALSE(engine->should_leave(0, 2));
  EXPECT_EQ(engine->reconsider(0, 2), running);
}

TEST_F(Preemption, ASpuriousFlagChangesNothing) {
  auto engine = make(edf());
  Request *r = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  EXPECT_EQ(engine->reconsider(0, 5), r);
  EXPECT_EQ(r->preemptions, 0u);
  EXPECT_EQ(engine->counters().preemptions, 0u);
}

TEST_F(Preemption, WithoutInterruptsTheMoreUrgentRequestWaitsItsTurn) {
  auto engine = make(edf(), false);
  Request *late = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  actions(*engine);
  Request *early = arrive(*engine, 1, 0, 1000, 5000);
  EXPECT_TRUE(actions(*engine).empty());
  EXPECT_EQ(engine->finish(0, 1000), late);
  EXPECT_EQ(engine->next(0, 1000), early);
}

TEST_F(Preemption, AnInterruptForARequestThatHasLeftIsDropped) {
  auto engine = make(edf());
  arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  actions(*engine);
  arrive(*engine, 1, 0, 1000, 5000);
  engine->finish(0, 2);
  EXPECT_TRUE(actions(*engine).empty());
}

TEST_F(Preemption, ShortestRemainingTimeCountsWhatHasRun) {
  auto engine = make(shortest_remaining());
  Request *first = arrive(*engine, 0, 0, 1000);
  engine->next(0, 0);
  actions(*engine);
  arrive(*engine, 600, 0, 500); // 400 are left of the first
  EXPECT_TRUE(actions(*engine).empty());
  Request *third = arrive(*engine, 650, 0, 300);
  EXPECT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 650), third);
  engine->finish(0, 950);
  EXPECT_EQ(engine->next(0, 950), first);
}

TEST_F(Preemption, AQuantumRotatesAmongEqualsInOrder) {
  auto engine = make(fifo(100));
  std::vector<Request *> requests;
  for (int i = 0; i < 3; i++)
    requests.push_back(arrive(*engine, 0));
  EXPECT_EQ(engine->next(0, 0), requests[0]);
  actions(*engine);
  for (uint64_t turn = 1; turn < 10; turn++) {
    EXPECT_EQ(engine->next_tick_ns(), turn * 100);
    engine->tick(turn * 100);
    ASSERT_EQ(actions(*engine).size(), 1u);
    EXPECT_EQ(engine->reconsider(0, turn * 100), requests[turn % 3]);
  }
  EXPECT_EQ(engine->counters().quantum_ends, 9u);
}

TEST_F(Preemption, AQuantumThatEndedAloneGivesWayToTheNextArrivalAtOnce) {
  auto engine = make(fifo(100), false);
  arrive(*engine, 0);
  engine->next(0, 0);
  actions(*engine);
  engine->tick(100);
  EXPECT_TRUE(actions(*engine).empty());
  EXPECT_EQ(engine->next_tick_ns(), UINT64_MAX);
  Request *second = arrive(*engine, 500);
  ASSERT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 500), second);
}

TEST_F(Preemption, WithoutPreemptionNoInterruptIsEverGiven) {
  EngineConfig config = workers(1);
  config.preemption = false;
  dispatcher = by_type(true);
  scheduler = edf();
  scheduler.quantum_ns = 100;
  auto engine = make_engine(config, dispatcher.instance(), scheduler.instance());
  arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  actions(*engine);
  arrive(*engine, 1, 0, 1000, 5000);
  EXPECT_TRUE(actions(*engine).empty());
  EXPECT_EQ(engine->next_tick_ns(), UINT64_MAX);
  EXPECT_FALSE(engine->should_leave(0, 1000));
}

TEST_F(Preemption, ABlockedRequestLeavesTheWorkerToOthersAndComesBackByRank) {
  auto engine = make(edf());
  Request *urgent = arrive(*engine, 0, 0, 1000, 1000);
  Request *other = arrive(*engine, 0, 0, 1000, 9000);
  EXPECT_EQ(engine->next(0, 0), urgent);
  actions(*engine);
  EXPECT_EQ(engine->block(0, 10), urgent);
  EXPECT_EQ(urgent->state, SLEDGE_REQUEST_BLOCKED);
  EXPECT_EQ(engine->next(0, 10), other);
  EXPECT_TRUE(engine->unblock(urgent, 50));
  EXPECT_FALSE(engine->unblock(urgent, 50));
  EXPECT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 50), urgent);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Preemption, UnblockingWakesAWorkerThatSleeps) {
  auto engine = make(edf());
  Request *r = arrive(*engine, 0, 0, 1000, 1000);
  engine->next(0, 0);
  actions(*engine);
  engine->block(0, 10);
  EXPECT_EQ(engine->next(0, 10), nullptr);
  engine->unblock(r, 20);
  ASSERT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->next(0, 21), r);
}

TEST_F(Preemption, ABoundRequestIsTakenByItsOwnWorkerOnly) {
  scheduler = edf();
  dispatcher = by_type(true);
  std::vector<int> answers;
  dispatcher.takes_preempted = true;
  dispatcher.preempted = [&](sledge_request *r, uint32_t w, sledge_workers *host) {
    answers.push_back(host->assign(host, 1 - w, r));
    answers.push_back(host->assign(host, w, r));
  };
  auto engine = make_engine(workers(2), dispatcher.instance(), scheduler.instance());
  Request *late = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  arrive(*engine, 1, 0, 1000, 100);
  engine->reconsider(0, 1);
  EXPECT_EQ(answers, (std::vector<int>{0, 1}));
  EXPECT_EQ(late->worker, 0u);
  EXPECT_EQ(engine->counters().actions_ignored, 1u);
}

TEST_F(Preemption, WithMigrationAnyWorkerResumesAPreemptedRequest) {
  EngineConfig config = workers(2);
  config.migration = true;
  scheduler = edf();
  dispatcher = by_type(true);
  dispatcher.takes_preempted = true;
  dispatcher.preempted = [](sledge_request *r, uint32_t w, sledge_workers *host) {
    host->assign(host, 1 - w, r);
  };
  auto engine = make_engine(config, dispatcher.instance(), scheduler.instance());
  Request *late = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  arrive(*engine, 1, 0, 1000, 100);
  engine->reconsider(0, 1);
  EXPECT_EQ(engine->next(1, 2), late);
}

TEST_F(Preemption, AnInterruptOfADispatcherThatTakesPreemptedWorkEndsTheTurnAmongEquals) {
  scheduler = fifo();
  dispatcher = by_type(true);
  dispatcher.takes_preempted = true;
  std::vector<uint64_t> returned;
  dispatcher.preempted = [&](sledge_request *r, uint32_t, sledge_workers *) {
    returned.push_back(r->id);
  };
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
  arrive(*engine, 0);
  engine->next(0, 0);
  actions(*engine);
  Request *second = arrive(*engine, 1);
  EXPECT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 1), second);
  EXPECT_EQ(returned, std::vector<uint64_t>{1});
  EXPECT_EQ(engine->oldest_held()->id, 1u);
}

TEST_F(Preemption, ExpiredRanksAreRenewedAtTheHead) {
  auto engine = make(edf(true), false);
  Request *overdue = arrive(*engine, 0, 0, 1000, 100);
  Request *on_time = arrive(*engine, 0, 0, 1000, 100'000);
  EXPECT_EQ(engine->next(0, 5000), on_time);
  EXPECT_EQ(engine->counters().rank_renewals, 1u);
  engine->finish(0, 6000);
  EXPECT_EQ(engine->next(0, 6000), overdue);
}

TEST_F(Preemption, ARunningRequestThatBecomesOverdueGivesWayToOnTimeWork) {
  auto engine = make(edf(true), false);
  Request *first = arrive(*engine, 0, 0, 1000, 2000);
  EXPECT_EQ(engine->next(0, 0), first);
  actions(*engine);
  Request *second = arrive(*engine, 1, 0, 1000, 9000);
  EXPECT_EQ(engine->next_tick_ns(), 2001u);
  engine->tick(2001);
  ASSERT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 2001), second);
}

TEST_F(Preemption, RanksAreCutAtTheirBoundAndStayInTheirBand) {
  ScriptedScheduler huge;
  huge.rank = [](const sledge_request &r, uint64_t) {
    return sledge_rank{r.type == 0 ? UINT64_MAX : UINT64_MAX & ~SLEDGE_RANK_OVERDUE, 0};
  };
  auto engine = make(huge, false);
  Request *overdue = arrive(*engine, 0, 0);
  Request *on_time = arrive(*engine, 0, 1);
  EXPECT_EQ(overdue->rank_key, SLEDGE_RANK_OVERDUE | SLEDGE_RANK_KEY_MAX);
  EXPECT_EQ(on_time->rank_key, SLEDGE_RANK_KEY_MAX);
  EXPECT_EQ(engine->next(0, 1), on_time);
}

TEST(EngineHost, TellsTheWaitBeforeARequestByTheWorkersOwnOrder) {
  ScriptedScheduler scheduler = edf();
  ScriptedDispatcher dispatcher;
  std::vector<uint64_t> waits;
  dispatcher.arrive = [&](sledge_request *r, sledge_workers *host) {
    waits.push_back(host->wait_ns(host, 0, r));
    host->assign(host, 0, r);
  };
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
  arrive(*engine, 0, 0, 1000, 5000);
  engine->next(0, 0);
  arrive(*engine, 100, 0, 300, 7000); // behind 900 of the running one
  arrive(*engine, 100, 0, 200, 6000); // the same: ranks before the one waiting
  arrive(*engine, 100, 0, 50, 7000);  // behind both: an equal deadline goes by arrival
  arrive(*engine, 100, 0, 10, 100);   // takes the worker
  EXPECT_EQ(waits, (std::vector<uint64_t>{0, 900, 900, 1400, 0}));
}

TEST(EngineHost, SeesInItsViewsWhatItAssignedInTheSameCallback) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher;
  dispatcher.arrive = [&](sledge_request *r, sledge_workers *host) {
    EXPECT_EQ(host->next_idle(host, 0), 0u);
    host->assign(host, 0, r);
    EXPECT_EQ(host->at(host, 0)->queue_length, 1u);
    EXPECT_EQ(host->at(host, 0)->queued_work_ns, 1000u);
    EXPECT_EQ(host->next_idle(host, 0), SLEDGE_NO_WORKER);
  };
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
  arrive(*engine, 0);
  EXPECT_EQ(engine->counters().queued, 1u);
}

TEST(EngineHost, IgnoresAndCountsWhatIsNotTrue) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher;
  sledge_request stranger{};
  dispatcher.arrive = [&](sledge_request *r, sledge_workers *host) {
    EXPECT_EQ(host->at(host, 7), nullptr);
    EXPECT_EQ(host->assign(host, 7, r), 0);
    EXPECT_EQ(host->assign(host, 0, &stranger), 0);
    EXPECT_EQ(host->assign(host, 0, nullptr), 0);
    EXPECT_EQ(host->take(host, r), 0);
    EXPECT_EQ(host->rerank(host, r), 0);
    host->interrupt(host, 0, 99);
    host->interrupt(host, 99, 1);
    EXPECT_EQ(host->wait_ns(host, 99, r), SLEDGE_NO_DEADLINE);
    EXPECT_EQ(host->assign(host, 0, r), 1);
    EXPECT_EQ(host->assign(host, 0, r), 0);
    EXPECT_EQ(host->reject(host, r), 0);
  };
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
  EXPECT_NE(arrive(*engine, 0), nullptr);
  EXPECT_EQ(engine->counters().actions_ignored, 11u);
  EXPECT_TRUE(engine->consistent());
}

TEST(EngineHost, TakesAQueuedRequestBackAndGivesItToAnother) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher = by_type(false);
  Request *waiting = nullptr;
  dispatcher.idle = [&](uint32_t w, sledge_workers *host) {
    if (w == 1 && host->take(host, waiting) != 0)
      host->assign(host, w, waiting);
  };
  auto engine = make_engine(workers(2), dispatcher.instance(), scheduler.instance());
  arrive(*engine, 0, 0);
  waiting = arrive(*engine, 0, 0);
  engine->next(0, 1);
  EXPECT_EQ(engine->next(1, 1), waiting);
  EXPECT_TRUE(engine->consistent());
}

TEST(EngineHost, FindsTheNextIdleWorkerAroundTheEndOf200) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher = by_type(false);
  EngineConfig config = workers(200);
  config.request_count_max = 256;
  auto engine = make_engine(config, dispatcher.instance(), scheduler.instance());
  for (uint32_t w = 0; w < 200; w++)
    if (w != 3 && w != 130)
      arrive(*engine, 0, w);
  EXPECT_EQ(engine->next_idle(0), 3u);
  EXPECT_EQ(engine->next_idle(4), 130u);
  EXPECT_EQ(engine->next_idle(131), 3u);
  EXPECT_EQ(engine->next_idle(9999), 3u);
  arrive(*engine, 0, 3);
  arrive(*engine, 0, 130);
  EXPECT_EQ(engine->next_idle(7), SLEDGE_NO_WORKER);
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
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
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
  auto engine = make_engine(workers(1), dispatcher.instance(), scheduler.instance());
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
  auto engine = make_engine(workers(1), plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
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
      make_engine(workers(2), plugin("dispatch-global-queue", SLEDGE_DISPATCHER, "batch", 3),
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
