// Every dispatcher with every scheduler, preempted or not, in virtual time.
#include "combinations.hpp"

#include <random>

#include "virtual_time.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t job_count = 300;

uint64_t preemptions(const Variant &dispatcher, const Variant &scheduler, bool preemption) {
  EngineConfig config;
  config.worker_count = 3;
  config.request_count_max = 1 << 10;
  config.queue_length_max = 1 << 10;
  config.preemption = preemption;
  config.migration = true;
  auto engine = make_engine(config, make_policy(dispatcher, SLEDGE_DISPATCHER, 3),
                            make_policy(scheduler, SLEDGE_SCHEDULER, 3));
  VirtualTime time(*engine);
  uint64_t work_ns = 0;
  std::mt19937_64 random(9);
  std::exponential_distribution<double> gap(0.9 * 3 / 30'000.0);
  double at_ns = 0;
  uint64_t left = job_count;
  time.run([&](Job &job) {
    if (left-- == 0)
      return false;
    at_ns += gap(random);
    const auto now_ns = static_cast<uint64_t>(at_ns);
    const auto type = static_cast<uint32_t>(random() % 3);
    const uint64_t service_ns = type == 0 ? 80'000 : 5'000;
    work_ns += service_ns;
    job = {now_ns, service_ns, now_ns + 20 * service_ns, type};
    return true;
  });
  EXPECT_EQ(time.finished(), job_count);
  EXPECT_EQ(time.refused(), 0u);
  EXPECT_EQ(time.busy_ns(), work_ns);
  EXPECT_TRUE(engine->consistent());
  return engine->counters().preemptions;
}

/// 1: it preempts by its name; 0: nothing does; -1: overdue work may have to give way.
int preempts(const Variant &dispatcher, const Variant &scheduler) {
  if (dispatcher.name == "dispatch-shinjuku" || scheduler.has("quantumUs"))
    return 1;
  if (scheduler.name == "sched-fifo" || scheduler.has("preemption"))
    return 0;
  if (interrupts(dispatcher))
    return 1;
  return scheduler.name == "sched-edf" && scheduler.options.empty() ? -1 : 0;
}

TEST(Combinations, EachServesAllAndPreemptsIfItsNameSaysSo) {
  for (const Variant &dispatcher : dispatcher_variants()) {
    for (const Variant &scheduler : scheduler_variants()) {
      SCOPED_TRACE(dispatcher.title() + " with " + scheduler.title());
      const int expected = preempts(dispatcher, scheduler);
      const uint64_t count = preemptions(dispatcher, scheduler, true);
      if (expected >= 0) {
        EXPECT_EQ(count > 0, expected == 1) << count;
      }
      EXPECT_EQ(preemptions(dispatcher, scheduler, false), 0u);
    }
  }
}

} // namespace
} // namespace sledge::test
