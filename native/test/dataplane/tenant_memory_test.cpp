// The running functions of a tenant have no more linear memory together than it may; whoever ends,
// in whatever way, has given back all of its own before its outcome is seen.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t ms = 1'000'000;

BenchOptions with_limits(std::vector<TenantLimits> tenants) {
  BenchOptions options;
  options.tenants = std::move(tenants);
  return options;
}

uint32_t add(Bench &bench, const char *name, uint32_t tenant, uint64_t wall_time_max_ns = 0) {
  FunctionSpec spec;
  spec.name = name;
  spec.tenant = tenant;
  spec.memory_bytes_min = fake_memory_bytes;
  spec.wall_time_max_ns = wall_time_max_ns;
  return bench.add(std::move(spec));
}

void settle_one(Bench &bench, int64_t submission) {
  while (bench.ended_count[submission] == 0) {
    ASSERT_TRUE(bench.waker.wait(20'000));
    bench.reap();
  }
}

} // namespace

TEST(TenantMemory, WhatWouldStartBeyondItIsRefusedAndANeighbourIsNot) {
  Bench bench(with_limits({{0, 0, fake_memory_bytes}, {}}));
  const int64_t asleep = bench.submit(add(bench, "asleep", 0));
  const int64_t refused = bench.submit(add(bench, "empty", 0));
  const int64_t neighbour = bench.submit(add(bench, "echo", 1), "mine");
  settle_one(bench, refused);
  settle_one(bench, neighbour);
  EXPECT_EQ(bench.endings[refused].status, Status::failed);
  EXPECT_EQ(bench.endings[refused].detail, SLEDGE_ERR_INVOKE_TENANT_MEMORY);
  EXPECT_EQ(bench.endings[neighbour].output, "mine");
  EXPECT_EQ(bench.ended_count[asleep], 0);
  bench.cancel(asleep);
  ASSERT_TRUE(bench.settle());
  const int64_t after = bench.submit(add(bench, "echo", 0), "again");
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[after].output, "again");
}

TEST(TenantMemory, GrowthBeyondItIsRefusedToTheFunctionWhichGoesOn) {
  Bench bench(with_limits({{0, 0, 3 * fake_memory_bytes}}));
  const int64_t first = bench.submit(add(bench, "grow", 0));
  ASSERT_TRUE(bench.settle());
  const int64_t asleep = bench.submit(add(bench, "asleep", 0));
  const int64_t fits = bench.submit(add(bench, "grow", 0));
  settle_one(bench, fits);
  const int64_t more = bench.submit(add(bench, "asleep", 0));
  const int64_t too_much = bench.submit(add(bench, "grow", 0));
  settle_one(bench, too_much);
  EXPECT_EQ(bench.endings[first].output, "y");
  EXPECT_EQ(bench.endings[fits].output, "y");
  EXPECT_EQ(bench.endings[too_much].status, Status::completed);
  EXPECT_EQ(bench.endings[too_much].output, "n");
  bench.cancel(asleep);
  bench.cancel(more);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.statistic("tenantMemoryBytes"), 0);
}

TEST(TenantMemory, EachWayToEndGivesAllOfItBack) {
  Bench bench(with_limits({{0, 0, fake_memory_bytes}}));
  for (const char *name : {"empty", "trap", "exit", "yield", "wait", "loop", "asleep", "deaf"}) {
    const int64_t ended = bench.submit(add(bench, name, 0, 20 * ms));
    ASSERT_TRUE(bench.settle());
    EXPECT_NE(bench.endings[ended].detail, SLEDGE_ERR_INVOKE_TENANT_MEMORY) << name;
    EXPECT_EQ(bench.statistic("tenantMemoryBytes"), 0) << name;
  }
}

TEST(TenantMemory, ARequestThatFindsNoSlotHasNone) {
  Bench bench(with_limits({{0, 0, fake_memory_bytes}}), 0);
  const int64_t without = bench.submit(add(bench, "empty", 0));
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(bench.endings[without].detail, SLEDGE_ERR_INVOKE_NO_SLOT);
  EXPECT_EQ(bench.statistic("tenantMemoryBytes"), 0);
}

TEST(TenantMemory, TheBudgetIsNeverExceededAndEmptyInTheEnd) {
  constexpr uint64_t limit = 10;
  MemoryBudget budget(limit);
  std::atomic<uint64_t> most{0};
  std::atomic<uint64_t> refused{0};
  std::vector<std::thread> threads;
  for (uint64_t seed = 0; seed < 4; seed++) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (int at = 0; at < 20'000; at++) {
        const uint64_t bytes = random() % 6;
        if (!budget.take(bytes)) {
          refused.fetch_add(1);
          continue;
        }
        const uint64_t seen = budget.used_bytes();
        uint64_t before = most.load();
        while (before < seen && !most.compare_exchange_weak(before, seen)) {
        }
        budget.give_back(bytes);
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT_LE(most.load(), limit);
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_TRUE(budget.take(limit));
  EXPECT_FALSE(budget.take(1));
  EXPECT_FALSE(budget.take(UINT64_MAX));
}

} // namespace sledge::dataplane::testing
