// Goal: what is counted of a function says what became of its invocations, from every intake, and
// is another's no longer when its id is. Method: the fake runtime, whose inputs say what happens.
#include <gtest/gtest.h>

#include <sched.h>

#include <numeric>
#include <vector>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr size_t accepted = 0;
constexpr size_t missed = 2;
constexpr size_t run_ns = 4;
constexpr size_t first_ended = 8;
constexpr size_t first_rejected = first_ended + status_count;

using Numbers = std::array<double, FunctionMetrics::numbers>;

Numbers metrics_of(Bench &bench, uint32_t function) {
  Numbers numbers;
  bench.plane->function_metrics(function, numbers);
  return numbers;
}

double histogram_count(const Numbers &numbers, size_t which) {
  constexpr size_t width = 1 + LogHistogram::cells;
  const auto first = numbers.begin() + FunctionMetrics::scalars + which * width + 1;
  return std::accumulate(first, first + LogHistogram::cells, 0.0);
}

} // namespace

TEST(LogHistogram, EveryValueLiesWithinTheBoundsOfItsCell) {
  const auto upper = [](uint32_t cell) {
    const uint32_t octave = cell == 0 ? 0 : (cell - 1) / 4;
    const uint64_t quarters = cell == 0 ? 0 : (cell - 1) % 4 + 1;
    return (4 + quarters) << (octave + LogHistogram::first_bits - 2);
  };
  uint32_t before = 0;
  for (uint64_t value = 0; value < (1ull << 37); value += 1 + value / 97) {
    const uint32_t cell = LogHistogram::cell_of(value);
    ASSERT_GE(cell, before);
    before = cell;
    if (cell < LogHistogram::cells - 1) {
      ASSERT_LE(value, upper(cell)) << value;
    }
    if (cell > 0) {
      ASSERT_GT(value, upper(cell - 1)) << value;
    }
  }
  for (uint32_t cell = 0; cell + 1 < LogHistogram::cells; cell++) {
    EXPECT_EQ(LogHistogram::cell_of(upper(cell)), cell);
    EXPECT_EQ(LogHistogram::cell_of(upper(cell) + 1), cell + 1);
  }
  EXPECT_EQ(LogHistogram::cell_of(UINT64_MAX), LogHistogram::cells - 1);
}

TEST(Metrics, CountOutcomesDeadlinesAndRejectionsOfAFunction) {
  Bench bench{BenchOptions()};
  const uint32_t echo = bench.add("echo");
  const uint32_t loop = bench.add("loop", 0, 1);
  const uint32_t other = bench.add("other");
  for (int at = 0; at < 10; at++) {
    ASSERT_GE(bench.submit(echo, "x", at < 3 ? 1 : 0), 0);
    ASSERT_TRUE(bench.settle());
  }
  ASSERT_GE(bench.submit(loop), 0);
  EXPECT_LT(bench.submit(loop), 0);
  bench.cancel(10);
  ASSERT_TRUE(bench.settle());
  const Numbers of_echo = metrics_of(bench, echo);
  EXPECT_EQ(of_echo[accepted], 10);
  EXPECT_EQ(of_echo[missed], 3);
  EXPECT_EQ(of_echo[first_ended + static_cast<size_t>(Status::completed)], 10);
  EXPECT_EQ(histogram_count(of_echo, 0), 10);
  EXPECT_EQ(histogram_count(of_echo, 3), 10);
  EXPECT_GT(of_echo[run_ns], 0);
  const Numbers of_loop = metrics_of(bench, loop);
  EXPECT_EQ(of_loop[accepted], 1);
  EXPECT_EQ(of_loop[first_ended + static_cast<size_t>(Status::cancelled)], 1);
  EXPECT_EQ(of_loop[first_rejected + static_cast<size_t>(Rejection::concurrency)], 1);
  Numbers none;
  EXPECT_FALSE(bench.plane->function_metrics(other, none));
}

TEST(Metrics, OfAnotherFunctionWithTheSameIdBeginAtZero) {
  Bench bench{BenchOptions()};
  const uint32_t before = bench.add("before");
  bench.submit(before, "x");
  ASSERT_TRUE(bench.settle());
  bench.plane->remove_function(before);
  const uint32_t after = bench.add("after");
  ASSERT_EQ(after, before);
  const Numbers numbers = metrics_of(bench, after);
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0.0), 0);
}

TEST(Metrics, OfWorkersAndGroupsAddUpToThoseOfTheDataPlane) {
  BenchOptions options;
  options.worker_count = 2;
  options.group_count = 2;
  Bench bench{options};
  FunctionSpec spec;
  spec.name = "second";
  spec.worker_group = 1;
  const uint32_t function = bench.add(spec);
  for (int at = 0; at < 20; at++) {
    bench.submit(function, "x");
  }
  ASSERT_TRUE(bench.settle());
  const auto workers = bench.plane->worker_metrics();
  ASSERT_EQ(workers.size(), 4u);
  EXPECT_EQ(workers[0][2] + workers[1][2], 0);
  EXPECT_EQ(workers[2][2] + workers[3][2], bench.statistic("runs"));
  EXPECT_EQ(workers[3][0], 1);
  EXPECT_GT(workers[2][6] + workers[3][6], 0);
  const auto groups = bench.plane->group_metrics();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0][8], 0);
  EXPECT_EQ(groups[1][8], 20);
}

/// Six that do not end on two workers: what each has queued, and what the dispatcher holds.
std::vector<double> depths_with(const char *dispatcher) {
  BenchOptions options;
  options.worker_count = 2;
  options.dispatcher = dispatcher;
  Bench bench{options};
  const uint32_t loop = bench.add("loop");
  for (int at = 0; at < 6; at++) {
    EXPECT_GE(bench.submit(loop), 0);
  }
  bench.plane->kick();
  while (bench.plane->group_metrics()[0][2] != 2) {
    sched_yield();
  }
  const auto workers = bench.plane->worker_metrics();
  const double held = bench.plane->group_metrics()[0][0];
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
  return {workers[0][1], workers[1][1], held};
}

TEST(Metrics, OfAWorkerHaveWhatIsInItsRunQueueAndNotWhatTheDispatcherHolds) {
  EXPECT_EQ(depths_with(TEST_ROUND_ROBIN), (std::vector<double>{2, 2, 0}));
  EXPECT_EQ(depths_with(TEST_DISPATCHER), (std::vector<double>{0, 0, 4}));
}

} // namespace sledge::dataplane::testing
