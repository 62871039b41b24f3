// dispatch-darc as loaded from its shared object: reserved by hand, and by its own profile.
#include <gtest/gtest.h>

#include <random>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

PolicyInstance darc(std::vector<PolicyOption> options, uint32_t workers) {
  PolicyConfig config;
  config.options = std::move(options);
  config.worker_count = workers;
  PolicyError error;
  PolicyInstance policy =
      load_policy(library_of("dispatch-darc"), SLEDGE_DISPATCHER, config, error);
  EXPECT_TRUE(policy) << error.reason;
  return policy;
}

PolicyInstance by_hand(const std::string &reserved, uint32_t workers) {
  return darc({{"reservation", 0, "by-hand", true}, {"reserved", 0, reserved, true}}, workers);
}

PolicyInstance profiled(uint64_t window, uint32_t workers) {
  return darc({{"reservation", 0, "profiled", true},
               {"windowRequests", static_cast<double>(window), "", false}},
              workers);
}

class Darc : public testing::Test {
 protected:
  void use(uint32_t workers, PolicyInstance dispatcher) {
    EngineConfig config;
    config.worker_count = workers;
    config.request_count_max = 256;
    engine = make_engine(config, std::move(dispatcher), plugin("sched-fifo", SLEDGE_SCHEDULER));
  }
  /// The worker that runs it at once, or SLEDGE_NO_WORKER: it waits.
  uint32_t come(uint64_t now_ns, uint32_t type, uint32_t group) {
    Request *r = engine->acquire();
    r->type = type;
    r->group = group;
    r->arrival_ns = now_ns;
    EXPECT_EQ(engine->arrive(r, now_ns), Arrival::accepted);
    for (const Action &action : actions(*engine))
      engine->next(action.worker, now_ns);
    return r->place == Place::running ? r->worker : SLEDGE_NO_WORKER;
  }
  /// The type that the worker runs next, or -1.
  int finish(uint32_t worker, uint64_t now_ns) {
    Request *ended = engine->finish(worker, now_ns);
    EXPECT_NE(ended, nullptr) << "worker " << worker << " runs nothing";
    if (ended == nullptr)
      return -1;
    engine->release(ended);
    Request *next = engine->next(worker, now_ns);
    for (const Action &action : actions(*engine))
      engine->next(action.worker, now_ns);
    return next != nullptr ? static_cast<int>(next->type) : -1;
  }
  std::unique_ptr<Engine> engine;
};

TEST_F(Darc, ByHandAGroupUsesItsOwnWorkersFirstAndThenThoseOfTheGroupsBehind) {
  use(4, by_hand("1,2", 4));
  EXPECT_EQ(come(0, 0, 0), 0u);
  EXPECT_EQ(come(0, 0, 0), 1u); // group 1's
  EXPECT_EQ(come(0, 1, 1), 2u);
  EXPECT_EQ(come(0, 0, 0), 3u); // nobody's
  EXPECT_EQ(come(0, 0, 0), SLEDGE_NO_WORKER);
}

TEST_F(Darc, ByHandAGroupNeverUsesTheWorkersOfThoseBefore) {
  use(3, by_hand("2,1", 3));
  EXPECT_EQ(come(0, 7, 1), 2u);
  EXPECT_EQ(come(0, 7, 1), SLEDGE_NO_WORKER); // workers 0 and 1 idle, and stay so
  EXPECT_EQ(come(0, 3, 0), 0u);
  EXPECT_EQ(finish(0, 1), -1);
  EXPECT_EQ(finish(2, 2), 7);
}

TEST_F(Darc, ByHandAFreeWorkerTakesTheFirstGroupThatMayUseItInOrderOfArrival) {
  use(2, by_hand("1,1", 2));
  come(0, 0, 0);
  come(0, 1, 1);
  come(1, 2, 1);
  come(2, 3, 1);
  come(3, 5, 0);
  come(4, 4, 0);
  EXPECT_EQ(finish(1, 9), 5);
  EXPECT_EQ(finish(1, 10), 4);
  EXPECT_EQ(finish(1, 11), 2);
  EXPECT_EQ(finish(0, 11), -1);
  EXPECT_EQ(finish(1, 12), 3);
}

TEST_F(Darc, ByHandAGroupForWhichNoWorkerIsLeftHasTheLastOne) {
  use(2, by_hand("2,1", 2));
  EXPECT_EQ(come(0, 0, 1), 1u);
  EXPECT_EQ(come(0, 0, 9), SLEDGE_NO_WORKER);
  EXPECT_EQ(come(0, 1, 0), 0u);
}

TEST_F(Darc, RefusesAReservationThatIsNoListOfNumbers) {
  PolicyConfig config;
  config.options = {{"reserved", 0, "1,two", true}};
  PolicyError error;
  EXPECT_FALSE(load_policy(SLEDGE_PLUGIN_BUILD_DIR "/dispatch-darc/dispatch-darc.so",
                           SLEDGE_DISPATCHER, config, error));
  EXPECT_EQ(error.reason, "reserved is not a list of numbers");
}

TEST_F(Darc, ForgetsWhatIsCancelledWhileItWaits) {
  use(1, by_hand("1", 1));
  come(0, 0, 0);
  Request *gone = arrive(*engine, 1, 4);
  come(2, 4, 0);
  EXPECT_TRUE(engine->remove(gone, SLEDGE_REMOVED_CANCELLED, 3));
  engine->release(gone);
  EXPECT_EQ(finish(0, 4), 4);
  EXPECT_EQ(finish(0, 5), -1);
}

