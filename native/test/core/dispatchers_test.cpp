// The built-in dispatchers that place requests at arrival, as loaded from their shared objects.
#include <gtest/gtest.h>

#include <random>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

class Dispatcher : public testing::Test {
 protected:
  void use(const std::string &name, uint32_t workers, const std::string &scheduler = "sched-fifo",
           bool interrupting = false, uint32_t queue_length_max = 8) {
    EngineConfig config;
    config.worker_count = workers;
    config.request_count_max = 256;
    config.queue_length_max = queue_length_max;
    PolicyInstance dispatcher = interrupting ? plugin(name, SLEDGE_DISPATCHER, "interrupts", 1)
                                             : plugin(name, SLEDGE_DISPATCHER);
    engine = make_engine(config, std::move(dispatcher), plugin(scheduler, SLEDGE_SCHEDULER));
  }
  /// Arrives and starts whatever can start; the worker it went to.
  uint32_t place(uint64_t now_ns, uint64_t estimate_ns = 1000,
                 uint64_t deadline_ns = SLEDGE_NO_DEADLINE) {
    Request *r = arrive(*engine, now_ns, 0, estimate_ns, deadline_ns);
    if (r == nullptr)
      return SLEDGE_NO_WORKER;
    interrupts.clear();
    for (const Action &action : actions(*engine)) {
      if (action.kind == ActionKind::interrupt)
        interrupts.push_back(action.worker);
      if (action.kind == ActionKind::wake)
        engine->next(action.worker, now_ns);
    }
    return r->worker;
  }
  std::unique_ptr<Engine> engine;
  std::vector<uint32_t> interrupts;
};

TEST_F(Dispatcher, RoundRobinTakesEachWorkerInTurnWhateverItDoes) {
  use("dispatch-rr", 3);
  for (uint32_t i = 0; i < 9; i++)
    EXPECT_EQ(place(0, i == 0 ? 1'000'000 : 1), i % 3);
  for (int i = 0; i < 3; i++) {
    engine->finish(1, 1);
    engine->next(1, 1);
  }
  EXPECT_EQ(place(1), 0u); // worker 1 idles
}

TEST_F(Dispatcher, RoundRobinPassesOverAFullQueueAndRefusesWhenAllAreFull) {
  use("dispatch-rr", 2, "sched-fifo", false, 1);
  EXPECT_EQ(place(0), 0u);
  EXPECT_EQ(place(0), 1u);
  EXPECT_EQ(place(0), 0u);
  EXPECT_EQ(place(0), 1u);
  engine->finish(1, 1);
  engine->next(1, 1); // worker 1 has room for one, worker 0 has none
  EXPECT_EQ(place(1), 1u);
  EXPECT_EQ(place(1), SLEDGE_NO_WORKER);
  EXPECT_EQ(engine->counters().refused, 1u);
}

