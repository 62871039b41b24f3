// Goal: a sandbox can be taken from its worker at any moment, given back, or killed, by flag and by
// signal, and notices nothing.
// Method: endless loops, and modules/registers.c, which holds a value in every register class.
#include <csignal>
#include <cstring>
#include <unistd.h>

#include "harness.hpp"
#include "pest.hpp"
#include "sandbox/signals.hpp"
#include "sandbox/slot.hpp"

namespace sledge::test {
namespace {

class Preempt : public testing::Test {
 protected:
  Sandbox *start_probe(char name, uint64_t argument = 0) {
    return start(*arena_, *probe_, {.input = input_ = command(name, argument), .limits = {}});
  }
  /// Runs until killed by the pest; then the slot must serve another.
  void expect_killed(Sandbox *sandbox, bool by_signal) {
    const uint64_t generation = sandbox->generation();
    const pid_t worker = gettid();
    sandbox->request_kill(generation);
    Leave leave = Leave::killed;
    if (by_signal) {
      const Pest pest(50, [=] { signal_thread(worker); });
      leave = run_to_end(*sandbox);
    } else {
      const Pest pest(50, [=] { sandbox->request_leave(); });
      leave = run_to_end(*sandbox);
    }
    EXPECT_EQ(leave, Leave::killed);
    EXPECT_EQ(sandbox->run(), Leave::killed) << "an ended sandbox stays ended";
    end_sandbox(sandbox);
    EXPECT_EQ(run(*arena_, *probe_, {.input = command('i', 5), .limits = {}}).output,
              command('i', 5));
  }
  /// Kills after it has run for a while.
  void expect_killed_while_running(Sandbox *sandbox, bool by_signal) {
    const uint64_t generation = sandbox->generation();
    const pid_t worker = gettid();
    const uint64_t kill_at = monotonic_ns() + 2'000'000;
    Leave leave{};
    {
      const Pest pest(50, [=] {
        if (monotonic_ns() > kill_at)
          sandbox->request_kill(generation);
        if (by_signal)
          signal_thread(worker);
        else
          sandbox->request_leave();
      });
      leave = run_to_end(*sandbox);
    }
    EXPECT_EQ(leave, Leave::killed);
    end_sandbox(sandbox);
    EXPECT_EQ(run(*arena_, *probe_, {.input = command('i', 6), .limits = {}}).output,
              command('i', 6));
  }

  std::string input_;
  SandboxThread thread_;
  std::shared_ptr<const Module> probe_ = load("probe");
  std::shared_ptr<Arena> arena_ = open_arena(2);
};

TEST_F(Preempt, AnEndlessLoopWithPollsIsKilledByTheFlag) {
  expect_killed_while_running(start_probe('P'), false);
}

TEST_F(Preempt, AnEndlessLoopWithoutPollsIsKilledBySignal) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  for (int i = 0; i < 20; i++)
    expect_killed_while_running(start_probe('l'), true);
}

TEST_F(Preempt, ATightLoopOfHostCallsIsKilledByFlagAndBySignal) {
  expect_killed_while_running(start_probe('t'), false);
  if (!kThreadSanitizer)
    expect_killed_while_running(start_probe('t'), true);
}

TEST_F(Preempt, ALoopAtTheVeryEndOfItsStackIsKilledBySignal) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  for (uint64_t bytes_left = 256; bytes_left < 16384; bytes_left += 160) {
    Sandbox *sandbox = start_probe('E', bytes_left);
    const auto &slot = static_cast<Slot &>(*sandbox);
    const uint64_t bottom = reinterpret_cast<uintptr_t>(slot.memory.stack_bottom());
    input_.append(reinterpret_cast<const char *>(&bottom), sizeof bottom);
    end_sandbox(sandbox);
    expect_killed_while_running(start(*arena_, *probe_, {.input = input_, .limits = {}}), true);
  }
}

TEST_F(Preempt, AKillBeforeTheFirstInstructionIsSeen) {
  expect_killed(start_probe('P'), false);
  Sandbox *sandbox = start_probe('r');
  sandbox->request_kill(sandbox->generation());
  EXPECT_EQ(sandbox->run(), Leave::killed);
  end_sandbox(sandbox);
}

TEST_F(Preempt, AKillThatComesTooLateHurtsNobody) {
  Sandbox *first = start_probe('r');
  const uint64_t generation = first->generation();
  EXPECT_EQ(first->run(), Leave::completed);
  end_sandbox(first);
  Sandbox *second = start_probe('r');
  ASSERT_EQ(second, first);
  second->request_kill(generation);
  EXPECT_EQ(second->run(), Leave::completed);
  end_sandbox(second);
}

