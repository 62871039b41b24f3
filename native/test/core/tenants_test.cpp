// Schedulers with budgets of tenants, as loaded from their shared objects.
#include <gtest/gtest.h>

#include <random>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t us = 1'000;
constexpr uint64_t ms = 1'000'000;

std::unique_ptr<Engine> engine_of(const std::string &scheduler,
                                  std::vector<sledge_tenant_terms> terms) {
  EngineConfig config;
  config.request_count_max = 4096;
  config.queue_length_max = 4096;
  config.terms = std::move(terms);
  return make_engine(config, plugin("dispatch-jsq", SLEDGE_DISPATCHER, "interrupts", 1),
                     plugin(scheduler, SLEDGE_SCHEDULER));
}

Request *arrive_of(Engine &engine, uint32_t tenant, uint64_t now_ns, uint64_t estimate_ns,
                   uint64_t deadline_ns) {
  Request *request = engine.acquire();
  request->tenant = tenant;
  request->arrival_ns = now_ns;
  request->estimate_ns = estimate_ns;
  request->deadline_ns = deadline_ns;
  EXPECT_EQ(engine.arrive(request, now_ns), Arrival::accepted);
  return request;
}

struct Missed {
  uint64_t requests = 0;
  uint64_t missed = 0;
};

/// Tenant 0 asks for 1 ms of the worker every 10 ms, to be done within 5; tenant 1 asks for half as
/// much again as the whole worker, in small pieces that are all more urgent.
Missed beside_a_flood(const std::string &scheduler) {
  const auto engine = engine_of(scheduler, {{2 * ms, 10 * ms}, {1 * ms, 10 * ms}});
  VirtualTime time(*engine);
  Missed missed;
  time.on_finish = [&](const Request &request, uint64_t now_ns) {
    if (request.tenant == 0) {
      missed.requests++;
      missed.missed += now_ns > request.deadline_ns ? 1 : 0;
    }
  };
  uint64_t flood_ns = 0;
  uint64_t asked_ns = 3 * ms;
  time.run([&](Job &job) {
    const bool is_flood = flood_ns <= asked_ns;
    const uint64_t at_ns = is_flood ? flood_ns : asked_ns;
    job = is_flood ? Job{at_ns, 150 * us, at_ns + 300 * us, 1, 1}
                   : Job{at_ns, 1 * ms, at_ns + 5 * ms, 0, 0};
    (is_flood ? flood_ns : asked_ns) += is_flood ? 100 * us : 10 * ms;
    return at_ns < 200 * ms;
  });
  EXPECT_EQ(time.refused(), 0u);
  EXPECT_TRUE(engine->consistent());
  return missed;
}

TEST(Tenants, MtdsKeepsEveryDeadlineOfATenantWithinItsBudgetWhileAnotherFloods) {
  const Missed missed = beside_a_flood("sched-mtds");
  EXPECT_EQ(missed.requests, 20u);
  EXPECT_EQ(missed.missed, 0u);
}

TEST(Tenants, MtdbfKeepsEveryDeadlineOfATenantWithinItsBoundWhileAnotherFloods) {
  const Missed missed = beside_a_flood("sched-mtdbf");
  EXPECT_EQ(missed.requests, 20u);
  EXPECT_EQ(missed.missed, 0u);
}

TEST(Tenants, TheSameFloodTakesTheDeadlinesUnderOrdersThatKnowNoTenants) {
  EXPECT_GT(beside_a_flood("sched-edf").missed, 10u);
  EXPECT_GT(beside_a_flood("sched-fifo").missed, 10u);
}

/// What the worker takes first of a later one of tenant 0 and an urgent one of tenant 1, which was
/// promised nothing; both are gone afterwards.
uint32_t first_of_both(Engine &engine, uint64_t now_ns) {
  Request *own = arrive_of(engine, 0, now_ns, us, now_ns + 50 * ms);
  Request *other = arrive_of(engine, 1, now_ns, us, now_ns + 10 * ms);
  const uint32_t tenant = engine.next(0, now_ns)->tenant;
  for (int i = 0; i < 2; i++) {
    engine.next(0, now_ns);
    engine.release(engine.finish(0, now_ns));
  }
  EXPECT_NE(own, other);
  actions(engine);
  return tenant;
}

