// What happens before the dispatcher: estimates learned from what ended, and who is let in.
#include <gtest/gtest.h>

#include "test_policies.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t us = 1000;

EngineConfig workers(uint32_t count) {
  EngineConfig config;
  config.worker_count = count;
  config.request_count_max = 4096;
  config.queue_length_max = 4096;
  return config;
}

struct Fixture {
  explicit Fixture(uint32_t count)
      : dispatcher(by_type(false)), scheduler(edf()),
        engine(make_engine(workers(count), dispatcher.instance(), scheduler.instance())) {}
  ScriptedDispatcher dispatcher;
  ScriptedScheduler scheduler;
  std::unique_ptr<Engine> engine;
  uint64_t now_ns = 1000 * us;
  uint64_t reply_ns = 0; // of what is submitted

  void use(const std::string &name, sledge_policy_kind kind, const std::string &option = "",
           double value = 0) {
    PolicyInstance policy = plugin(name, kind, option, value);
    ASSERT_TRUE(policy) << name;
    if (kind == SLEDGE_ESTIMATOR)
      EXPECT_FALSE(engine->swap_estimator(std::move(policy)));
    else
      EXPECT_FALSE(engine->swap_admission(std::move(policy)));
  }
  /// Arrives a request whose deadline is `deadline_ns` from now; 0: none.
  Arrival submit(uint64_t deadline_ns, Request **out = nullptr, uint64_t estimate_ns = 100 * us,
                 uint64_t fallback_ns = 0) {
    Request *r = engine->acquire();
    r->reply_ns = reply_ns;
    r->arrival_ns = now_ns;
    r->deadline_ns = deadline_ns == 0 ? SLEDGE_NO_DEADLINE : now_ns + deadline_ns;
    r->estimate_ns = estimate_ns;
    r->fallback_ns = fallback_ns;
    const Arrival arrival = engine->arrive(r, now_ns);
    if (out != nullptr)
      *out = r;
    return arrival;
  }
  /// Runs the next request of worker 0 for run_ns, to its end.
  void run(uint64_t run_ns, bool succeeded = true) {
    ASSERT_NE(engine->next(0, now_ns), nullptr);
    now_ns += run_ns;
    engine->release(engine->finish(0, now_ns, succeeded));
  }
  uint64_t estimate_of_next(uint64_t fallback_ns) {
    Request *r = nullptr;
    submit(0, &r, 1, fallback_ns);
    const uint64_t estimate_ns = r->estimate_ns;
    engine->remove(r, SLEDGE_REMOVED_CANCELLED, now_ns);
    engine->release(r);
    return estimate_ns;
  }
};

TEST(Estimates, AFunctionThatNeverRanIsNotFree) {
  for (const char *name : {"estimator-percentile", "estimator-ewma"}) {
    Fixture f(1);
    f.use(name, SLEDGE_ESTIMATOR, "unknownUs", 300);
    EXPECT_EQ(f.estimate_of_next(0), 300 * us) << name;
    EXPECT_EQ(f.estimate_of_next(70 * us), 70 * us) << name;
  }
}

TEST(Estimates, APercentileFollowsTheLast256SuccessesOnly) {
  Fixture f(1);
  f.use("estimator-percentile", SLEDGE_ESTIMATOR, "percentile", 50);
  for (int i = 1; i <= 9; i++) {
    f.submit(0);
    f.run(static_cast<uint64_t>(i) * 10 * us);
  }
  EXPECT_EQ(f.estimate_of_next(0), 50 * us);
  for (int i = 0; i < 50; i++) {
    f.submit(0);
    f.run(900 * us, false);
  }
  EXPECT_EQ(f.estimate_of_next(0), 50 * us);
  for (int i = 0; i < 256; i++) {
    f.submit(0);
    f.run(20 * us);
  }
  EXPECT_EQ(f.estimate_of_next(0), 20 * us);
  f.engine->forget_type(0);
  EXPECT_EQ(f.estimate_of_next(70 * us), 70 * us);
}

TEST(Estimates, AMovingAverageComesCloserByItsWeight) {
  Fixture f(1);
  f.use("estimator-ewma", SLEDGE_ESTIMATOR, "weight", 0.5);
  f.submit(0);
  f.run(100 * us);
  EXPECT_EQ(f.estimate_of_next(0), 100 * us);
  f.submit(0);
  f.run(200 * us);
  EXPECT_EQ(f.estimate_of_next(0), 150 * us);
}

