// The engine in virtual time against queueing theory, with fixed seeds: what the formulas say of
// an M/M/c queue, of work conservation and of optimal orders must come out of the very code that
// serves requests.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "test_policies.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

constexpr double mean_service_ns = 10'000;

/// Poisson arrivals with exponential service times.
struct Markov {
  Markov(uint64_t seed, double load, uint32_t workers, uint64_t jobs)
      : random(seed), gap(load * workers / mean_service_ns), service(1 / mean_service_ns),
        left(jobs) {}
  bool operator()(Job &job) {
    if (left-- == 0)
      return false;
    clock_ns += gap(random);
    job.arrival_ns = static_cast<uint64_t>(clock_ns);
    job.service_ns = 1 + static_cast<uint64_t>(service(random));
    work_ns += job.service_ns;
    return true;
  }
  std::mt19937_64 random;
  std::exponential_distribution<double> gap;
  std::exponential_distribution<double> service;
  uint64_t left;
  double clock_ns = 0;
  uint64_t work_ns = 0;
};

std::unique_ptr<Engine> queue_of(uint32_t workers, PolicyInstance dispatcher,
                                 PolicyInstance scheduler) {
  EngineConfig config;
  config.worker_count = workers;
  config.request_count_max = 1 << 16;
  config.queue_length_max = 1 << 16;
  return make_engine(config, std::move(dispatcher), std::move(scheduler));
}

double mean_sojourn_ns(Engine &engine, Markov jobs) {
  VirtualTime time(engine);
  double sum_ns = 0;
  time.on_finish = [&](const Request &r, uint64_t now_ns) {
    sum_ns += static_cast<double>(now_ns - r.arrival_ns);
  };
  time.run([&](Job &job) { return jobs(job); });
  EXPECT_EQ(time.refused(), 0u);
  EXPECT_EQ(time.busy_ns(), jobs.work_ns);
  return sum_ns / static_cast<double>(time.finished());
}

double erlang_c(uint32_t workers, double offered) {
  double term = 1;
  double sum = 1;
  for (uint32_t k = 1; k < workers; k++)
    sum += term *= offered / k;
  term *= offered / workers;
  const double waiting = term / (1 - offered / workers);
  return waiting / (sum + waiting);
}

double theory_ns(uint32_t workers, double load) {
  const double wait = erlang_c(workers, load * workers) / (workers * (1 - load));
  return mean_service_ns * (1 + wait);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t short_job_count = 20'000; // a tenth, so that these builds are about as fast
constexpr double tolerance = 0.08;
#else
constexpr uint64_t short_job_count = 200'000;
constexpr double tolerance = 0.02;
#endif

uint64_t job_count() {
  return long_form() ? 2'000'000 : short_job_count;
}

TEST(Theory, MeanSojournOfTheGlobalQueueIsThatOfMMc) {
  for (const uint32_t workers : {1u, 4u}) {
    for (const double load : {0.5, 0.7}) {
      double mean = 0;
      const int seeds = 4;
      for (uint64_t seed = 1; seed <= seeds; seed++) {
        auto engine = queue_of(workers, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                               plugin("sched-fifo", SLEDGE_SCHEDULER));
        mean += mean_sojourn_ns(*engine, Markov(seed, load, workers, job_count())) / seeds;
      }
      const double expected = theory_ns(workers, load);
      EXPECT_NEAR(mean / expected, 1, tolerance) << workers << " workers at load " << load;
    }
  }
}

TEST(Theory, ASmallQuantumComesCloseToProcessorSharingWhoseMeanIsThatOfMM1) {
  double mean = 0;
  const int seeds = 4;
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    auto engine = queue_of(1, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                           plugin("sched-fifo", SLEDGE_SCHEDULER, "quantumUs", 0.5));
    mean += mean_sojourn_ns(*engine, Markov(seed, 0.7, 1, job_count() / 2)) / seeds;
    EXPECT_GT(engine->counters().quantum_ends, job_count());
  }
  EXPECT_NEAR(mean / theory_ns(1, 0.7), 1, 1.5 * tolerance);
}

