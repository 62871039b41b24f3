// Goal: each limit of a tenant holds by itself and has an error of its own, others are untouched by
// it, and what is learned of one tenant's functions is no other's.
#include <gtest/gtest.h>

#include <deque>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t ms = 1'000'000;
constexpr uint64_t second = 1'000'000'000;

Bench bench_of(std::vector<TenantLimits> tenants, uint32_t invocation_max = 1024) {
  BenchOptions options;
  options.tenants = std::move(tenants);
  options.invocation_max = invocation_max;
  return Bench(options);
}

uint32_t add_to(Bench &bench, uint32_t tenant, const char *name) {
  FunctionSpec spec;
  spec.name = name;
  spec.tenant = tenant;
  return bench.add(std::move(spec));
}

/// How many are taken until one is not, and why that one is not.
struct Taken {
  uint32_t count = 0;
  int64_t error = 0;
};

Taken fill(Bench &bench, uint32_t function, uint32_t most) {
  Taken taken;
  while (taken.count < most && (taken.error = bench.submit(function)) >= 0) {
    taken.count++;
  }
  return taken;
}

} // namespace

TEST(Tenants, ANumberThatIsGivenToAnotherOneCarriesNoDebtsAndNoCounts) {
  TenantLimits limits;
  limits.rate_per_s = 1;
  Tenant tenant(limits);
  constexpr uint64_t now_ns = 5'000'000'000;
  uint64_t retry_after_ns = 0;
  EXPECT_TRUE(tenant.take_request(now_ns, retry_after_ns));
  EXPECT_FALSE(tenant.take_request(now_ns, retry_after_ns));
  tenant.count_end(true, 7, 0.5);
  EXPECT_EQ(tenant.use().run_ns, 7u);
  tenant.begin();
  EXPECT_TRUE(tenant.take_request(now_ns, retry_after_ns));
  EXPECT_EQ(tenant.use().ended + tenant.use().deadlines_missed + tenant.use().run_ns, 0u);
  EXPECT_EQ(tenant.use().memory_byte_seconds, 0);
}

TEST(Pace, TakesABurstThenOneForEachGapAndSaysHowLongToWait) {
  Pace pace;
  uint64_t wait_ns = 0;
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(pace.take(1000, 10, 30, wait_ns));
  }
  EXPECT_FALSE(pace.take(1000, 10, 30, wait_ns));
  EXPECT_EQ(wait_ns, 10u);
  EXPECT_FALSE(pace.take(1009, 10, 30, wait_ns));
  EXPECT_EQ(wait_ns, 1u);
  EXPECT_TRUE(pace.take(1010, 10, 30, wait_ns));
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(pace.take(5000, 10, 30, wait_ns)); // rest is not saved beyond the burst
  }
  EXPECT_FALSE(pace.take(5000, 10, 30, wait_ns));
}

TEST(Pace, WhatIsChargedBeyondTheBurstIsPaidByWaiting) {
  Pace pace;
  uint64_t wait_ns = 0;
  pace.charge(0, 100);
  EXPECT_FALSE(pace.take(0, 0, 30, wait_ns));
  EXPECT_EQ(wait_ns, 70u);
  EXPECT_TRUE(pace.take(70, 0, 30, wait_ns));
}

TEST(TenantLimits, TheRateRefusesWhatComesTooSoonAndNoNeighbour) {
  TenantLimits limits;
  limits.rate_per_s = 0.01;
  limits.burst = 3;
  Bench bench = bench_of({limits, {}});
  const uint32_t limited = add_to(bench, 0, "empty");
  const Taken taken = fill(bench, limited, 10);
  EXPECT_EQ(taken.count, 3u);
  EXPECT_EQ(taken.error, -SLEDGE_ERR_INVOKE_TENANT_RATE);
  EXPECT_GT(bench.plane->own_intake().retry_after_ns(), 90 * second);
  EXPECT_GE(bench.submit(add_to(bench, 1, "empty")), 0);
  EXPECT_EQ(bench.statistic("rejectedTenantRate"), 1);
  ASSERT_TRUE(bench.plane->set_tenant(0, {}));
  EXPECT_GE(bench.submit(limited), 0);
  EXPECT_TRUE(bench.settle());
}

