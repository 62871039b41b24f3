// Goal: a recycled slot is, byte for byte, a fresh one; between tenants the stack too.
// Method: write everywhere a guest can, recycle, compare with a slot that never ran.
#include <cstring>

#include "harness.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {
namespace {

using Bytes = std::vector<uint8_t>;

struct Image {
  Bytes state; ///< without the header's addresses
  Bytes memory;
  std::vector<Bytes> tables;
  uint64_t memory_bytes = 0;
  uint32_t memory_pages = 0;
};

/// What the next guest on the slot could see.
Image image_of(Sandbox &sandbox) {
  const auto &slot = static_cast<Slot &>(sandbox);
  sledge_instance *instance = slot.execution.instance;
  const sledge_module_descriptor &descriptor = slot.module->descriptor();
  Image image;
  image.memory_bytes = instance->memory->bytes;
  image.memory_pages = instance->memory->pages;
  image.memory.assign(slot.memory.memory(), slot.memory.memory() + image.memory_bytes);
  const auto *bytes = reinterpret_cast<const uint8_t *>(instance);
  image.state.assign(bytes + sizeof *instance, bytes + descriptor.state_bytes);
  for (uint32_t i = 0; i < descriptor.table_count; i++) {
    const sledge_table_decl &decl = descriptor.tables[i];
    const sledge_table &table = table_in(instance, decl);
    const auto *entries = reinterpret_cast<const uint8_t *>(table.entries);
    // All the room it may grow into, not only its size now.
    image.tables.emplace_back(entries, entries + table.max * sizeof(sledge_table_entry));
    memset(image.state.data() + decl.state_offset - sizeof *instance, 0, 8); // its place
  }
  return image;
}

void expect_equal(const Image &a, const Image &b) {
  EXPECT_EQ(a.memory_bytes, b.memory_bytes);
  EXPECT_EQ(a.memory_pages, b.memory_pages);
  EXPECT_TRUE(a.memory == b.memory);
  EXPECT_TRUE(a.state == b.state);
  EXPECT_TRUE(a.tables == b.tables);
}

Image fresh_image(const Module &module) {
  const auto arena = open_arena(1);
  Sandbox *sandbox = start(*arena, module, {});
  Image image = image_of(*sandbox);
  end_sandbox(sandbox);
  return image;
}

/// The image that the next invocation of `module` in the arena's only slot meets.
Image next_image(Arena &arena, const Module &module, uint32_t tenant) {
  Sandbox *sandbox = nullptr;
  while (sandbox == nullptr) // the janitor may have it
    sandbox = start(arena, module, {.input = {}, .limits = {}, .tenant = tenant});
  Image image = image_of(*sandbox);
  end_sandbox(sandbox);
  return image;
}

TEST(Reset, ARecycledSlotEqualsAFreshOneAfterEverythingWasWritten) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const Image fresh = fresh_image(*probe);
  EXPECT_EQ(run(*arena, *probe, {.input = command('d', 0xaa), .limits = {}}).leave,
            Leave::completed);
  expect_equal(next_image(*arena, *probe, 1), fresh);
  expect_equal(next_image(*arena, *probe, 2), fresh);
}

TEST(Reset, ASlotThatWentToAnotherModuleAndBackEqualsAFreshOne) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto big = load("big_image");
  const auto empty = load("empty");
  const auto arena = open_arena(1);
  run(*arena, *probe, {.input = command('d', 0x55), .limits = {}});
  expect_equal(next_image(*arena, *empty, 1), fresh_image(*empty));
  expect_equal(next_image(*arena, *big, 1), fresh_image(*big));
  expect_equal(next_image(*arena, *empty, 1), fresh_image(*empty));
  expect_equal(next_image(*arena, *probe, 2), fresh_image(*probe));
}

TEST(Reset, TheInstanceAreaBelowASmallerStateHoldsNothingOfTheLastModule) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto empty = load("empty");
  const auto arena = open_arena(1);
  run(*arena, *probe, {.input = command('d', 0x77), .limits = {}});
  Sandbox *sandbox = start(*arena, *empty, {});
  const auto &slot = static_cast<Slot &>(*sandbox);
  const auto *instance = reinterpret_cast<const uint8_t *>(slot.execution.instance);
  for (const uint8_t *at = slot.memory.stack_top(); at < instance; at++)
    ASSERT_EQ(*at, 0) << at - slot.memory.stack_top();
  end_sandbox(sandbox);
}

