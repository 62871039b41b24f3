#include <gtest/gtest.h>

#include <thread>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t second_ns = 1'000'000'000;

DataPlaneOptions external_options() {
  DataPlaneOptions options;
  options.external = true;
  return options;
}

std::span<const uint8_t> input_of(const ExternalWork &work) {
  return std::span(work.bytes).subspan(work.argv_bytes + work.environ_bytes);
}

} // namespace

TEST(ExternalWorker, TakesWorkAndCompletesIt) {
  Bench bench(external_options());
  const int64_t echoed = bench.submit(bench.add("echo"), "there and back");
  ExternalWorkers &workers = bench.plane->external_workers();
  std::thread thread([&] {
    const Attachment attachment = workers.attach(0);
    ExternalWork work;
    ASSERT_EQ(workers.take(attachment, 10 * second_ns, work), Take::taken);
    EXPECT_TRUE(workers.complete(attachment, work.index, work.generation, Status::completed, 0,
                                 input_of(work)));
    EXPECT_FALSE(
        workers.complete(attachment, work.index, work.generation, Status::completed, 0, {}));
  });
  ASSERT_TRUE(bench.settle());
  thread.join();
  EXPECT_EQ(bench.endings[echoed].output, "there and back");
}

TEST(ExternalWorker, LosesItsInvocationAtTheTimeLimitAtOnce) {
  Bench bench(external_options());
  const int64_t looped = bench.submit(bench.add("loop", 2'000'000));
  ExternalWorkers &workers = bench.plane->external_workers();
  const Attachment attachment = workers.attach(0);
  ExternalWork work;
  ASSERT_EQ(workers.take(attachment, 10 * second_ns, work), Take::taken);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[looped].status, Status::timed_out);
  EXPECT_EQ(workers.next_revoked(), 0u);
  EXPECT_EQ(workers.next_revoked(), UINT32_MAX);
  EXPECT_FALSE(workers.complete(attachment, work.index, work.generation, Status::completed, 0, {}));
  EXPECT_EQ(workers.take(attachment, 0, work), Take::detached);
}

TEST(ExternalWorker, ThatIsLostFailsItsInvocationAndItsSuccessorGoesOn) {
  Bench bench(external_options());
  const uint32_t echo = bench.add("echo");
  const int64_t lost = bench.submit(echo, "lost");
  const int64_t served = bench.submit(echo, "served");
  ExternalWorkers &workers = bench.plane->external_workers();
  ExternalWork work;
  const Attachment first = workers.attach(0);
  ASSERT_EQ(workers.take(first, 10 * second_ns, work), Take::taken);
  workers.detach(first);
  const Attachment second = workers.attach(0);
  ASSERT_EQ(workers.take(second, 10 * second_ns, work), Take::taken);
  EXPECT_TRUE(
      workers.complete(second, work.index, work.generation, Status::completed, 0, input_of(work)));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[lost].status, Status::failed);
  EXPECT_EQ(bench.endings[lost].detail, SLEDGE_ERR_INVOKE_WORKER_LOST);
  EXPECT_EQ(bench.endings[served].output, "served");
}

TEST(ExternalWorker, IsSentAwayWhenTheDataPlaneStops) {
  Bench bench(external_options());
  ExternalWorkers &workers = bench.plane->external_workers();
  Take answer = Take::nothing;
  std::thread thread([&] {
    ExternalWork work;
    answer = workers.take(workers.attach(0), 60 * second_ns, work);
  });
  EXPECT_TRUE(bench.plane->stop());
  thread.join();
  EXPECT_EQ(answer, Take::detached);
}

} // namespace sledge::dataplane::testing
