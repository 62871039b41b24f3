// Goal: slots are bound, shared, evicted and never handed out twice; nothing leaks.
#include <thread>

#include "harness.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {
namespace {

TEST(Arena, SaysWhyItCannotBeReserved) {
  ModuleLoadError error;
  EXPECT_EQ(make_arena({.slot_count = 0, .stack_bytes = 262144}, error), nullptr);
  EXPECT_EQ(error.code, SLEDGE_ERR_NATIVE_ARENA);
  EXPECT_EQ(make_arena({.slot_count = 1, .stack_bytes = 1000}, error), nullptr);
  EXPECT_FALSE(error.detail.empty());
  if (!kThreadSanitizer) {
    EXPECT_EQ(make_arena({.slot_count = 16000, .stack_bytes = 64 << 20}, error), nullptr);
    EXPECT_NE(error.detail.find("GiB of address space"), std::string::npos) << error.detail;
  }
}

TEST(Arena, GivesEachSlotOnceAndNoneWhenAllAreTaken) {
  const auto module = load("empty");
  const auto arena = open_arena(2);
  Sandbox *first = start(*arena, *module, {});
  Sandbox *second = start(*arena, *module, {});
  EXPECT_NE(first, second);
  EXPECT_EQ(start(*arena, *module, {}), nullptr);
  EXPECT_EQ(arena_stats(*arena).in_use, 2u);
  end_sandbox(first);
  EXPECT_EQ(start(*arena, *module, {}), first);
  end_sandbox(first);
  end_sandbox(second);
  EXPECT_EQ(arena_stats(*arena).in_use, 0u);
}

TEST(Arena, KeepsWarmSlotsForTheirModuleAndRebindsTheLeastRecentlyUsed) {
  const auto a = load("empty");
  const auto b = load("right_import");
  const auto c = load("trap");
  const auto arena = open_arena(2);
  const auto once = [&](const Module &module) {
    Sandbox *sandbox = start(*arena, module, {});
    end_sandbox(sandbox);
    return sandbox;
  };
  Sandbox *slot_a = once(*a);
  Sandbox *slot_b = once(*b);
  EXPECT_NE(slot_a, slot_b);
  EXPECT_EQ(once(*a), slot_a);
  EXPECT_EQ(arena_stats(*arena).rebinds, 2u);
  EXPECT_EQ(once(*c), slot_b) << "b was used less recently than a";
  EXPECT_EQ(once(*a), slot_a);
  EXPECT_EQ(arena_stats(*arena).warm, 2u);
}

TEST(Arena, DoesNotShareAWarmSlotBetweenTenants) {
  const auto module = load("empty");
  const auto arena = open_arena(2);
  Sandbox *first = start(*arena, *module, {.input = {}, .limits = {}, .tenant = 1});
  end_sandbox(first);
  Sandbox *second = start(*arena, *module, {.input = {}, .limits = {}, .tenant = 2});
  EXPECT_NE(first, second);
  end_sandbox(second);
}

TEST(Arena, AnEvictedModuleIsUnloadedWhenNothingRunsIt) {
  const auto arena = open_arena(2);
  auto module = load("empty");
  const std::weak_ptr<const Module> watch = module;
  Sandbox *warm = start(*arena, *module, {});
  Sandbox *used = start(*arena, *module, {});
  end_sandbox(warm);
  evict_module(*arena, *module);
  module.reset();
  EXPECT_FALSE(watch.expired()) << "one still runs";
  end_sandbox(used);
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(arena_stats(*arena).warm, 0u);
}

TEST(Arena, TheSlotGoesOnToTheNextRequestAfterEveryKindOfEnding) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  for (const auto &input : {command('r'), command('u', 1), command('e', 3), command('w', 4000),
                            command('s'), command('p', 1000), command('d', 1)}) {
    Sandbox *sandbox = start(*arena, *probe, {.input = input, .limits = {}});
    ASSERT_NE(sandbox, nullptr);
    run_to_end(*sandbox);
    end_sandbox(sandbox);
  }
  Sandbox *never_run = start(*arena, *probe, {});
  end_sandbox(never_run);
  const std::string sleep = command('p', 1'000'000'000);
  Sandbox *blocked = start(*arena, *probe, {.input = sleep, .limits = {}});
  EXPECT_EQ(blocked->run(), Leave::blocked);
  end_sandbox(blocked);
  EXPECT_EQ(run(*arena, *probe, {.input = command('i'), .limits = {}}).output, command('i'));
}

TEST(Arena, ManyThreadsTakeAndReturnSlotsOfManyModules) {
  constexpr int kRounds = kThreadSanitizer ? 300 : 3000;
  const std::shared_ptr<const Module> modules[] = {load("empty"), load("probe"),
                                                   load("right_import"), load("touch_128kib")};
  const auto arena = open_arena(6);
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      const SandboxThread inner;
      for (int i = 0; i < kRounds; i++) {
        const uint32_t pick = (i * 7 + t * 3 + i / 5) % 4;
        const std::string input = command('i', i * 1000 + t);
        Sandbox *sandbox =
            start(*arena, *modules[pick], {.input = input, .limits = {}, .tenant = t % 3});
        if (sandbox == nullptr)
          continue;
        wrong += run_to_end(*sandbox) != Leave::completed;
        const std::string output(sandbox->output().begin(), sandbox->output().end());
        wrong += output != (pick == 1 ? input : "");
        end_sandbox(sandbox);
      }
    });
  }
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(arena_stats(*arena).in_use, 0u);
}

} // namespace
} // namespace sledge::test
