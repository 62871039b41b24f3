// What theory promises of the shipped policies on one worker that is preempted at no cost: EDF
// meets every deadline that can be met, SRPT has the smallest mean sojourn time.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "combinations.hpp"
#include "virtual_time.hpp"

namespace sledge::test {
namespace {

struct Task {
  uint64_t service_ns;
  uint64_t period_ns; ///< least time between two arrivals
  uint64_t deadline_ns;
};

/// Sums of ratios in units of 2^-40, rounded up: at most 2^40 means at most 1 for sure.
constexpr uint64_t one = 1ull << 40;

uint64_t utilisation(const std::vector<Task> &tasks) {
  uint64_t sum = 0;
  for (const Task &task : tasks)
    sum += (task.service_ns * one + task.period_ns - 1) / task.period_ns;
  return sum;
}

/// Work that must be done within the first t of the worst case.
uint64_t demand_ns(const std::vector<Task> &tasks, uint64_t t) {
  uint64_t sum = 0;
  for (const Task &task : tasks)
    if (t >= task.deadline_ns)
      sum += ((t - task.deadline_ns) / task.period_ns + 1) * task.service_ns;
  return sum;
}

/// Baruah, Rosier and Howell's test, at every deadline up to the bound of theirs.
bool passes_demand_bound_test(const std::vector<Task> &tasks) {
  const double load = static_cast<double>(utilisation(tasks)) / static_cast<double>(one);
  if (load >= 0.99)
    return false; // the bound would be long; such sets are those with deadline = period
  double bound = 0;
  for (const Task &task : tasks) {
    const double ratio = static_cast<double>(task.service_ns) / static_cast<double>(task.period_ns);
    bound += static_cast<double>(task.period_ns - task.deadline_ns) * ratio / (1 - load);
  }
  for (const Task &task : tasks)
    bound = std::max(bound, static_cast<double>(task.deadline_ns));
  for (const Task &task : tasks)
    for (uint64_t t = task.deadline_ns; t <= static_cast<uint64_t>(bound) + 1; t += task.period_ns)
      if (demand_ns(tasks, t) > t)
        return false;
  return true;
}

std::vector<Task> random_tasks(std::mt19937_64 &random, bool implicit) {
  std::vector<Task> tasks;
  const uint64_t count = 1 + random() % 8;
  uint64_t left = implicit ? one : one - one / 50;
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t share = i + 1 == count && implicit ? left : random() % (left / 2 + 1);
    const uint64_t period_ns = 100 + random() % 20'000;
    const uint64_t service_ns = share / 1024 * period_ns / (one / 1024);
    if (service_ns == 0)
      continue;
    const uint64_t spare_ns = period_ns - service_ns;
    const uint64_t deadline_ns = implicit ? period_ns : service_ns + random() % (spare_ns + 1);
    tasks.push_back({service_ns, period_ns, deadline_ns});
    left -= share;
  }
  return tasks;
}

/// Arrivals with gaps of at least the period: exactly it, or with pauses; all at once or not.
std::vector<Job> arrivals_of(const std::vector<Task> &tasks, std::mt19937_64 &random, bool worst) {
  std::vector<Job> jobs;
  for (const Task &task : tasks) {
    uint64_t at_ns = worst ? 0 : random() % task.period_ns;
    for (int i = 0; i < 40; i++) {
      jobs.push_back({at_ns, task.service_ns, at_ns + task.deadline_ns, 0});
      at_ns += task.period_ns + (worst || random() % 2 == 0 ? 0 : random() % task.period_ns);
    }
  }
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const Job &a, const Job &b) { return a.arrival_ns < b.arrival_ns; });
  return jobs;
}

template <typename OnFinish>
void run(Engine &engine, const std::vector<Job> &jobs, OnFinish on_finish) {
  VirtualTime time(engine);
  time.on_finish = on_finish;
  size_t at = 0;
  time.run([&](Job &job) {
    if (at == jobs.size())
      return false;
    job = jobs[at++];
    return true;
  });
  ASSERT_EQ(time.finished(), jobs.size());
}

std::unique_ptr<Engine> one_worker(const Variant &dispatcher, const Variant &scheduler) {
  EngineConfig config;
  config.request_count_max = 1 << 12;
  config.queue_length_max = 1 << 12;
  return make_engine(config, make_policy(dispatcher, SLEDGE_DISPATCHER, 1),
                     make_policy(scheduler, SLEDGE_SCHEDULER, 1));
}

uint64_t missed(const std::vector<Job> &jobs) {
  auto engine = one_worker({"dispatch-edf-interrupt", {}}, {"sched-edf", {}});
  uint64_t count = 0;
  run(*engine, jobs, [&](const Request &r, uint64_t now_ns) {
    if (now_ns > r.deadline_ns)
      count++;
  });
  return count;
}

