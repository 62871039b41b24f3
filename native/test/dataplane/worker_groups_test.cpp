// Worker groups: each has its engine, its lock and its workers, and one cannot hold up another.
#include <gtest/gtest.h>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {
namespace {

FunctionSpec in_group(const std::string &name, uint32_t worker_group) {
  FunctionSpec spec;
  spec.name = name;
  spec.worker_group = worker_group;
  return spec;
}

BenchOptions two_groups() {
  BenchOptions options;
  options.group_count = 2;
  return options;
}

TEST(WorkerGroups, AGroupWhoseWorkersAreAllBusyForEverHoldsUpNoOther) {
  BenchOptions options = two_groups();
  options.worker_count = 2;
  Bench bench(options);
  const uint32_t loop = bench.add(in_group("loop", 0));
  const uint32_t echo = bench.add(in_group("echo", 1));
  for (int i = 0; i < 8; i++) {
    ASSERT_GE(bench.submit(loop), 0); // two run, six wait
  }
  std::vector<size_t> echoes;
  for (int i = 0; i < 200; i++) {
    const int64_t submission = bench.submit(echo, "here");
    ASSERT_GE(submission, 0);
    echoes.push_back(static_cast<size_t>(submission));
  }
  bench.plane->kick();
  for (int turn = 0; turn < 20'000 && bench.open() > 8; turn++) {
    bench.waker.wait(1);
    bench.reap();
  }
  for (const size_t submission : echoes) {
    EXPECT_EQ(bench.endings[submission].status, Status::completed);
    EXPECT_EQ(bench.endings[submission].output, "here");
  }
  EXPECT_EQ(bench.open(), 8u);
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
}

TEST(WorkerGroups, LimitsCancelsAndWaitsFindTheGroupOfTheirInvocation) {
  Bench bench(two_groups());
  FunctionSpec limited = in_group("loop", 1);
  limited.wall_time_max_ns = 5'000'000;
  const uint32_t loop = bench.add(std::move(limited));
  const uint32_t asleep = bench.add(in_group("asleep", 1));
  const uint32_t wait = bench.add(in_group("wait", 1));
  const uint32_t first = bench.add(in_group("empty", 0));
  const int64_t running = bench.submit(loop);
  const int64_t blocked = bench.submit(asleep);
  const int64_t waiting = bench.submit(wait);
  const int64_t other = bench.submit(first);
  bench.plane->kick();
  for (int turn = 0; turn < 20'000 && bench.open() > 1; turn++) {
    bench.waker.wait(1);
    bench.reap();
  }
  bench.cancel(static_cast<size_t>(blocked));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[static_cast<size_t>(running)].status, Status::timed_out);
  EXPECT_EQ(bench.endings[static_cast<size_t>(blocked)].status, Status::cancelled);
  EXPECT_EQ(bench.endings[static_cast<size_t>(waiting)].status, Status::completed);
  EXPECT_EQ(bench.endings[static_cast<size_t>(other)].status, Status::completed);
  for (const int count : bench.ended_count) {
    EXPECT_EQ(count, 1);
  }
}

TEST(WorkerGroups, AFunctionOfAGroupThatDoesNotExistIsRefused) {
  Bench bench(two_groups());
  EXPECT_EQ(bench.plane->add_function(in_group("echo", 2)), nullptr);
  EXPECT_EQ(bench.plane->group_count(), 2u);
  EXPECT_EQ(bench.plane->worker_count(), 2u);
}

TEST(WorkerGroups, ExternalWorkersTakeOnlyWhatIsTheirGroups) {
  BenchOptions options = two_groups();
  options.external = true;
  Bench bench(options);
  ExternalWorkers &workers = bench.plane->external_workers();
  ASSERT_EQ(workers.count(), 2u);
  const Attachment first = workers.attach(0);
  const Attachment second = workers.attach(1);
  ASSERT_GE(bench.submit(bench.add(in_group("echo", 1))), 0);
  bench.plane->kick();
  ExternalWork work;
  EXPECT_EQ(workers.take(first, 2'000'000, work), Take::nothing);
  ASSERT_EQ(workers.take(second, 10'000'000'000, work), Take::taken);
  EXPECT_TRUE(workers.complete(second, work.index, work.generation, Status::completed, 0, {}));
  EXPECT_TRUE(bench.settle());
}

} // namespace
} // namespace sledge::dataplane::testing
