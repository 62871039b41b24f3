// Goal: an instance goes on for its own function only, within its bounds, and never after a
// failure.
#include <cstring>
#include <fcntl.h>
#include <thread>

#include "harness.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t kHourNs = 3'600'000'000'000;
constexpr uint32_t kPlace = 2'000;

using Warm = std::shared_ptr<WarmInstances>;

Sandbox *start_warm(Arena &arena, const Module &module, const Warm &warm, uint32_t tenant = 1) {
  SandboxStart start;
  start.module = &module;
  start.tenant = tenant;
  start.warm = warm;
  return start_sandbox(arena, start);
}

uint8_t &mark(Sandbox *sandbox) {
  return static_cast<Slot *>(sandbox)->memory.memory()[kPlace];
}

/// Runs one that leaves `left`; what it found.
uint8_t run_marking(Arena &arena, const Module &module, const Warm &warm, uint8_t left,
                    uint32_t tenant = 1) {
  Sandbox *sandbox = start_warm(arena, module, warm, tenant);
  while (sandbox == nullptr) { // the janitor has the slot in its hands
    std::this_thread::yield();
    sandbox = start_warm(arena, module, warm, tenant);
  }
  const uint8_t found = mark(sandbox);
  run_to_end(*sandbox);
  mark(sandbox) = left;
  end_sandbox(sandbox);
  return found;
}

TEST(Warm, AnInstanceGoesOnForItsOwnFunctionAndForNoOther) {
  const SandboxThread thread;
  const auto module = load("handler");
  const auto arena = open_arena(8);
  const auto one = std::make_shared<WarmInstances>(4, kHourNs);
  const auto other = std::make_shared<WarmInstances>(4, kHourNs);
  EXPECT_EQ(run_marking(*arena, *module, one, 7), 0);
  EXPECT_EQ(run_marking(*arena, *module, one, 8), 7);
  EXPECT_EQ(run_marking(*arena, *module, other, 9), 0) << "another function of the same module";
  EXPECT_EQ(run_marking(*arena, *module, nullptr, 10), 0) << "one that wants its own";
  EXPECT_EQ(run_marking(*arena, *module, one, 11, 2), 0) << "another tenant";
  EXPECT_EQ(run_marking(*arena, *module, one, 12), 8);
  EXPECT_EQ(arena_stats(*arena).kept, 3u);
}

TEST(Warm, AnInstanceEndsWithATrapAndWithWhatDidNotRun) {
  const SandboxThread thread;
  const auto module = load("handler_trap");
  const auto arena = open_arena(2);
  const auto warm = std::make_shared<WarmInstances>(4, kHourNs);
  EXPECT_EQ(run_marking(*arena, *module, warm, 7), 0);
  EXPECT_EQ(warm->kept(), 0u);
  const auto whole = load("handler");
  Sandbox *unrun = start_warm(*arena, *whole, warm);
  mark(unrun) = 9;
  end_sandbox(unrun);
  EXPECT_EQ(run_marking(*arena, *whole, warm, 0), 0);
}

TEST(Warm, WhatItHasLeftOpenIsClosedWhenItIsKept) {
  const SandboxThread thread;
  const auto module = load("handler");
  const auto arena = open_arena(2);
  const auto warm = std::make_shared<WarmInstances>(4, kHourNs);
  const uint32_t before = host_files();
  for (int turn = 0; turn < 3; turn++) {
    Sandbox *sandbox = start_warm(*arena, *module, warm);
    run_to_end(*sandbox);
    ASSERT_TRUE(take_host_file());
    const Descriptor file{.kind = DescriptorKind::file, .host_fd = open("/dev/null", O_RDONLY)};
    static_cast<Slot *>(sandbox)->execution.host.descriptors.put(4, file);
    end_sandbox(sandbox);
    EXPECT_EQ(warm->kept(), 1u);
    EXPECT_EQ(host_files(), before);
  }
}

TEST(Warm, NoMoreAreKeptThanMayBe) {
  const SandboxThread thread;
  const auto module = load("handler");
  const auto arena = open_arena(4);
  const auto warm = std::make_shared<WarmInstances>(1, kHourNs);
  Sandbox *first = start_warm(*arena, *module, warm);
  Sandbox *second = start_warm(*arena, *module, warm);
  run_to_end(*first);
  run_to_end(*second);
  mark(second) = 5;
  end_sandbox(first);
  end_sandbox(second);
  EXPECT_EQ(warm->kept(), 1u);
  EXPECT_EQ(arena_stats(*arena).kept, 1u);
}

TEST(Warm, IdleOnesAreClearedInTheirTimeAndWhenTheirSlotOrModuleIsNeeded) {
  const SandboxThread thread;
  const auto module = load("handler");
  const auto arena = open_arena(1);
  const auto brief = std::make_shared<WarmInstances>(4, 1);
  EXPECT_EQ(run_marking(*arena, *module, brief, 7), 0);
  EXPECT_EQ(run_marking(*arena, *module, brief, 7), 0) << "its time is over";
  while (arena_stats(*arena).kept != 0) // the janitor's turn comes
    std::this_thread::yield();
  const auto lasting = std::make_shared<WarmInstances>(4, kHourNs);
  EXPECT_EQ(run_marking(*arena, *module, lasting, 7), 0);
  EXPECT_EQ(run_marking(*arena, *load("empty"), nullptr, 0), 0) << "the only slot";
  EXPECT_EQ(lasting->kept(), 0u);
  EXPECT_EQ(run_marking(*arena, *module, lasting, 7), 0);
  evict_module(*arena, *module);
  EXPECT_EQ(lasting->kept(), 0u);
}