int set_count() {
  return long_form() ? 5'000 : 300;
}

TEST(Optimality, EdfMeetsEveryDeadlineOfSporadicTasksUpToFullUtilisation) {
  std::printf("%d task sets\n", set_count());
  std::mt19937_64 random(1);
  uint64_t nearly_full = 0;
  for (int i = 0; i < set_count(); i++) {
    const std::vector<Task> tasks = random_tasks(random, true);
    ASSERT_LE(utilisation(tasks), one + 8); // each of at most 8 ratios is rounded up
    nearly_full += utilisation(tasks) > one * 99 / 100 ? 1 : 0;
    ASSERT_EQ(missed(arrivals_of(tasks, random, i % 2 == 0)), 0u) << "set " << i;
  }
  EXPECT_GT(nearly_full, static_cast<uint64_t>(set_count()) / 4);
}

TEST(Optimality, EdfMeetsEveryDeadlineOfTasksThatPassTheDemandBoundTest) {
  std::mt19937_64 random(2);
  int passed = 0;
  int failed = 0;
  int failed_and_missed = 0;
  while (passed < set_count()) {
    const std::vector<Task> tasks = random_tasks(random, false);
    if (passes_demand_bound_test(tasks)) {
      ASSERT_EQ(missed(arrivals_of(tasks, random, passed % 2 == 0)), 0u) << "set " << passed;
      passed++;
    } else if (failed < set_count()) {
      failed++;
      failed_and_missed += missed(arrivals_of(tasks, random, true)) > 0 ? 1 : 0;
    }
  }
  std::printf("%d task sets that pass, %d that do not\n", passed, failed);
  EXPECT_GT(failed, 0);
  EXPECT_GT(failed_and_missed * 10, failed * 9); // the test is tight: nearly all of these do miss
}

std::vector<Job> random_trace(std::mt19937_64 &random) {
  std::vector<Job> jobs;
  const double load = 0.3 + 0.1 * static_cast<double>(random() % 9);
  std::exponential_distribution<double> gap(load / 10'000);
  const bool bimodal = random() % 2 == 0;
  double at_ns = 0;
  for (int i = 0; i < 400; i++) {
    at_ns += gap(random);
    const uint64_t service_ns =
        bimodal ? (random() % 10 == 0 ? 91'000 : 1'000) : 1 + random() % 20'000;
    const auto now_ns = static_cast<uint64_t>(at_ns);
    const auto type = static_cast<uint32_t>(random() % 4);
    jobs.push_back({now_ns, service_ns, now_ns + random() % (20 * service_ns), type});
  }
  return jobs;
}

double mean_sojourn_ns(Engine &engine, const std::vector<Job> &jobs) {
  engine.swap_estimator(plugin("estimator-oracle", SLEDGE_ESTIMATOR));
  double sum_ns = 0;
  run(engine, jobs, [&](const Request &r, uint64_t now_ns) {
    sum_ns += static_cast<double>(now_ns - r.arrival_ns);
  });
  return sum_ns / static_cast<double>(jobs.size());
}

TEST(Optimality, PreemptiveSjfWithTrueEstimatesHasTheSmallestMeanSojournOfAllPolicies) {
  const int traces = long_form() ? 300 : 8;
  std::printf("%d traces\n", traces);
  std::mt19937_64 random(3);
  const Variant interrupting = {"dispatch-lld", {{"interrupts", 1, "", false}}};
  std::vector<int> worse(dispatcher_variants().size() * scheduler_variants().size());
  for (int i = 0; i < traces; i++) {
    const std::vector<Job> jobs = random_trace(random);
    const double best = mean_sojourn_ns(*one_worker(interrupting, {"sched-sjf", {}}), jobs);
    size_t at = 0;
    for (const Variant &dispatcher : dispatcher_variants()) {
      for (const Variant &scheduler : scheduler_variants()) {
        const double mean = mean_sojourn_ns(*one_worker(dispatcher, scheduler), jobs);
        EXPECT_LE(best, mean) << dispatcher.title() << " with " << scheduler.title();
        worse[at++] += mean > best ? 1 : 0;
      }
    }
  }
  size_t at = 0;
  for (const Variant &dispatcher : dispatcher_variants())
    for (const Variant &scheduler : scheduler_variants())
      EXPECT_TRUE(worse[at++] > 0 || is_srpt(dispatcher, scheduler))
          << dispatcher.title() << " with " << scheduler.title();
}

} // namespace
} // namespace sledge::test
