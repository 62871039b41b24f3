// The built-in schedulers, as loaded from their shared objects.
#include <gtest/gtest.h>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

class Scheduler : public testing::Test {
 protected:
  void use(PolicyInstance scheduler) {
    dispatcher = by_type(true);
    EngineConfig config;
    config.request_count_max = 4096;
    config.queue_length_max = 4096;
    engine = make_engine(config, dispatcher.instance(), std::move(scheduler));
  }
  void run(const Request *expected, uint64_t now_ns) {
    EXPECT_EQ(engine->next(0, now_ns), expected);
    actions(*engine);
  }
  bool interrupted() { return !actions(*engine).empty(); }
  ScriptedDispatcher dispatcher;
  std::unique_ptr<Engine> engine;
};

PolicyInstance edf_plugin(const std::string &overdue) {
  PolicyConfig config;
  config.options.push_back({"overdue", 0, overdue, true});
  PolicyError error;
  PolicyInstance policy = load_policy(library_of("sched-edf"), SLEDGE_SCHEDULER, config, error);
  EXPECT_EQ(error.reason, "");
  return policy;
}

TEST_F(Scheduler, EdfRunsTheEarliestDeadlineAndThenWhatHasNone) {
  use(plugin("sched-edf", SLEDGE_SCHEDULER));
  Request *none = arrive(*engine, 0);
  Request *late = arrive(*engine, 0, 0, 1000, 90'000);
  Request *early = arrive(*engine, 0, 0, 1000, 50'000);
  for (Request *r : {early, late, none}) {
    run(r, 10);
    engine->finish(0, 10);
  }
}

TEST_F(Scheduler, EdfInterruptsForAnEarlierDeadlineOnly) {
  use(plugin("sched-edf", SLEDGE_SCHEDULER));
  Request *first = arrive(*engine, 0, 0, 1000, 90'000);
  run(first, 0);
  arrive(*engine, 1, 0, 1000, 90'000);
  EXPECT_FALSE(interrupted());
  arrive(*engine, 2, 0, 1000, 80'000);
  EXPECT_TRUE(interrupted());
}

TEST_F(Scheduler, EdfPutsOverdueWorkBehindWhatCanStillBeOnTime) {
  use(plugin("sched-edf", SLEDGE_SCHEDULER));
  Request *lost = arrive(*engine, 0, 0, 1000, 100);
  Request *on_time = arrive(*engine, 0, 0, 1000, 90'000);
  run(on_time, 200);
  engine->finish(0, 1200);
  run(lost, 1200);
}

TEST_F(Scheduler, EdfTakesTheWorkerFromWhatBecomesOverdueWhileItRuns) {
  use(plugin("sched-edf", SLEDGE_SCHEDULER));
  Request *long_one = arrive(*engine, 0, 0, 50'000, 10'000);
  run(long_one, 0);
  Request *on_time = arrive(*engine, 1, 0, 1000, 90'000);
  EXPECT_FALSE(interrupted());
  EXPECT_EQ(engine->next_tick_ns(), 10'001u);
  engine->tick(10'001);
  EXPECT_TRUE(interrupted());
  EXPECT_EQ(engine->reconsider(0, 10'001), on_time);
}

TEST_F(Scheduler, EdfRunsShortOverdueWorkBeforeLongUntilThatHasWaitedTenTimesItsRest) {
  use(plugin("sched-edf", SLEDGE_SCHEDULER));
  Request *long_one = arrive(*engine, 0, 0, 10'000, 1'000);
  Request *soon = arrive(*engine, 0, 0, 100, 90'000);
  Request *later = arrive(*engine, 0, 0, 100, 110'000);
  for (Request *r : {soon, long_one, later}) {
    run(r, 200'000);
    engine->finish(0, 200'000);
  }
}

TEST_F(Scheduler, EdfInOrderServesTheMostOverdueFirst) {
  use(edf_plugin("in-order"));
  Request *lost = arrive(*engine, 0, 0, 1000, 100);
  arrive(*engine, 0, 0, 1000, 90'000);
  run(lost, 5000);
}

TEST_F(Scheduler, EdfWithTheSlackRuleDoesNotPreemptWhatHasNoSlackLeft) {
  use(edf_plugin("slack"));
  Request *tight = arrive(*engine, 0, 0, 9'000, 10'000); // may wait 1,000
  run(tight, 1'500);
  arrive(*engine, 1'500, 0, 100, 5'000);
  EXPECT_FALSE(interrupted());
  engine->finish(0, 2'000);
}

TEST_F(Scheduler, EdfWithTheSlackRulePreemptsWhatHasSlackHoweverLongItHasRun) {
  use(edf_plugin("slack"));
  Request *loose = arrive(*engine, 0, 0, 9'000, 20'000);
  run(loose, 1'500);
  Request *urgent = arrive(*engine, 14'000, 0, 100, 15'000); // it has overrun its estimate by far
  EXPECT_TRUE(interrupted());
  EXPECT_EQ(engine->reconsider(0, 14'000), urgent);
}

TEST_F(Scheduler, EdfRefusesAnUnknownRuleByName) {
  PolicyConfig config;
  config.options.push_back({"overdue", 0, "drop", true});
  PolicyError error;
  EXPECT_FALSE(load_policy(std::string(SLEDGE_PLUGIN_BUILD_DIR) + "/sched-edf/sched-edf.so",
                           SLEDGE_SCHEDULER, config, error));
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_POLICY_CREATE);
  EXPECT_EQ(error.reason, "overdue is none of behind, in-order, slack");
}

/// Overload: every 10 us a job of 5 us with 50 us to go, and long jobs that are late from the
/// start.
double short_miss_rate(PolicyInstance scheduler, uint64_t &long_finished) {
  ScriptedDispatcher dispatcher = by_type(true);
  EngineConfig config;
  config.request_count_max = 1 << 14;
  config.queue_length_max = 1 << 14;
  auto engine = make_engine(config, dispatcher.instance(), std::move(scheduler));
  VirtualTime time(*engine);
  uint64_t missed = 0;
  uint64_t count = 0;
  long_finished = 0;
  uint64_t last_arrival_ns = 0;
  time.on_finish = [&](const Request &r, uint64_t now_ns) {
    if (r.type == 1 && now_ns <= last_arrival_ns)
      long_finished++;
    if (r.type == 1)
      return;
    count++;
    if (now_ns > r.deadline_ns)
      missed++;
  };
  uint64_t i = 0;
  time.run([&](Job &job) {
    if (i == 40'000)
      return false;
    const uint64_t at = i / 2 * 10'000;
    const bool is_long = i % 40 == 1;
    job = {at, is_long ? 200'000u : 5'000u, at + (is_long ? 1'000 : 50'000), is_long ? 1u : 0u};
    if (i % 2 == 1 && !is_long)
      job = {at, 1, at + 50'000, 0};
    last_arrival_ns = at;
    i++;
    return true;
  });
  return static_cast<double>(missed) / static_cast<double>(count);
}

TEST_F(Scheduler, EdfUnderOverloadLosesNoShortRequestWhereInOrderLosesNearlyAll) {
  uint64_t long_behind = 0;
  uint64_t long_in_order = 0;
  const double behind = short_miss_rate(plugin("sched-edf", SLEDGE_SCHEDULER), long_behind);
  const double in_order = short_miss_rate(edf_plugin("in-order"), long_in_order);
  EXPECT_LT(behind, 0.01);
  EXPECT_GT(in_order, 0.9);
  EXPECT_GT(long_behind, 300u); // overdue work goes on in what is left of the worker
}

TEST_F(Scheduler, EdfLetsWhatBecomesOverdueFinishWhileLittleIsLeft) {
  use(plugin("sched-edf", SLEDGE_SCHEDULER));
  Request *late = arrive(*engine, 0, 0, 6'000, 3'000);
  run(late, 0);
  arrive(*engine, 1'000, 0, 1'000, 90'000);
  engine->tick(3'001);
  EXPECT_FALSE(interrupted());
  Request *on_time = arrive(*engine, 3'500, 0, 1'000, 80'000);
  EXPECT_FALSE(interrupted());
  engine->tick(6'002); // it overruns: 6,000 more are expected, which is still little
  EXPECT_FALSE(interrupted());
  engine->tick(12'003);
  EXPECT_TRUE(interrupted());
  EXPECT_EQ(engine->reconsider(0, 12'003), on_time);
}

TEST_F(Scheduler, SjfRunsTheShortestAndCountsWhatHasRun) {
  use(plugin("sched-sjf", SLEDGE_SCHEDULER));
  Request *first = arrive(*engine, 0, 0, 10'000);
  run(first, 0);
  arrive(*engine, 8'000, 0, 3'000);
  EXPECT_FALSE(interrupted());
  Request *shorter = arrive(*engine, 8'500, 0, 1'000);
  EXPECT_TRUE(interrupted());
  EXPECT_EQ(engine->reconsider(0, 8'500), shorter);
}

TEST_F(Scheduler, SjfDoesNotTakeAnOverrunningRequestForNearlyDone) {
  use(plugin("sched-sjf", SLEDGE_SCHEDULER));
  Request *overruns = arrive(*engine, 0, 0, 1'000);
  run(overruns, 0);
  Request *known = arrive(*engine, 5'000, 0, 2'000);
  EXPECT_TRUE(interrupted());
  EXPECT_EQ(engine->reconsider(0, 5'000), known);
}

TEST_F(Scheduler, SjfWithoutPreemptionOnlyOrdersWhatWaits) {
  use(plugin("sched-sjf", SLEDGE_SCHEDULER, "preemption", 0));
  Request *first = arrive(*engine, 0, 0, 10'000);
  run(first, 0);
  arrive(*engine, 0, 0, 9'000);
  Request *shortest = arrive(*engine, 1, 0, 100);
  EXPECT_FALSE(interrupted());
  engine->finish(0, 10'000);
  run(shortest, 10'000);
}

} // namespace
} // namespace sledge::test
