// Goal: a stack is as long as its own limit says, wherever the slot's ends; memory that several
// sandboxes share is never more than their budget, and given back when they end.
// Method: modules/probe.c; what it writes on the stack shows where that lay.
#include "harness.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t kShort = 65536;
constexpr uint64_t kPage = 65536;

class StackLimit : public testing::Test {
 protected:
  static SandboxLimits of(uint64_t bytes) {
    SandboxLimits limits;
    limits.stack_bytes_max = bytes;
    return limits;
  }
  Ran probe(char name, uint64_t stack_bytes_max, uint64_t argument = 0) {
    return run(*arena_, *module_,
               {.input = command(name, argument), .limits = of(stack_bytes_max)});
  }
  /// Highest byte of the only slot's stack that is not zero, from the stack's bottom.
  uint64_t highest_used() {
    Sandbox *sandbox = start(*arena_, *module_, {.input = {}, .limits = of(kShort)});
    const SlotMemory &memory = static_cast<Slot &>(*sandbox).memory;
    uint64_t at = memory.stack_bytes();
    while (at > 0 && memory.stack_bottom()[at - 1] == 0)
      at--;
    end_sandbox(sandbox);
    return at;
  }

  SandboxThread thread_;
  std::shared_ptr<const Module> module_ = load("probe");
  std::shared_ptr<Arena> arena_ = open_arena(1);
};

TEST(MemoryPages, GrowToTheLastBelow4GiBOnlyInAMemoryThatBeginsWithIt) {
  sledge_module_descriptor module{};
  module.memory_min_pages = 1;
  module.memory_max_pages = UINT32_MAX;
  EXPECT_EQ(grown_pages_max(module, 1024), 1024u);
  EXPECT_EQ(grown_pages_max(module, 65536), 65535u);
  module.memory_min_pages = 65536;
  EXPECT_EQ(grown_pages_max(module, 65536), 65536u);
}

TEST_F(StackLimit, EndsARecursionThatASlotWouldHaveRoomFor) {
  const Ran ran = probe('s', kShort);
  EXPECT_EQ(ran.leave, Leave::trapped);
  EXPECT_EQ(ran.trap, SLEDGE_TRAP_STACK_OVERFLOW);
  EXPECT_LE(highest_used(), kShort) << "nothing above its limit was ever written";
  EXPECT_EQ(probe('s', 2 * kShort + 4096).trap, SLEDGE_TRAP_STACK_OVERFLOW);
  EXPECT_GT(highest_used(), kShort);
  EXPECT_LE(highest_used(), 2 * kShort + 4096);
  EXPECT_EQ(probe('s', UINT64_MAX).trap, SLEDGE_TRAP_STACK_OVERFLOW);
  EXPECT_GT(highest_used(), 3 * kShort);
}

TEST_F(StackLimit, HoldsForLargeFramesAndHostCallsToo) {
  for (const char name : {'s', 'b', 'h'}) {
    const Ran ran = probe(name, kShort);
    EXPECT_EQ(ran.leave, Leave::trapped) << name;
    EXPECT_EQ(ran.trap, SLEDGE_TRAP_STACK_OVERFLOW) << name;
    EXPECT_EQ(probe('r', kShort).leave, Leave::completed) << "the next one on the slot";
  }
}

TEST_F(StackLimit, OfNothingIsTheLeastThatAHostCallNeeds) {
  const Ran ran = probe('g', 0, 1);
  EXPECT_EQ(ran.leave, Leave::completed);
  EXPECT_EQ(ran.output.size(), 4u);
}

TEST_F(StackLimit, LeavesOtherTrapsAndOutcomesAsTheyAre) {
  EXPECT_EQ(probe('/', kShort).trap, SLEDGE_TRAP_INTEGER_DIVIDE_BY_ZERO);
  EXPECT_EQ(probe('o', kShort, uint64_t{1} << 32).trap, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  EXPECT_EQ(probe('e', kShort, 7).exit_code, 7);
  EXPECT_EQ(probe('p', kShort, 1000).leave, Leave::completed) << "also when it has been left";
}

TEST_F(StackLimit, IsCleanedBetweenTenantsWhateverTheirLimits) {
  run(*arena_, *module_, {.input = command('s'), .limits = of(UINT64_MAX), .tenant = 1});
  Sandbox *sandbox = start(*arena_, *module_, {.input = {}, .limits = of(kShort), .tenant = 2});
  const SlotMemory &memory = static_cast<Slot &>(*sandbox).memory;
  const uint8_t *bottom = memory.stack_bottom();
  for (uint64_t at = 0; at < memory.stack_bytes(); at++) {
    // The new context's own first frame lies below the limit.
    const bool is_frame = at >= kShort - 256 && at < kShort;
    ASSERT_TRUE(is_frame || bottom[at] == 0) << at;
  }
  end_sandbox(sandbox);
}

class Budget : public testing::Test {
 protected:
  /// By so many pages; the answer of memory.grow.
  uint32_t grow(Sandbox &sandbox) {
    EXPECT_EQ(run_to_end(sandbox), Leave::completed);
    uint32_t answer = 0;
    EXPECT_EQ(sandbox.output().size(), sizeof answer);
    memcpy(&answer, sandbox.output().data(), sizeof answer);
    return answer;
  }
  Sandbox *start_with(MemoryBudget &budget, const std::string &input) {
    EXPECT_TRUE(budget.take(module_memory_bytes(*module_)));
    return start_after_resets(*arena_, *module_,
                              {.input = input, .limits = {}, .memory_budget = &budget});
  }

  SandboxThread thread_;
  std::shared_ptr<const Module> module_ = load("probe");
  std::shared_ptr<Arena> arena_ = open_arena(3);
};

TEST_F(Budget, GrowthBeyondItAnswersMinusOneAndTakesNothing) {
  const std::string four = command('g', 4);
  MemoryBudget budget(9 * kPage);
  Sandbox *first = start_with(budget, four);
  EXPECT_EQ(grow(*first), 2u);
  EXPECT_EQ(budget.used_bytes(), 6 * kPage);
  Sandbox *second = start_with(budget, four);
  EXPECT_EQ(grow(*second), UINT32_MAX);
  EXPECT_EQ(second->memory_bytes(), 2 * kPage);
  EXPECT_EQ(budget.used_bytes(), 8 * kPage);
  EXPECT_FALSE(budget.take(module_memory_bytes(*module_))) << "a third one has no room";
  MemoryBudget neighbours(9 * kPage);
  Sandbox *neighbour = start_with(neighbours, four);
  EXPECT_EQ(grow(*neighbour), 2u) << "of another owner";
  end_sandbox(neighbour);
  end_sandbox(first);
  EXPECT_EQ(budget.used_bytes(), 2 * kPage);
  end_sandbox(second);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST_F(Budget, IsGivenBackOnceHoweverTheSandboxEnds) {
  MemoryBudget budget(2 * kPage);
  for (const char name : {'r', 's', 'e', 'u', 'g'}) {
    const std::string input = command(name, 1);
    Sandbox *sandbox = start_with(budget, input);
    ASSERT_NE(sandbox, nullptr);
    EXPECT_EQ(budget.used_bytes(), 2 * kPage);
    run_to_end(*sandbox);
    sandbox->return_memory();
    EXPECT_EQ(budget.used_bytes(), 0u) << name;
    end_sandbox(sandbox);
    EXPECT_EQ(budget.used_bytes(), 0u) << name;
  }
  Sandbox *never_run = start_with(budget, {});
  end_sandbox(never_run);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

} // namespace
} // namespace sledge::test
