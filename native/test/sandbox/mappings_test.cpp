// Goal: a process that may map no more goes on with what it has: what needs a mapping fails by
// itself, and works again once there is one.
// Method: pages with turns of protection until the kernel refuses, as it does at vm.max_map_count.
#include <sys/mman.h>

#include <cstring>
#include <fstream>

#include "harness.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kMappingsSane = 1'000'000;

uint64_t mappings_max() {
  std::ifstream file("/proc/sys/vm/max_map_count");
  uint64_t count = 0;
  file >> count;
  return count;
}

/// Holds every mapping that this process may have; each protected page splits what is around it.
class NoMappingsLeft {
 public:
  NoMappingsLeft() : bytes_(2 * mappings_max() * kPageBytes) {
    base_ = static_cast<uint8_t *>(
        mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (base_ == MAP_FAILED)
      return;
    for (uint64_t at = kPageBytes; at < bytes_; at += 2 * kPageBytes) {
      if (mprotect(base_ + at, kPageBytes, PROT_READ) != 0) {
        errno_ = errno;
        break;
      }
    }
  }
  ~NoMappingsLeft() {
    if (base_ != MAP_FAILED)
      munmap(base_, bytes_);
  }
  bool full() const { return errno_ == ENOMEM; }

 private:
  uint64_t bytes_;
  uint8_t *base_;
  int errno_ = 0;
};

class Mappings : public testing::Test {
 protected:
  void SetUp() override {
    if (kSlowSanitizer)
      GTEST_SKIP() << "a sanitizer needs mappings of its own";
    if (mappings_max() > kMappingsSane)
      GTEST_SKIP() << "vm.max_map_count is too large to be used up";
  }
  SandboxThread thread_;
};

TEST_F(Mappings, AModuleThatFindsNoneIsRefusedWithTheReasonAndLoadsLater) {
  ModuleLoadError error;
  {
    const NoMappingsLeft none;
    ASSERT_TRUE(none.full());
    EXPECT_EQ(load_module(module_path("right_import"), {1024}, error), nullptr);
  }
  EXPECT_EQ(error.code, SLEDGE_ERR_MODULE_LOAD);
  const bool says_why = error.detail.find("Cannot allocate memory") != std::string::npos ||
                        error.detail.find("failed to map segment") != std::string::npos;
  EXPECT_TRUE(says_why) << error.detail;
  EXPECT_NE(load("right_import"), nullptr);
}

TEST_F(Mappings, WhatRunsGoesOnAndItsMemoryGrowsOrDoesNot) {
  const auto probe = load("probe");
  const auto arena = open_arena(2);
  const std::string read = command('r');
  const std::string grow = command('g', 4);
  run(*arena, *probe, {.input = read, .limits = {}});
  Ran warm;
  Ran grown;
  {
    const NoMappingsLeft none;
    ASSERT_TRUE(none.full());
    warm = run(*arena, *probe, {.input = read, .limits = {}});
    grown = run(*arena, *probe, {.input = grow, .limits = {}});
  }
  EXPECT_EQ(warm.leave, Leave::completed);
  EXPECT_EQ(grown.leave, Leave::completed);
  uint32_t answer = 0;
  ASSERT_EQ(grown.output.size(), sizeof answer);
  memcpy(&answer, grown.output.data(), sizeof answer);
  EXPECT_TRUE(answer == 2 || answer == UINT32_MAX) << answer;
  EXPECT_EQ(run(*arena, *probe, {.input = grow, .limits = {}}).leave, Leave::completed);
}

TEST_F(Mappings, ASlotThatWasNeverUsedIsNotGivenAndIsLater) {
  const auto probe = load("probe");
  const auto arena = open_arena(1);
  const std::string read = command('r');
  Sandbox *refused = nullptr;
  {
    const NoMappingsLeft none;
    ASSERT_TRUE(none.full());
    refused = start(*arena, *probe, {.input = read, .limits = {}});
  }
  if (refused != nullptr) { // its pages needed no mapping more
    EXPECT_EQ(run_to_end(*refused), Leave::completed);
    end_sandbox(refused);
  }
  EXPECT_EQ(run(*arena, *probe, {.input = read, .limits = {}}).leave, Leave::completed);
}

} // namespace
} // namespace sledge::test
