// Goal: an instance goes on for its own function only, within its bounds, and never after a
// failure.
#include <cstring>
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