TEST(TenantLimits, TimeThatWasUsedBeyondTheBudgetIsWaitedForAndNoNeighbourWaits) {
  TenantLimits limits;
  limits.cpu_ns_per_s = 1'000; // what "deaf" runs is more than a second's worth
  Bench bench = bench_of({limits, {}});
  const uint32_t limited = add_to(bench, 0, "deaf");
  EXPECT_GE(bench.submit(limited), 0);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.submit(limited), -SLEDGE_ERR_INVOKE_TENANT_CPU);
  EXPECT_GT(bench.plane->own_intake().retry_after_ns(), second);
  EXPECT_GE(bench.submit(add_to(bench, 1, "empty")), 0);
  EXPECT_TRUE(bench.settle());
}

TEST(TenantLimits, OneThatIsAloneGetsNearlyTheWholeQueueAndOthersStillFindAPlace) {
  Bench bench = bench_of({{}, {}, {}}, 90);
  const Taken hog = fill(bench, add_to(bench, 0, "asleep"), 90);
  EXPECT_EQ(hog.count, 80u); // eight for each that stays free
  EXPECT_EQ(hog.error, -SLEDGE_ERR_INVOKE_TENANT_SHARE);
  EXPECT_EQ(fill(bench, add_to(bench, 1, "asleep"), 5).count, 5u);
  EXPECT_EQ(bench.submit(add_to(bench, 0, "empty")), -SLEDGE_ERR_INVOKE_TENANT_SHARE);
  EXPECT_GE(bench.submit(add_to(bench, 2, "empty")), 0);
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
}

TEST(TenantLimits, AFullQueueIsSharedByWeight) {
  TenantLimits heavy;
  heavy.weight = 3;
  Bench bench = bench_of({{}, heavy}, 1000);
  const uint32_t one = add_to(bench, 0, "asleep");
  const uint32_t three = add_to(bench, 1, "asleep");
  std::deque<std::pair<int64_t, uint32_t>> waiting; // and whose it is
  uint32_t counts[2] = {0, 0};
  const auto come = [&](uint32_t function, uint32_t whose) {
    const int64_t submission = bench.submit(function);
    if (submission >= 0) {
      waiting.emplace_back(submission, whose);
      counts[whose]++;
    }
  };
  for (int i = 0; i < 2000; i++) {
    come(one, 0);
    come(three, 1);
    if (waiting.size() > 900) { // the oldest is served
      const auto [oldest, whose] = waiting.front();
      waiting.pop_front();
      counts[whose]--;
      bench.cancel(oldest);
      for (bench.reap(); bench.ended_count[oldest] == 0; bench.reap()) {
        ASSERT_TRUE(bench.waker.wait(20'000));
      }
    }
  }
  EXPECT_NEAR(counts[1], 3.0 * counts[0], 0.1 * counts[1]) << counts[0] << " and " << counts[1];
  EXPECT_GT(counts[0] + counts[1], 900u);
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
}

TEST(TenantLimits, NewLimitsHoldFromTheNextOneOnAndCountWhatIsThere) {
  Bench bench = bench_of({{}, {}});
  const uint32_t function = add_to(bench, 0, "asleep");
  EXPECT_EQ(fill(bench, function, 5).count, 5u);
  TenantLimits limits;
  limits.concurrent_max = 6;
  EXPECT_TRUE(bench.plane->set_tenant(0, limits));
  const Taken taken = fill(bench, function, 5);
  EXPECT_EQ(taken.count, 1u);
  EXPECT_EQ(taken.error, -SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY);
  EXPECT_FALSE(bench.plane->set_tenant(tenant_count_max, limits));
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
}

TEST(TenantLimits, FunctionsOfOneNameInTwoTenantsShareNoEstimateAndNoCount) {
  Bench bench = bench_of({{}, {}});
  const uint32_t mine = add_to(bench, 0, "deaf");
  const uint32_t theirs = add_to(bench, 1, "deaf");
  EXPECT_NE(mine, theirs);
  EXPECT_GE(bench.submit(mine), 0);
  ASSERT_TRUE(bench.settle());
  const auto statistic = [&](uint32_t function, std::string_view name) {
    for (const Statistic &one : bench.plane->function_statistics(function)) {
      if (one.name == name) {
        return one.value;
      }
    }
    return -1.0;
  };
  EXPECT_GT(statistic(mine, "runMeanNs"), 1.0 * ms);
  EXPECT_EQ(statistic(theirs, "runMeanNs"), 0);
  std::array<double, FunctionMetrics::numbers> numbers{};
  EXPECT_TRUE(bench.plane->function_metrics(mine, numbers));
  EXPECT_EQ(numbers[0], 1);
  EXPECT_FALSE(bench.plane->function_metrics(theirs, numbers));
}

} // namespace sledge::dataplane::testing