TEST(Tenants, MtdsFillsABudgetEachPeriodAndTakesWhatWasOverrunFromTheNext) {
  const auto engine = engine_of("sched-mtds", {{100 * us, 1 * ms}});
  EXPECT_EQ(first_of_both(*engine, 10 * us), 0u);
  Request *long_one = arrive_of(*engine, 0, 20 * us, 250 * us, 5 * ms);
  EXPECT_EQ(engine->next(0, 20 * us), long_one);
  engine->release(engine->finish(0, 270 * us)); // 150 us more than it had
  actions(*engine);
  EXPECT_EQ(first_of_both(*engine, 300 * us), 1u);
  EXPECT_EQ(first_of_both(*engine, 1'100 * us), 1u); // 50 us are still owed
  EXPECT_EQ(first_of_both(*engine, 2'100 * us), 0u);
  EXPECT_EQ(first_of_both(*engine, 9'100 * us), 0u);
}

TEST(Tenants, MtdsChargesNothingForTimeThatNobodyWasPromised) {
  const auto engine = engine_of("sched-mtds", {{100 * us, 1 * ms}});
  Request *long_one = arrive_of(*engine, 0, 0, 800 * us, 5 * ms);
  EXPECT_EQ(engine->next(0, 0), long_one);
  while (engine->next_tick_ns() < 800 * us)
    engine->tick(engine->next_tick_ns());
  engine->release(engine->finish(0, 800 * us));
  actions(*engine);
  EXPECT_EQ(first_of_both(*engine, 1'001 * us), 0u);
}

TEST(Tenants, MtdsTakesTheWorkerWhenTheBudgetOfWhatRunsIsSpentAndGivesItBackWhenItIsFilled) {
  const auto engine = engine_of("sched-mtds", {{100 * us, 1 * ms}});
  Request *own = arrive_of(*engine, 0, 0, 500 * us, 50 * ms);
  EXPECT_EQ(engine->next(0, 0), own);
  Request *other = arrive_of(*engine, 1, 0, 5 * ms, 10 * ms);
  uint64_t now_ns = 0;
  actions(*engine);
  while (engine->running(0) == own && now_ns < 1 * ms) {
    now_ns = engine->next_tick_ns();
    ASSERT_NE(now_ns, UINT64_MAX) << "nothing would take the worker";
    engine->tick(now_ns);
    if (!actions(*engine).empty())
      engine->reconsider(0, now_ns);
  }
  EXPECT_EQ(engine->running(0), other);
  EXPECT_NEAR(static_cast<double>(now_ns), 100e3, 11e3);
  while (engine->running(0) == other && now_ns < 5 * ms) {
    now_ns = engine->next_tick_ns();
    ASSERT_NE(now_ns, UINT64_MAX) << "nothing would take the worker";
    engine->tick(now_ns);
    if (!actions(*engine).empty())
      engine->reconsider(0, now_ns);
  }
  EXPECT_EQ(engine->running(0), own);
  EXPECT_EQ(now_ns, 1 * ms);
}

TEST(Tenants, MtdsLearnsOfTermsThatChangeWhileRequestsWait) {
  const auto engine = engine_of("sched-mtds", {});
  EXPECT_EQ(first_of_both(*engine, 0), 1u);
  Request *own = arrive_of(*engine, 0, 10, us, 50 * ms);
  arrive_of(*engine, 1, 10, us, 10 * ms);
  EXPECT_TRUE(engine->set_terms(0, {100 * us, 1 * ms}, 10));
  EXPECT_EQ(engine->next(0, 10), own);
  EXPECT_FALSE(engine->set_terms(Engine::tenant_count_max, {1, 1}, 10));
}

TEST(Tenants, MtdbfPromisesNoMoreThanTheDemandBoundOfATenant) {
  const auto engine = engine_of("sched-mtdbf", {{1 * ms, 10 * ms}, {5 * ms, 10 * ms}});
  Request *first = arrive_of(*engine, 0, 0, 1 * ms, 10 * ms);
  Request *second = arrive_of(*engine, 0, 0, 1 * ms, 11 * ms);
  Request *later = arrive_of(*engine, 1, 0, 1 * ms, 30 * ms);
  for (Request *expected : {first, later, second}) {
    EXPECT_EQ(engine->next(0, 0), expected);
    engine->release(engine->finish(0, 0));
  }
}

TEST(Tenants, MtdbfFreesWhatWasPromisedAndNotNeeded) {
  const auto engine = engine_of("sched-mtdbf", {{1 * ms, 10 * ms}});
  arrive_of(*engine, 0, 0, 1 * ms, 10 * ms);
  EXPECT_EQ(engine->next(0, 0)->order_word, 1u);
  engine->release(engine->finish(0, 100 * us));
  Request *next = arrive_of(*engine, 0, 100 * us, 900 * us, 10 * ms);
  EXPECT_NE(next->order_word, 0u);
}

/// Two tenants share a worker and ask for twice what they may; a third one floods.
TEST(Tenants, MtdbfKeepsEveryPromiseWhenSharesAddUpToTheWholeWorker) {
  const auto engine = engine_of("sched-mtdbf", {{3 * ms, 10 * ms}, {7 * ms, 10 * ms}});
  VirtualTime time(*engine);
  uint64_t promised = 0;
  uint64_t broken = 0;
  time.on_finish = [&](const Request &request, uint64_t now_ns) {
    promised += request.order_word != 0 ? 1 : 0;
    broken += request.order_word != 0 && now_ns > request.deadline_ns ? 1 : 0;
  };
  std::mt19937_64 random(5);
  uint64_t at_ns = 0;
  uint64_t left = long_form() ? 200'000 : 2'000;
  time.run([&](Job &job) {
    at_ns += random() % (500 * us);
    const auto tenant = static_cast<uint32_t>(random() % 3);
    const uint64_t service_ns = 1 * us + random() % (900 * us);
    job = {at_ns, service_ns, at_ns + service_ns + random() % (20 * ms), tenant, tenant};
    return left-- != 0;
  });
  EXPECT_GT(promised, time.finished() / 10);
  EXPECT_EQ(broken, 0u);
}

} // namespace
} // namespace sledge::test