TEST(Estimates, TheOracleAnswersTheTruthAndTheNoisyOneIsOffByItsErrorAtMost) {
  Fixture f(1);
  f.use("estimator-oracle", SLEDGE_ESTIMATOR);
  Request *r = f.engine->acquire();
  r->oracle_ns = 1234;
  ASSERT_EQ(f.engine->arrive(r, f.now_ns), Arrival::accepted);
  EXPECT_EQ(r->estimate_ns, 1234u);
  EXPECT_TRUE(f.engine->swap_estimator(plugin("estimator-noisy", SLEDGE_ESTIMATOR, "error", 0.25)));
  uint64_t low = UINT64_MAX;
  uint64_t high = 0;
  for (int i = 0; i < 1000; i++) {
    Request *noisy = f.engine->acquire();
    noisy->oracle_ns = 1'000'000;
    ASSERT_EQ(f.engine->arrive(noisy, f.now_ns), Arrival::accepted);
    low = std::min(low, noisy->estimate_ns);
    high = std::max(high, noisy->estimate_ns);
  }
  EXPECT_GE(low, 750'000u);
  EXPECT_LT(low, 800'000u);
  EXPECT_LE(high, 1'250'000u);
  EXPECT_GT(high, 1'200'000u);
}

TEST(Estimates, ARequestThatOutrunsItsEstimateLooksNeitherFreeNorEndless) {
  Fixture f(1);
  Request *r = nullptr;
  f.submit(0, &r, 100 * us);
  ASSERT_EQ(f.engine->next(0, f.now_ns), r);
  f.engine->should_leave(0, f.now_ns + 60 * us);
  EXPECT_EQ(r->remaining_ns, 40 * us);
  f.engine->should_leave(0, f.now_ns + 100 * us);
  EXPECT_EQ(r->remaining_ns, 100 * us);
  f.engine->should_leave(0, f.now_ns + 350 * us);
  EXPECT_EQ(r->remaining_ns, 50 * us);
}

TEST(Admission, UtilisationPromisesItsShareAndTakesItBackAtEachEnd) {
  Fixture f(1);
  f.use("admission-utilisation", SLEDGE_ADMISSION, "capacity", 0.8);
  Request *cancelled = nullptr;
  for (int i = 0; i < 8; i++)
    EXPECT_EQ(f.submit(1000 * us, &cancelled), Arrival::accepted); // 0.1 of the worker each
  Request *refused = nullptr;
  EXPECT_EQ(f.submit(1000 * us, &refused), Arrival::not_admitted);
  EXPECT_EQ(refused->retry_after_ns, 100 * us);
  f.engine->release(refused);
  EXPECT_EQ(f.submit(0), Arrival::accepted); // no deadline, no share
  f.run(100 * us);
  EXPECT_EQ(f.submit(1000 * us), Arrival::accepted);
  f.engine->remove(cancelled, SLEDGE_REMOVED_CANCELLED, f.now_ns);
  EXPECT_EQ(f.submit(1000 * us), Arrival::accepted);
  EXPECT_EQ(f.submit(1000 * us), Arrival::not_admitted);
  EXPECT_EQ(f.engine->counters().not_admitted, 2u);
}

TEST(Admission, UtilisationLetsInOneThatIsTooLargeWhenNothingElseIsThere) {
  Fixture f(1);
  f.use("admission-utilisation", SLEDGE_ADMISSION);
  EXPECT_EQ(f.submit(10 * us), Arrival::accepted);
  EXPECT_EQ(f.submit(10 * us), Arrival::not_admitted);
}

TEST(Admission, DeadlineRefusesWhatCannotBeInTimeBehindWhatRunsBeforeIt) {
  Fixture f(1);
  f.use("admission-deadline", SLEDGE_ADMISSION);
  EXPECT_EQ(f.submit(150 * us), Arrival::accepted);
  Request *refused = nullptr;
  EXPECT_EQ(f.submit(180 * us, &refused), Arrival::not_admitted); // needs 200
  EXPECT_EQ(refused->retry_after_ns, 20 * us);
  EXPECT_EQ(f.submit(200 * us), Arrival::accepted);
  EXPECT_EQ(f.submit(100 * us), Arrival::accepted); // earlier than both: goes first
  EXPECT_EQ(f.submit(0), Arrival::accepted);
}

TEST(Admission, DeadlineLooksAtEveryWorkerBeforeItRefuses) {
  Fixture f(4);
  f.use("admission-deadline", SLEDGE_ADMISSION);
  EXPECT_EQ(f.submit(100 * us), Arrival::accepted); // type 0: worker 0
  EXPECT_EQ(f.submit(100 * us), Arrival::accepted); // the others are free
}

TEST(Admission, DeadlineCountsWhatTheDispatcherHolds) {
  ScriptedScheduler scheduler = edf();
  auto engine = make_engine(workers(1), plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                            scheduler.instance());
  EXPECT_FALSE(engine->swap_admission(plugin("admission-deadline", SLEDGE_ADMISSION)));
  ASSERT_NE(arrive(*engine, 0, 0, 100 * us, 1000 * us), nullptr);
  ASSERT_NE(engine->next(0, 0), nullptr);
  ASSERT_NE(arrive(*engine, 0, 0, 100 * us, 1000 * us), nullptr); // held
  EXPECT_EQ(arrive(*engine, 0, 0, 100 * us, 199 * us), nullptr);
  EXPECT_NE(arrive(*engine, 0, 0, 100 * us, 200 * us), nullptr);
}

TEST(Admission, DeadlineLeavesTimeForTheAnswerUpToAShareOfTheDeadline) {
  Fixture f(1);
  f.use("admission-deadline", SLEDGE_ADMISSION);
  f.reply_ns = 50 * us;
  Request *refused = nullptr;
  EXPECT_EQ(f.submit(149 * us, &refused), Arrival::not_admitted);
  EXPECT_EQ(refused->retry_after_ns, 1 * us);
  EXPECT_EQ(f.submit(150 * us), Arrival::accepted);
  f.run(100 * us);
  f.reply_ns =
      10'000 * us; // at most half of it, so that somebody gets in and is seen to be in time
  EXPECT_EQ(f.submit(200 * us), Arrival::accepted);
}

TEST(Admission, ASwapLeavesNoDebtsToTheNewPolicy) {
  Fixture f(1);
  f.use("admission-utilisation", SLEDGE_ADMISSION);
  for (int i = 0; i < 8; i++)
    EXPECT_EQ(f.submit(1000 * us), Arrival::accepted);
  EXPECT_TRUE(f.engine->swap_admission(plugin("admission-utilisation", SLEDGE_ADMISSION)));
  for (int i = 0; i < 8; i++)
    EXPECT_EQ(f.submit(1000 * us), Arrival::accepted);
  for (int i = 0; i < 8; i++)
    f.run(10 * us); // those of the old policy give nothing back to the new one
  EXPECT_EQ(f.submit(1000 * us), Arrival::not_admitted);
}

} // namespace
} // namespace sledge::test