TEST_F(Preempt, ASleepingSandboxIsKilledWithoutBeingResumed) {
  Sandbox *sandbox = start_probe('p', 3'600'000'000'000);
  EXPECT_EQ(sandbox->run(), Leave::blocked);
  EXPECT_GT(sandbox->wake_at_ns(), monotonic_ns());
  sandbox->request_kill(sandbox->generation());
  EXPECT_EQ(sandbox->run(), Leave::killed);
  end_sandbox(sandbox);
}

TEST_F(Preempt, AFlagSetForALateSandboxNeverTouchesTheStateOfTheNext) {
  const auto registers = load("registers");
  const auto arena = open_arena(1);
  const std::string input(16, '\1');
  Sandbox *slot = start(*arena, *probe_, {});
  end_sandbox(slot);
  const Pest pest(0, [=] { slot->request_leave(); });
  for (int i = 0; i < 300; i++) {
    Sandbox *sandbox =
        start(*arena, i % 2 == 0 ? *probe_ : *registers, {.input = {}, .limits = {}});
    const auto &impl = static_cast<Slot &>(*sandbox);
    const auto *instance = impl.execution.instance;
    const auto *state = reinterpret_cast<const uint8_t *>(instance + 1);
    const uint8_t *end = impl.memory.memory();
    ASSERT_EQ(state[sizeof(sledge_table)], i % 2 == 0 ? 42 : 0);
    for (const uint8_t *at = state + sizeof(sledge_table) + 8; at < end; at++)
      ASSERT_EQ(*at, 0) << at - state;
    end_sandbox(sandbox);
  }
}

/// Bits 63 and 62: AVX-512BW, AVX.
uint64_t cpu_features() {
  return (__builtin_cpu_supports("avx512bw") != 0 ? 1ull << 63 : 0) |
         (__builtin_cpu_supports("avx") != 0 ? 1ull << 62 : 0);
}

TEST_F(Preempt, EveryRegisterKeepsItsValueUnderSignalsAtRandomPoints) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const auto registers = load("registers");
  const uint64_t words[2] = {400'000, cpu_features()};
  const std::string input(reinterpret_cast<const char *>(words), sizeof words);
  const RunOptions options{.input = input, .limits = {}};
  const std::string expected = run(*arena_, *registers, options).output;
  ASSERT_EQ(expected.size(), 9u);
  ASSERT_EQ(expected[0], 1);
  const pid_t worker = gettid();
  const Pest pest(20, [=] { signal_thread(worker); });
  uint64_t preemptions = 0;
  // Who sends the signals may stand still for a while.
  for (int i = 0; (i < 100 && preemptions < 2000) || (i < 10'000 && preemptions <= 100); i++) {
    // Two at once, taking turns, so that registers of one could show in the other.
    Sandbox *a = start(*arena_, *registers, options);
    Sandbox *b = start(*arena_, *registers, options);
    Leave leave_a = Leave::preempted;
    Leave leave_b = Leave::preempted;
    while (leave_a == Leave::preempted || leave_b == Leave::preempted) {
      leave_a = a->run();
      leave_b = b->run();
      preemptions += (leave_a == Leave::preempted) + (leave_b == Leave::preempted);
    }
    ASSERT_EQ(std::string(a->output().begin(), a->output().end()), expected);
    ASSERT_EQ(std::string(b->output().begin(), b->output().end()), expected);
    end_sandbox(a);
    end_sandbox(b);
  }
  EXPECT_GT(preemptions, 100u);
}

TEST_F(Preempt, AStormOfSignalsLosesNothingAndCrossesNothing) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const pid_t worker = gettid();
  const Pest pest(0, [=] { signal_thread(worker); });
  for (uint64_t i = 0; i < 3000; i++) {
    const std::string input = command('i', i);
    ASSERT_EQ(run(*arena_, *probe_, {.input = input, .limits = {}}).output, input);
    const Ran trapped = run(*arena_, *probe_, {.input = command('o', 1ull << 32), .limits = {}});
    ASSERT_EQ(trapped.trap, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  }
}

TEST_F(Preempt, DeepRecursionUnderSignalsOverflowsOnlyWhereItWouldWithout) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const pid_t worker = gettid();
  const Pest pest(0, [=] { signal_thread(worker); });
  for (int i = 0; i < 50; i++) {
    const Ran ran = run(*arena_, *probe_, {.input = command('s'), .limits = {}});
    ASSERT_EQ(ran.trap, SLEDGE_TRAP_STACK_OVERFLOW);
  }
}

TEST_F(Preempt, TheSignalIsUnblockedAgainAfterALeave) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  expect_killed_while_running(start_probe('l'), true);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, kPreemptSignal), 0);
  EXPECT_EQ(sigismember(&mask, SIGALRM), 1) << "others stay away from sandbox stacks";
}

} // namespace
} // namespace sledge::test