/// Runs `count` requests of each type alone, so that the profile knows them.
void learn(Engine &engine, uint64_t &now_ns, const std::vector<uint64_t> &service_ns, int count) {
  for (int i = 0; i < count; i++) {
    for (uint32_t type = 0; type < service_ns.size(); type++) {
      Request *r = arrive(engine, now_ns, type);
      for (const Action &action : actions(engine))
        engine.next(action.worker, now_ns);
      now_ns += service_ns[type];
      const uint32_t worker = r->worker;
      engine.release(engine.finish(worker, now_ns));
      engine.next(worker, now_ns);
      actions(engine);
    }
  }
}

TEST_F(Darc, UntilTheFirstWindowHasEndedAllWorkersServeAllInOrderOfArrival) {
  use(2, profiled(100, 2));
  EXPECT_EQ(come(0, 1, 0), 0u);
  EXPECT_EQ(come(0, 1, 0), 1u);
  come(1, 1, 0);
  come(2, 0, 0);
  EXPECT_EQ(finish(0, 3), 1);
}

TEST_F(Darc, ReservesWorkersByTheDemandOfTypesWhoseServiceTimesAreAlike) {
  use(4, profiled(40, 4));
  uint64_t now_ns = 0;
  // Types 2 and 0 are alike (1 and 1.5 us), type 1 is long: 100 us. Their demand is 2.4 % and
  // 97.6 %: one worker, since each group has at least one, and the other three.
  learn(*engine, now_ns, {1'000, 100'000, 1'500}, 14);
  EXPECT_EQ(come(now_ns, 1, 0), 1u);
  EXPECT_EQ(come(now_ns, 1, 0), 2u);
  EXPECT_EQ(come(now_ns, 1, 0), 3u);
  EXPECT_EQ(come(now_ns, 1, 0), SLEDGE_NO_WORKER); // worker 0 waits for short ones
  EXPECT_EQ(come(now_ns, 0, 0), 0u);
  EXPECT_EQ(come(now_ns, 2, 0), SLEDGE_NO_WORKER);
  EXPECT_EQ(finish(3, now_ns + 1), 2); // a worker of the long ones is stolen for a short one
}

TEST_F(Darc, ATypeThatTheProfileDoesNotKnowHasTheLastWorkerBehindAllOthers) {
  use(3, profiled(20, 3));
  uint64_t now_ns = 0;
  learn(*engine, now_ns, {1'000, 100'000}, 10);
  EXPECT_EQ(come(now_ns, 9, 0), 2u);
  EXPECT_EQ(come(now_ns, 9, 0), SLEDGE_NO_WORKER);
}

TEST_F(Darc, AShiftOfDemandThatMakesRequestsWaitChangesTheReservation) {
  use(4, profiled(40, 4));
  uint64_t now_ns = 0;
  learn(*engine, now_ns, {1'000, 100'000}, 20);
  EXPECT_EQ(come(now_ns, 1, 0), 1u); // one for type 0, three for type 1
  finish(1, now_ns += 100'000);
  // Now the first type takes as long and comes far more often; one of them waits long.
  for (int i = 0; i < 5; i++)
    come(now_ns, 0, 0);
  now_ns += 90'000;
  for (const uint32_t worker : {0u, 1u, 2u, 3u, 0u})
    if (engine->running(worker) != nullptr)
      finish(worker, now_ns);
  learn(*engine, now_ns, {90'000}, 40);
  // Types of 90 and 100 us are alike: one group, and all workers are everybody's.
  for (const uint32_t worker : {0u, 1u, 2u, 3u})
    EXPECT_EQ(come(now_ns, 1, 0), worker);
}

/// 99.9th percentile of the time of short requests, 1 us, beside 0.5 % of 500 us, at load 0.7, once
/// the first window is over.
double short_sojourn_us(PolicyInstance dispatcher) {
  EngineConfig config;
  config.worker_count = 8;
  config.request_count_max = 1 << 14;
  auto engine = make_engine(config, std::move(dispatcher), plugin("sched-fifo", SLEDGE_SCHEDULER));
  VirtualTime time(*engine);
  std::vector<double> times_us;
  time.on_finish = [&](const Request &r, uint64_t now_ns) {
    if (r.type == 0 && r.id > 5'000)
      times_us.push_back(static_cast<double>(now_ns - r.arrival_ns) / 1'000);
  };
  std::mt19937_64 random(5);
  std::exponential_distribution<double> gap(0.7 * 8 / 3'495.0);
  double at_ns = 0;
  uint64_t left = 40'000;
  time.run([&](Job &job) {
    if (left-- == 0)
      return false;
    at_ns += gap(random);
    const uint32_t type = random() % 200 == 0 ? 1 : 0;
    job = {static_cast<uint64_t>(at_ns), type == 0 ? 1'000u : 500'000u, SLEDGE_NO_DEADLINE, type};
    return true;
  });
  EXPECT_EQ(time.finished(), 40'000u);
  EXPECT_TRUE(engine->consistent());
  std::sort(times_us.begin(), times_us.end());
  return times_us[times_us.size() * 999 / 1000];
}

TEST_F(Darc, ProfiledKeepsShortRequestsShortBesideLongOnesWithoutPreemption) {
  const double first_come = short_sojourn_us(plugin("dispatch-global-queue", SLEDGE_DISPATCHER));
  EXPECT_LT(short_sojourn_us(profiled(2'000, 8)), first_come / 4);
}

} // namespace
} // namespace sledge::test