TEST(Theory, NoWorkerIdlesWhileTheGlobalQueueHoldsWork) {
  auto engine = queue_of(4, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                         plugin("sched-fifo", SLEDGE_SCHEDULER));
  Markov jobs(5, 0.9, 4, 50'000);
  VirtualTime time(*engine);
  time.after_event = [&](uint64_t) {
    const EngineCounters &c = engine->counters();
    ASSERT_TRUE(c.held + c.queued == 0 || c.running == 4);
  };
  time.run([&](Job &job) { return jobs(job); });
  EXPECT_EQ(time.finished(), 50'000u);
}

TEST(Theory, ShortestRemainingTimeBeatsFifoAndMeetsItsKnownMean) {
  ScriptedDispatcher dispatcher = by_type(true);
  ScriptedScheduler shortest = shortest_remaining();
  auto engine = queue_of(1, dispatcher.instance(), shortest.instance());
  double mean = 0;
  for (uint64_t seed = 1; seed <= 4; seed++)
    mean += mean_sojourn_ns(*queue_of(1, dispatcher.instance(), shortest.instance()),
                            Markov(seed, 0.7, 1, job_count())) /
            4;
  // Schrage and Miller's integral for M/M/1, mean 1, load 0.7, evaluated numerically.
  const double load = 0.7;
  double expected = 0;
  const double dx = 0.001;
  double residence = 0;
  for (double x = dx / 2; x < 30; x += dx) {
    const double below = load * (1 - std::exp(-x) * (1 + x));
    residence += dx / 2 / (1 - below);
    const double square = load * (2 - std::exp(-x) * (x * x + 2 * x + 2));
    const double waiting = (square + load * x * x * std::exp(-x)) / 2 / (1 - below) / (1 - below);
    expected += (waiting + residence) * std::exp(-x) * dx;
    residence += dx / 2 / (1 - below);
  }
  EXPECT_NEAR(mean / (expected * mean_service_ns), 1, tolerance);
  EXPECT_LT(mean, theory_ns(1, 0.7));
}

TEST(Theory, EarliestDeadlineFirstMeetsEveryDeadlineUpToFullUtilisation) {
  ScriptedDispatcher dispatcher = by_type(true);
  ScriptedScheduler deadlines = edf();
  for (uint64_t seed = 1; seed <= 50; seed++) {
    std::mt19937_64 random(seed);
    std::vector<Job> jobs;
    const uint64_t tasks = 2 + random() % 4;
    for (uint64_t task = 0; task < tasks; task++) { // utilisation 1 / tasks each
      const uint64_t service_ns = 100 + random() % 1000;
      const uint64_t period_ns = service_ns * tasks;
      for (uint64_t at = random() % period_ns; at < 200'000;
           at += period_ns + random() % (seed % 2 == 0 ? 1 : period_ns))
        jobs.push_back({at, service_ns, at + period_ns, 0});
    }
    std::sort(jobs.begin(), jobs.end(),
              [](const Job &a, const Job &b) { return a.arrival_ns < b.arrival_ns; });
    auto engine = queue_of(1, dispatcher.instance(), deadlines.instance());
    VirtualTime time(*engine);
    time.on_finish = [&](const Request &r, uint64_t now_ns) {
      ASSERT_LE(now_ns, r.deadline_ns) << "seed " << seed;
    };
    size_t at = 0;
    time.run([&](Job &job) {
      if (at == jobs.size())
        return false;
      job = jobs[at++];
      return true;
    });
    EXPECT_EQ(time.finished(), jobs.size());
  }
}

TEST(Theory, OverdueWorkGetsItsShareAndNoMoreWhileOnTimeWorkWaits) {
  ScriptedDispatcher dispatcher = by_type(true);
  ScriptedScheduler deadlines = edf(true);
  deadlines.overdue_share_ppm = 100'000;
  EngineConfig config;
  config.request_count_max = 4096;
  config.queue_length_max = 4096;
  auto engine = make_engine(config, dispatcher.instance(), deadlines.instance());
  VirtualTime time(*engine);
  uint64_t overdue_done_ns = 0;
  time.on_finish = [&](const Request &r, uint64_t now_ns) {
    if (r.deadline_ns == 1)
      overdue_done_ns = now_ns;
  };
  // One overdue job of 1 ms, and on-time work without a gap: 20 ms in jobs of 5 us.
  std::vector<Job> jobs = {{0, 5'000, 1ull << 40, 0}, {10, 1'000'000, 1, 0}};
  for (uint64_t i = 1; i < 4000; i++)
    jobs.push_back({10, 5'000, (1ull << 40) + i, 0});
  size_t at = 0;
  time.run([&](Job &job) {
    if (at == jobs.size())
      return false;
    job = jobs[at++];
    return true;
  });
  EXPECT_EQ(time.finished(), jobs.size());
  EXPECT_NEAR(static_cast<double>(overdue_done_ns) / 1e7, 1, 0.05); // 1 ms at a tenth: 10 ms
}

TEST(Theory, TheSameSeedGivesTheSameRun) {
  std::vector<uint64_t> ends[2];
  for (auto &run : ends) {
    auto engine = queue_of(3, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                           plugin("sched-fifo", SLEDGE_SCHEDULER, "quantumUs", 7));
    Markov jobs(11, 0.8, 3, 5'000);
    VirtualTime time(*engine);
    time.on_finish = [&](const Request &r, uint64_t now_ns) {
      run.push_back(r.id);
      run.push_back(now_ns);
    };
    time.run([&](Job &job) { return jobs(job); });
  }
  EXPECT_EQ(ends[0], ends[1]);
}

} // namespace
} // namespace sledge::test