TEST(Reset, AfterGrowthTheFirstAccessPastMemorySizeTrapsAsInAFreshSlot) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const auto probe_once = [&](char name, uint64_t argument) {
    return run(*arena, *probe, {.input = command(name, argument), .limits = {}});
  };
  for (int round = 0; round < 3; round++) {
    EXPECT_EQ(probe_once('d', 0xcc).leave, Leave::completed);
    EXPECT_EQ(probe_once('o', 2 * 65536 - 4).leave, Leave::completed);
    EXPECT_EQ(probe_once('o', 2 * 65536).trap, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
    EXPECT_EQ(probe_once('o', 15 * 65536).trap, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  }
}

TEST(Reset, MemoryGrownAgainIsZero) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  run(*arena, *probe, {.input = command('d', 0xee), .limits = {}});
  const std::string grow = command('g', 14);
  Sandbox *sandbox = start(*arena, *probe, {.input = grow, .limits = {}});
  EXPECT_EQ(run_to_end(*sandbox), Leave::completed);
  EXPECT_EQ(sandbox->memory_bytes(), 16 * 65536u);
  const Image image = image_of(*sandbox);
  for (size_t i = 2 * 65536; i < image.memory.size(); i++)
    ASSERT_EQ(image.memory[i], 0) << i;
  end_sandbox(sandbox);
}

TEST(Reset, MemoryGrowsToTheSmallerOfBothLimitsAndNoFurther) {
  const SandboxThread thread;
  const auto arena = open_arena(1);
  const auto grow = [&](const Module &module, uint64_t pages) {
    const Ran ran = run(*arena, module, {.input = command('g', pages), .limits = {}});
    uint32_t answer = 0;
    EXPECT_EQ(ran.output.size(), sizeof answer);
    memcpy(&answer, ran.output.data(), sizeof answer);
    return answer;
  };
  const auto own_limit = load("probe");
  EXPECT_EQ(grow(*own_limit, 0), 2u);
  EXPECT_EQ(grow(*own_limit, 14), 2u);
  EXPECT_EQ(grow(*own_limit, 15), 0xffffffffu);
  EXPECT_EQ(grow(*own_limit, 0xffffffffu), 0xffffffffu);
  const auto lower_limit = load("probe", 8);
  EXPECT_EQ(grow(*lower_limit, 6), 2u);
  EXPECT_EQ(grow(*lower_limit, 7), 0xffffffffu);
}

bool stack_is_clean(Sandbox &sandbox) {
  const auto &slot = static_cast<Slot &>(sandbox);
  // Its top holds the new context's own first frame.
  for (const uint8_t *at = slot.memory.stack_bottom(); at < slot.memory.stack_top() - 256; at++) {
    if (*at != 0)
      return false;
  }
  return true;
}

TEST(Reset, TheStackIsClearedWhenTheTenantChanges) {
  const SandboxThread thread;
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  run(*arena, *probe, {.input = command('s'), .limits = {}, .tenant = 1});
  Sandbox *same = start(*arena, *probe, {.input = {}, .limits = {}, .tenant = 1});
  EXPECT_FALSE(stack_is_clean(*same)) << "the test must be able to see a dirty one";
  end_sandbox(same);
  Sandbox *other = start(*arena, *probe, {.input = {}, .limits = {}, .tenant = 2});
  EXPECT_TRUE(stack_is_clean(*other));
  end_sandbox(other);
}

TEST(Reset, TheJanitorTakesSlotsThatAreTooDirtyForTheWorker) {
  const SandboxThread thread;
  const auto touch = load("touch_8mib");
  const auto image = load("big_image");
  const auto arena = open_arena(1);
  EXPECT_EQ(run(*arena, *touch, {}).leave, Leave::completed);
  expect_equal(next_image(*arena, *touch, 1), fresh_image(*touch));
  expect_equal(next_image(*arena, *image, 1), fresh_image(*image));
  EXPECT_GE(arena_stats(*arena).janitor_resets, 2u);
}

} // namespace
} // namespace sledge::test