TEST_F(Dispatcher, RoundRobinInterruptsOnlyIfTold) {
  for (const bool interrupting : {false, true}) {
    use("dispatch-rr", 1, "sched-edf", interrupting);
    place(0, 1000, 90'000);
    place(0, 1000, 50'000);
    EXPECT_EQ(interrupts.size(), interrupting ? 1u : 0u);
  }
}

TEST_F(Dispatcher, ShortestQueueCountsRequestsTheRunningOneIncluded) {
  use("dispatch-jsq", 3);
  EXPECT_EQ(place(0, 1'000'000), 0u);
  EXPECT_EQ(place(0), 1u);
  EXPECT_EQ(place(0), 2u);
  EXPECT_EQ(place(0), 0u); // all have one: the rotation decides, not the work
  EXPECT_EQ(place(0), 1u);
  engine->finish(1, 1);
  engine->next(1, 1); // 2, 1, 1
  EXPECT_EQ(place(1), 2u);
  EXPECT_EQ(place(1), 1u);
}

TEST_F(Dispatcher, LeastLoadedCountsExpectedWorkAndTakesOffWhatHasRun) {
  use("dispatch-lld", 3);
  EXPECT_EQ(place(0, 9'000), 0u);
  EXPECT_EQ(place(0, 3'000), 1u);
  EXPECT_EQ(place(0, 5'000), 2u);
  EXPECT_EQ(place(0, 1'000), 1u);     // 9, 4, 5
  EXPECT_EQ(place(0, 2'000), 1u);     // 9, 6, 5
  EXPECT_EQ(place(4'000, 1'000), 2u); // 5, 3 (its running one has overrun: 1 ns left), 1
}

TEST_F(Dispatcher, ShortestQueueWithInterruptsPrefersWorkersThatGiveWay) {
  use("dispatch-jsq", 2, "sched-edf", true);
  EXPECT_EQ(place(0, 1000, 10'000), 0u);
  EXPECT_EQ(place(0, 1000, 90'000), 1u);
  EXPECT_EQ(place(0, 1000, 95'000), 0u);
  EXPECT_EQ(place(0, 1000, 96'000), 1u);
  EXPECT_EQ(place(0, 1000, 97'000), 0u); // 3 on worker 0, 2 on worker 1
  EXPECT_EQ(place(0, 1000, 50'000), 1u);
  EXPECT_EQ(interrupts, std::vector<uint32_t>{1});
}

TEST_F(Dispatcher, EdfInterruptTakesAnIdleWorkerBeforeOneThatGivesWay) {
  use("dispatch-edf-interrupt", 2, "sched-edf");
  EXPECT_EQ(place(0, 1000, 90'000), 0u);
  EXPECT_EQ(place(0, 1000, 10'000), 1u);
  EXPECT_TRUE(interrupts.empty());
}

TEST_F(Dispatcher, EdfInterruptTakesTheLeastLoadedOfThoseThatGiveWay) {
  use("dispatch-edf-interrupt", 3, "sched-edf");
  EXPECT_EQ(place(0, 8'000, 90'000), 0u);
  EXPECT_EQ(place(0, 5'000, 90'000), 1u);
  EXPECT_EQ(place(0, 1'000, 20'000), 2u);
  EXPECT_EQ(place(0, 1'000, 30'000), 1u); // worker 2 would not give way
  EXPECT_EQ(interrupts, std::vector<uint32_t>{1});
}

TEST_F(Dispatcher, EdfInterruptTakesTheLeastWorkBeforeTheDeadlineWhenNoneGivesWay) {
  use("dispatch-edf-interrupt", 2, "sched-edf");
  EXPECT_EQ(place(0, 4'000, 10'000), 0u);
  EXPECT_EQ(place(0, 5'000, 10'000), 1u);
  EXPECT_EQ(place(0, 7'000, 60'000), 0u); // 4 before it there, 5 on worker 1
  EXPECT_EQ(place(0, 2'000, 40'000), 0u); // still 4 before it: what is due later does not count
  EXPECT_EQ(place(0, 2'000, 50'000), 1u); // 6 before it on worker 0
  EXPECT_TRUE(interrupts.empty());
}

/// Share of short requests, one in two among long ones at load 0.6 on 4 workers, that are late.
double miss_rate(const std::string &dispatcher, bool interrupts) {
  EngineConfig config;
  config.worker_count = 4;
  config.request_count_max = 1 << 14;
  config.queue_length_max = 1 << 14;
  auto engine =
      make_engine(config, plugin(dispatcher, SLEDGE_DISPATCHER, interrupts ? "interrupts" : "", 1),
                  plugin("sched-edf", SLEDGE_SCHEDULER));
  VirtualTime time(*engine);
  uint64_t missed = 0;
  time.on_finish = [&](const Request &r, uint64_t now_ns) {
    if (now_ns > r.deadline_ns)
      missed++;
  };
  std::mt19937_64 random(17);
  std::exponential_distribution<double> gap(0.6 * 4 / 250'000.0);
  double at_ns = 0;
  uint64_t left = 20'000;
  time.run([&](Job &job) {
    if (left-- == 0)
      return false;
    at_ns += gap(random);
    const uint64_t service_ns = random() % 2 == 0 ? 5'000 : 495'000;
    const auto now_ns = static_cast<uint64_t>(at_ns);
    job = {now_ns, service_ns, now_ns + 10 * service_ns, 0};
    return true;
  });
  EXPECT_EQ(time.finished(), 20'000u);
  EXPECT_TRUE(engine->consistent());
  return static_cast<double>(missed) / 20'000;
}

TEST_F(Dispatcher, EdfInterruptMissesFewerDeadlinesThanAnyThatDoesNotInterrupt) {
  const double best = miss_rate("dispatch-edf-interrupt", false);
  EXPECT_LT(best, 0.001);
  for (const char *other : {"dispatch-rr", "dispatch-jsq", "dispatch-lld", "dispatch-global-queue"})
    EXPECT_GT(miss_rate(other, false), best + 0.01) << other;
}

TEST_F(Dispatcher, InterruptsMakeTheOthersMissFewer) {
  for (const char *other : {"dispatch-rr", "dispatch-jsq", "dispatch-lld"})
    EXPECT_LT(miss_rate(other, true), miss_rate(other, false) / 2) << other;
}

} // namespace
} // namespace sledge::test
