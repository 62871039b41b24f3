// Goal: a host call with a lot of work can be left and killed in the middle of it.
// Method: calls whose work takes hundreds of ms; a kill after few. What is left undone shows.
#include <unistd.h>

#include "pest.hpp"
#include "proof.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t kGigabyte = 1ull << 30;

class WorkInHostCalls : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (kThreadSanitizer && by_signal())
      GTEST_SKIP() << "signals wait under the thread sanitizer";
  }
  static bool by_signal() { return GetParam(); }

  /// Asks for a leave every 200 us or so, and kills after a few of them within the work: it begins
  /// once memory has grown.
  Leave kill_in_the_middle(Sandbox &sandbox) {
    const uint64_t generation = sandbox.generation();
    const uint64_t bytes_before = sandbox.memory_bytes();
    const pid_t worker = gettid();
    std::atomic<uint32_t> leaves{0};
    const Pest pest(200, [=, &sandbox, &leaves] {
      if (leaves.load() >= 5)
        sandbox.request_kill(generation);
      if (by_signal())
        signal_thread(worker);
      else
        sandbox.request_leave();
    });
    Leave leave = sandbox.run();
    for (; leave == Leave::preempted; leave = sandbox.run())
      leaves += sandbox.memory_bytes() > bytes_before;
    return leave;
  }

  /// Begins anew what ends by itself, since who kills it stood still meanwhile.
  Sandbox *start_and_kill(const RunOptions &options) {
    for (int attempt = 1;; attempt++) {
      Sandbox *sandbox = start_after_resets(*arena_, *module_, options);
      const Leave leave = kill_in_the_middle(*sandbox);
      if (leave != Leave::completed || attempt == 20) {
        EXPECT_EQ(leave, Leave::killed);
        return sandbox;
      }
      end_sandbox(sandbox);
    }
  }

  SandboxThread thread_;
  std::shared_ptr<const Module> module_ = load("probe_large", 20'000);
  std::shared_ptr<Arena> arena_ = open_arena(1);
};

TEST_P(WorkInHostCalls, RandomBytesForAGigabyteEndAtAKill) {
  const std::string input = command('G', kGigabyte);
  Sandbox *sandbox = start_and_kill({.input = input, .limits = {}});
  const auto &slot = static_cast<Slot &>(*sandbox);
  ASSERT_GT(sandbox->memory_bytes(), kGigabyte);
  uint64_t last = 1;
  memcpy(&last, slot.memory.memory() + sandbox->memory_bytes() - 65536 - sizeof last, sizeof last);
  EXPECT_EQ(last, 0u) << "it had not come to the end";
  end_sandbox(sandbox);
}

TEST_P(WorkInHostCalls, AWriteOfAThousandLargeBuffersEndsAtAKill) {
  const std::string input = command('W', kGigabyte / 1024);
  const SandboxLimits limits{.output_bytes_max = 2 * kGigabyte};
  Sandbox *sandbox = start_and_kill({.input = input, .limits = limits});
  EXPECT_LT(sandbox->output().size(), kGigabyte);
  end_sandbox(sandbox);
}

TEST_P(WorkInHostCalls, AWriteThatIsLeftAndResumedLosesNothing) {
  const std::string input = command('W', 65536 * 5 + 13);
  const uint64_t bytes = 1024ull * (65536 * 5 + 13) / 16;
  const SandboxLimits limits{.output_bytes_max = bytes};
  const pid_t worker = gettid();
  Sandbox *sandbox = nullptr;
  uint64_t leaves = 0;
  // Who asks for them may stand still meanwhile.
  for (int attempt = 0; attempt < 20 && leaves == 0; attempt++) {
    if (sandbox != nullptr)
      end_sandbox(sandbox);
    sandbox = start_after_resets(*arena_, *module_, {.input = input, .limits = limits});
    const Pest pest(100, [=] {
      if (by_signal())
        signal_thread(worker);
      else
        sandbox->request_leave();
    });
    Leave leave = sandbox->run();
    for (; leave == Leave::preempted; leave = sandbox->run())
      leaves++;
    ASSERT_EQ(leave, Leave::output_limit);
  }
  EXPECT_GT(leaves, 0u);
  ASSERT_EQ(sandbox->output().size(), bytes);
  const auto &slot = static_cast<Slot &>(*sandbox);
  for (uint64_t at = 0; at < bytes; at += 4099)
    ASSERT_EQ(sandbox->output()[at], slot.memory.memory()[65536 + at % (65536 * 5 + 13)]) << at;
  end_sandbox(sandbox);
}

INSTANTIATE_TEST_SUITE_P(By, WorkInHostCalls, testing::Values(false, true),
                         [](const auto &by) { return by.param ? "Signal" : "Flag"; });

} // namespace
} // namespace sledge::test
