// Which request has the worker: interrupts, ranks, quanta, blocking, bound requests.
#include <gtest/gtest.h>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

class Preemption : public testing::Test {
 protected:
  std::unique_ptr<Engine> make(ScriptedScheduler s, bool interrupts = true, uint32_t count = 1) {
    scheduler = std::move(s);
    dispatcher = by_type(interrupts);
    return make_engine(small_config(count), dispatcher.instance(), scheduler.instance());
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

TEST_F(Preemption, WhoYieldsGoesBehindItsEqualsAndAloneItGoesOn) {
  auto engine = make(fifo(0));
  Request *first = arrive(*engine, 0);
  EXPECT_EQ(engine->next(0, 0), first);
  EXPECT_EQ(engine->yield(0, 10), first);
  EXPECT_EQ(first->preemptions, 0u);
  Request *second = arrive(*engine, 20);
  Request *third = arrive(*engine, 20);
  EXPECT_TRUE(actions(*engine).empty()) << "it has not yielded since they came";
  EXPECT_EQ(engine->yield(0, 30), second);
  EXPECT_EQ(engine->yield(0, 40), third);
  EXPECT_EQ(engine->yield(0, 50), first);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Preemption, WhoYieldsDoesNotLetLessUrgentOnesGoFirst) {
  auto engine = make(edf());
  Request *urgent = arrive(*engine, 0, 0, 1000, 5000);
  engine->next(0, 0);
  arrive(*engine, 1, 0, 1000, 9000);
  EXPECT_EQ(engine->yield(0, 2), urgent);
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
  EngineConfig config = small_config(1);
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
  auto engine = make_engine(small_config(2), dispatcher.instance(), scheduler.instance());
  Request *late = arrive(*engine, 0, 0, 1000, 9000);
  engine->next(0, 0);
  arrive(*engine, 1, 0, 1000, 100);
  engine->reconsider(0, 1);
  EXPECT_EQ(answers, (std::vector<int>{0, 1}));
  EXPECT_EQ(late->worker, 0u);
  EXPECT_EQ(engine->counters().actions_ignored, 1u);
}

TEST_F(Preemption, WithMigrationAnyWorkerResumesAPreemptedRequest) {
  EngineConfig config = small_config(2);
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
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
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

TEST_F(Preemption, WithAsManyStartedAsThereAreSlotsNothingNewIsStartedBeforeOneHasEnded) {
  scheduler = edf();
  dispatcher = by_type(true);
  EngineConfig config = small_config(1);
  config.started_max = 2;
  auto engine = make_engine(config, dispatcher.instance(), scheduler.instance());
  Request *first = arrive(*engine, 0, 0, 1000, 9000);
  EXPECT_EQ(engine->next(0, 0), first);
  actions(*engine);
  Request *second = arrive(*engine, 1, 0, 1000, 8000);
  EXPECT_EQ(actions(*engine).size(), 1u);
  EXPECT_EQ(engine->reconsider(0, 1), second);
  Request *third = arrive(*engine, 2, 0, 1000, 7000);
  EXPECT_EQ(actions(*engine).size(), 0u);
  EXPECT_EQ(engine->reconsider(0, 2), second);
  engine->release(engine->finish(0, 3));
  EXPECT_EQ(engine->next(0, 3), third);
  engine->release(engine->finish(0, 4));
  Request *fourth = arrive(*engine, 4, 0, 1000, 9500);
  EXPECT_EQ(engine->next(0, 4), first);
  engine->block(0, 5);
  EXPECT_EQ(engine->next(0, 5), fourth);
  Request *fifth = arrive(*engine, 6, 0, 1000, 100);
  engine->release(engine->finish(0, 6));
  engine->unblock(first, 6);
  EXPECT_EQ(engine->next(0, 6), fifth);
  EXPECT_TRUE(engine->consistent());
}

TEST_F(Preemption, WithoutAStartedOneToGoOnWithAWorkerStartsAnotherAllTheSame) {
  scheduler = fifo();
  dispatcher = by_type(false);
  EngineConfig config = small_config(1);
  config.started_max = 1;
  auto engine = make_engine(config, dispatcher.instance(), scheduler.instance());
  Request *first = arrive(*engine, 0);
  EXPECT_EQ(engine->next(0, 0), first);
  engine->block(0, 1);
  Request *second = arrive(*engine, 1);
  EXPECT_EQ(engine->next(0, 1), second);
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

} // namespace
} // namespace sledge::test