/// Idle instances that count in a budget, and what else takes of it.
class WarmBudget : public testing::Test {
 protected:
  static Warm counted_in(const std::shared_ptr<MemoryBudget> &budget) {
    auto warm = std::make_shared<WarmInstances>(4, kHourNs);
    warm->count_memory_in(budget);
    return warm;
  }
  Sandbox *start(const Warm &warm) {
    EXPECT_TRUE(warm->budget()->take(bytes_));
    SandboxStart start;
    start.module = module_.get();
    start.warm = warm;
    start.memory_budget = warm->budget();
    return start_sandbox(*arena_, start);
  }
  void run(const Warm &warm) {
    Sandbox *sandbox = start(warm);
    run_to_end(*sandbox);
    end_sandbox(sandbox);
  }

  SandboxThread thread_;
  std::shared_ptr<const Module> module_ = load("handler");
  std::shared_ptr<Arena> arena_ = open_arena(8);
  const uint64_t bytes_ = module_memory_bytes(*module_);
};

TEST_F(WarmBudget, IdleOnesCountAndGiveWayToWhatWouldStart) {
  const auto budget = std::make_shared<MemoryBudget>(2 * bytes_);
  const auto other = std::make_shared<MemoryBudget>(bytes_);
  const Warm one = counted_in(budget);
  const Warm two = counted_in(budget);
  const Warm neighbour = counted_in(other);
  run(one);
  run(one);
  EXPECT_EQ(budget->used_bytes(), bytes_) << "it went on in the same one";
  run(two);
  run(neighbour);
  EXPECT_EQ(budget->resting_bytes(), 2 * bytes_);
  EXPECT_FALSE(budget->take(bytes_));
  EXPECT_FALSE(make_room(*arena_, *budget, 3 * bytes_));
  EXPECT_EQ(one->kept() + two->kept(), 2u) << "what can never fit ends none";
  EXPECT_TRUE(make_room(*arena_, *budget, bytes_));
  EXPECT_EQ(one->kept(), 0u) << "the least recently used";
  EXPECT_EQ(two->kept(), 1u);
  EXPECT_EQ(budget->used_bytes(), 2 * bytes_);
  EXPECT_EQ(budget->resting_bytes(), bytes_);
  EXPECT_EQ(neighbour->kept(), 1u);
  EXPECT_FALSE(make_room(*arena_, *budget, 2 * bytes_)) << "the rest is in use";
  budget->give_back(bytes_);
  evict_module(*arena_, *module_);
  EXPECT_EQ(budget->used_bytes() + other->used_bytes(), 0u);
  EXPECT_EQ(budget->resting_bytes(), 0u);
}

TEST_F(WarmBudget, NoneIsKeptBeyondItAndOneInUseIsNotGivenUp) {
  const auto budget = std::make_shared<MemoryBudget>(2 * bytes_);
  const Warm warm = counted_in(budget);
  Sandbox *first = start(warm);
  Sandbox *second = start(warm);
  budget->set_limit(bytes_);
  run_to_end(*first);
  end_sandbox(first);
  EXPECT_EQ(warm->kept(), 0u);
  EXPECT_FALSE(make_room(*arena_, *budget, bytes_));
  run_to_end(*second);
  end_sandbox(second);
  EXPECT_EQ(warm->kept(), 1u);
  EXPECT_EQ(budget->used_bytes(), bytes_);
}

TEST_F(WarmBudget, TheyGiveWayToGrowth) {
  const auto probe = load("probe");
  const uint64_t probe_bytes = module_memory_bytes(*probe);
  const auto budget = std::make_shared<MemoryBudget>(bytes_ + probe_bytes);
  const Warm warm = counted_in(budget);
  for (const uint64_t pages : {bytes_ / SLEDGE_PAGE_BYTES + 1, bytes_ / SLEDGE_PAGE_BYTES}) {
    run(warm);
    ASSERT_TRUE(budget->take(probe_bytes));
    const std::string grow = command('g', pages);
    const Ran ran =
        test::run(*arena_, *probe, {.input = grow, .limits = {}, .memory_budget = budget.get()});
    uint32_t answer = 0;
    ASSERT_EQ(ran.output.size(), sizeof answer);
    memcpy(&answer, ran.output.data(), sizeof answer);
    const bool fits = pages * SLEDGE_PAGE_BYTES == bytes_;
    EXPECT_EQ(answer != UINT32_MAX, fits);
    EXPECT_EQ(warm->kept(), fits ? 0u : 1u);
  }
  EXPECT_EQ(budget->used_bytes(), 0u);
}

TEST(Warm, ALargeImageIsWholeAgainAfterWhateverWasWritten) {
  const SandboxThread thread;
  const auto module = load("image_768kib");
  const auto arena = open_arena(1);
  for (const uint32_t place : {0u, 4095u, 300'000u, 786'431u, 786'432u, 1'048'575u}) {
    Sandbox *sandbox = start(*arena, *module, {});
    uint8_t *memory = static_cast<Slot *>(sandbox)->memory.memory();
    const std::vector<uint8_t> before(memory, memory + 1'048'576);
    memory[place] ^= 0xff;
    end_sandbox(sandbox);
    sandbox = start(*arena, *module, {});
    EXPECT_EQ(memcmp(memory, before.data(), before.size()), 0) << place;
    end_sandbox(sandbox);
  }
}

} // namespace
} // namespace sledge::test
