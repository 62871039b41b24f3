// What a dispatcher may ask of the engine, and what it may not do to it.
#include <gtest/gtest.h>

#include <random>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

TEST(EngineHost, TellsTheWaitBeforeARequestByTheWorkersOwnOrder) {
  ScriptedScheduler scheduler = edf();
  ScriptedDispatcher dispatcher;
  std::vector<uint64_t> waits;
  dispatcher.arrive = [&](sledge_request *r, sledge_workers *host) {
    waits.push_back(host->wait_ns(host, 0, r));
    host->assign(host, 0, r);
  };
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
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
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
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
    EXPECT_EQ(host->least_wait(host, 99, r), SLEDGE_NO_WORKER);
    EXPECT_EQ(host->least_work_yielding(host, 0, nullptr), SLEDGE_NO_WORKER);
    EXPECT_EQ(host->assign(host, 0, r), 1);
    EXPECT_EQ(host->assign(host, 0, r), 0);
    EXPECT_EQ(host->reject(host, r), 0);
  };
  auto engine = make_engine(small_config(1), dispatcher.instance(), scheduler.instance());
  EXPECT_NE(arrive(*engine, 0), nullptr);
  EXPECT_EQ(engine->counters().actions_ignored, 12u);
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
  auto engine = make_engine(small_config(2), dispatcher.instance(), scheduler.instance());
  arrive(*engine, 0, 0);
  waiting = arrive(*engine, 0, 0);
  engine->next(0, 1);
  EXPECT_EQ(engine->next(1, 1), waiting);
  EXPECT_TRUE(engine->consistent());
}

TEST(EngineHost, FindsTheNextIdleWorkerAroundTheEndOf200) {
  ScriptedScheduler scheduler = fifo();
  ScriptedDispatcher dispatcher = by_type(false);
  EngineConfig config = small_config(200);
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

/// What stands before r on its worker by deadline, summed from scratch over all that is alive.
uint64_t naive_wait_ns(const std::vector<sledge_request *> &alive, const sledge_request *r,
                       uint32_t worker) {
  uint64_t sum = 0;
  for (const sledge_request *other : alive) {
    const bool there = other != r && other->worker == worker;
    const bool before = other->deadline_ns != r->deadline_ns ? other->deadline_ns < r->deadline_ns
                                                             : other->id < r->id;
    const bool keeps =
        other->state == SLEDGE_REQUEST_RUNNING && r->deadline_ns >= other->deadline_ns;
    if (there && (other->state == SLEDGE_REQUEST_RUNNING ? keeps : before))
      sum += other->remaining_ns;
  }
  return sum;
}

/// That one question about all workers has the answer of all questions about one.
void expect_least(sledge_workers *host, const sledge_request *r) {
  const auto from = static_cast<uint32_t>(r->id % host->count);
  uint32_t waits = SLEDGE_NO_WORKER;
  uint32_t yields = SLEDGE_NO_WORKER;
  uint64_t least_wait_ns = UINT64_MAX;
  uint64_t least_work_ns = UINT64_MAX;
  for (uint32_t i = 0; i < host->count; i++) {
    const uint32_t w = (from + i) % host->count;
    const uint64_t wait_ns = host->wait_ns(host, w, r);
    waits = wait_ns < least_wait_ns ? w : waits;
    least_wait_ns = std::min(wait_ns, least_wait_ns);
    const uint64_t work_ns = host->at(host, w)->queued_work_ns;
    if (host->would_preempt(host, w, r) != 0 && work_ns < least_work_ns) {
      yields = w;
      least_work_ns = work_ns;
    }
  }
  ASSERT_EQ(host->least_wait(host, from, r), waits);
  ASSERT_EQ(host->least_work_yielding(host, from, r), yields);
}

TEST(EngineHost, TheWaitBeforeADeadlineNeverDriftsWhileEstimatesMoveAndRequestsArePreempted) {
  std::vector<sledge_request *> alive;
  uint64_t compared = 0;
  ScriptedDispatcher dispatcher;
  dispatcher.arrive = [&](sledge_request *r, sledge_workers *host) {
    for (uint32_t w = 0; w < host->count; w++) {
      const uint64_t wait_ns = host->wait_ns(host, w, r); // counts what runs up to now
      ASSERT_EQ(wait_ns, naive_wait_ns(alive, r, w)) << "request " << r->id;
      compared += wait_ns != 0 ? 1 : 0;
    }
    expect_least(host, r);
    const auto worker = static_cast<uint32_t>(r->id % host->count);
    if (host->assign(host, worker, r) == 0) {
      host->reject(host, r);
      return;
    }
    alive.push_back(r);
    if (const sledge_request *running = host->at(host, worker)->running)
      host->interrupt(host, worker, running->id);
  };
  dispatcher.completed = [&](const sledge_request *r, uint32_t, sledge_workers *) {
    std::erase(alive, r);
  };
  ScriptedScheduler deadlines = edf();
  EngineConfig config;
  config.worker_count = 3;
  config.request_count_max = 512;
  auto engine = make_engine(config, dispatcher.instance(), deadlines.instance());
  engine->swap_estimator(plugin("estimator-ewma", SLEDGE_ESTIMATOR));
  VirtualTime time(*engine);
  std::mt19937_64 random(8);
  uint64_t now_ns = 0;
  uint64_t left = 30'000;
  time.run([&](Job &job) {
    if (left-- == 0)
      return false;
    now_ns += random() % 7'000;
    job = {now_ns, 1 + random() % 20'000, now_ns + random() % 100'000,
           static_cast<uint32_t>(random() % 3)};
    return true;
  });
  EXPECT_GT(compared, 10'000u);
  EXPECT_GT(engine->counters().preemptions, 1'000u);
}

} // namespace
} // namespace sledge::test
