#include <gtest/gtest.h>

#include <sched.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t ms = 1'000'000;

FunctionSpec spec_of(const char *name, OnLate on_late) {
  FunctionSpec spec;
  spec.name = name;
  spec.on_late = on_late;
  return spec;
}

double statistic(const std::vector<Statistic> &all, const std::string &name) {
  for (const Statistic &one : all) {
    if (name == one.name) {
      return one.value;
    }
  }
  return -1;
}

} // namespace

TEST(Deadline, DropsWhatWaitsBehindAnEndlessOne) {
  Bench bench({});
  const int64_t looping = bench.submit(bench.add("loop"));
  const uint32_t dropped = bench.add(spec_of("empty", OnLate::drop_unstarted));
  const int64_t late = bench.submit(dropped, "", 3 * ms);
  const int64_t patient = bench.submit(bench.add("empty"), "", 3 * ms);
  while (bench.ended_count[late] == 0) {
    ASSERT_TRUE(bench.waker.wait(20'000));
    bench.reap();
  }
  EXPECT_EQ(bench.endings[late].status, Status::dropped);
  EXPECT_EQ(bench.endings[late].detail, SLEDGE_ERR_INVOKE_DEADLINE);
  EXPECT_EQ(bench.ended_count[patient], 0);
  bench.cancel(looping);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[patient].status, Status::completed);
  EXPECT_EQ(statistic(bench.plane->function_statistics(dropped), "endedByDeadline"), 1);
  EXPECT_EQ(statistic(bench.plane->function_statistics(dropped), "queued"), 0);
}

TEST(Deadline, IsLookedAtWhenTheTurnComes) {
  Bench bench({});
  const uint32_t function = bench.add(spec_of("empty", OnLate::drop_unstarted));
  const int64_t late = bench.submit(function, "", 1);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[late].status, Status::dropped);
}

TEST(Deadline, AbortsWhatRunsAndWhatIsBlocked) {
  Bench bench({});
  for (const char *name : {"loop", "asleep"}) {
    const uint32_t function = bench.add(spec_of(name, OnLate::abort));
    int64_t at = bench.submit(function, "", 200 * ms);
    ASSERT_TRUE(bench.settle());
    // On a busy machine it may be late before it has started.
    for (int more = 0; more < 20 && bench.endings[at].status == Status::dropped; more++) {
      at = bench.submit(function, "", 200 * ms);
      ASSERT_TRUE(bench.settle());
    }
    EXPECT_EQ(bench.endings[at].status, Status::timed_out);
    EXPECT_EQ(bench.endings[at].detail, SLEDGE_ERR_INVOKE_DEADLINE);
  }
}

TEST(Deadline, CountsFromTheArrivalThatTheTransportSaw) {
  Bench bench({});
  const uint32_t function = bench.add("empty");
  Submission submission;
  submission.function = function;
  submission.arrival_ns = 1;
  submission.relative_deadline_ns = 1;
  ASSERT_GE(bench.plane->submit(submission, false), 0);
  while (bench.plane->in_flight() != 0) {
    bench.waker.wait(1'000);
    bench.plane->begin_reaping();
    if (Invocation *invocation = bench.plane->reap()) {
      EXPECT_EQ(invocation->arrival_ns, 1u);
      bench.plane->recycle(*invocation);
    }
  }
  EXPECT_EQ(statistic(bench.plane->function_statistics(function), "completedLate"), 1);
}

TEST(CpuTime, IsNotSpentByWaiting) {
  Bench bench({});
  FunctionSpec spec = spec_of("loop", OnLate::run);
  spec.cpu_time_max_ns = 3 * ms;
  const int64_t looping = bench.submit(bench.add(spec));
  spec.name = "wait";
  spec.cpu_time_max_ns = 150'000'000 * ms;
  const int64_t waiting = bench.submit(bench.add(spec));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[looping].status, Status::timed_out);
  EXPECT_EQ(bench.endings[looping].detail, SLEDGE_ERR_INVOKE_CPU_LIMIT);
  EXPECT_EQ(bench.endings[waiting].status, Status::completed);
}

TEST(Disconnect, LeavesAloneWhatMayRunOn) {
  Bench bench({});
  FunctionSpec spec = spec_of("deaf", OnLate::run);
  spec.kill_on_disconnect = false;
  const uint32_t function = bench.add(spec);
  const int64_t running = bench.submit(function);
  bench.plane->kick();
  // On a busy machine it may have come and gone between two looks.
  while (statistic(bench.plane->statistics(), "running") == 0 && bench.ended_count[running] == 0) {
    sched_yield();
    bench.reap();
  }
  const int64_t waiting = bench.submit(function);
  bench.cancel(running);
  bench.cancel(waiting);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.ended_count[waiting], 1);
  EXPECT_EQ(bench.endings[running].status, Status::completed);
}

TEST(Tenant, KeepsWithinItsLimitsAndLeavesOthersAlone) {
  DataPlaneOptions options;
  options.tenants = {{2, 0}, {0, 1}};
  Bench bench(options);
  const uint32_t loop = bench.add("loop");
  FunctionSpec spec = spec_of("empty", OnLate::run);
  spec.tenant = 1;
  const uint32_t other = bench.add(spec);
  ASSERT_GE(bench.submit(loop), 0);
  ASSERT_GE(bench.submit(loop), 0);
  EXPECT_EQ(bench.submit(loop), -SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY);
  const int64_t neighbour = bench.submit(other);
  ASSERT_GE(neighbour, 0);
  EXPECT_EQ(bench.submit(other), -SLEDGE_ERR_INVOKE_TENANT_QUEUE);
  bench.cancel(0);
  bench.cancel(1);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[neighbour].status, Status::completed);
  EXPECT_GE(bench.submit(loop), 0);
}

} // namespace sledge::dataplane::testing
