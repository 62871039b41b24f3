// Goal: a sandbox that was preempted computes what it would have computed without, to the bit.
// Method: modules/proof.c, whose functions use every kind of register; two sandboxes take turns on
// one thread, so that the registers of one could show in the other; their output and memory are
// compared with those of a run that nobody disturbed. Under each mechanism, at random moments.
#include <cstdio>
#include <unistd.h>

#include "pest.hpp"
#include "proof.hpp"
#include "sandbox/execution.hpp"
#include "sandbox/preempt_timer.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t kRounds = 20'000;
constexpr uint64_t kSayEvery = 20'000;

class PreemptProof : public testing::Test {
 protected:
  struct Case {
    std::string input;
    std::string expected;
  };

  void learn(const Module &module) {
    for (uint32_t which = 0; which < proof_count(); which++) {
      Case c{proof_input(which, which == 9 ? kRounds / 4 : kRounds), {}};
      Sandbox *sandbox = start(*arena_, module, {.input = c.input, .limits = {}});
      ASSERT_EQ(sandbox->run(), Leave::completed);
      c.expected = remains(*sandbox);
      end_sandbox(sandbox);
      cases_.push_back(std::move(c));
    }
  }

  /// Runs one turn; true if it was preempted in its own code.
  template <typename Before> Leave turn(Sandbox &sandbox, Leave last, Before before) {
    if (last != Leave::preempted)
      return last;
    before(sandbox);
    const uint64_t early = thread_state()->early_leaves;
    const Leave leave = sandbox.run();
    preemptions_ += leave == Leave::preempted && thread_state()->early_leaves == early;
    return leave;
  }

  template <typename Before> void run_pair(const Module &module, size_t index, Before before) {
    const Case &first = cases_[index % cases_.size()];
    const Case &second = cases_[(index / cases_.size() + index) % cases_.size()];
    Sandbox *a = start(*arena_, module, {.input = first.input, .limits = {}});
    Sandbox *b = start(*arena_, module, {.input = second.input, .limits = {}});
    Leave leave_a = Leave::preempted;
    Leave leave_b = Leave::preempted;
    while (leave_a == Leave::preempted || leave_b == Leave::preempted) {
      leave_a = turn(*a, leave_a, before);
      leave_b = turn(*b, leave_b, before);
    }
    ASSERT_EQ(leave_a, Leave::completed);
    ASSERT_EQ(leave_b, Leave::completed);
    ASSERT_EQ(remains(*a), first.expected) << kProofNames[index % cases_.size()];
    ASSERT_EQ(remains(*b), second.expected);
    end_sandbox(a);
    end_sandbox(b);
    results_ += 2;
  }

  /// Pairs until `wanted` preemptions.
  template <typename Before>
  void run_pairs(const Module &module, uint64_t wanted, const char *what, Before before) {
    uint64_t said = 0; // who runs the tests takes long silence for a hang
    for (size_t index = 0; preemptions_ < wanted && !HasFatalFailure(); index++) {
      run_pair(module, index, before);
      if (preemptions_ - said >= kSayEvery) {
        said = preemptions_;
        printf("%s: %llu preemptions so far\n", what, static_cast<unsigned long long>(said));
        fflush(stdout);
      }
    }
    printf("%s: %llu preemptions, %llu results compared\n", what,
           static_cast<unsigned long long>(preemptions_),
           static_cast<unsigned long long>(results_));
  }

  /// How many preemptions each mechanism must survive.
  static uint64_t wanted() {
    constexpr uint64_t kLong = kSlowSanitizer ? 100'000 : 1'000'000;
    return is_long_run() ? kLong : 6'000;
  }

  SandboxThread thread_;
  std::shared_ptr<Arena> arena_ = open_arena(2);
  std::vector<Case> cases_;
  uint64_t preemptions_ = 0;
  uint64_t results_ = 0;
};

TEST_F(PreemptProof, ByTheFlagAtSafepoints) {
  const auto module = load("proof_polled");
  learn(*module);
  Sandbox *slots[2] = {start(*arena_, *module, {}), start(*arena_, *module, {})};
  end_sandbox(slots[0]);
  end_sandbox(slots[1]);
  const Pest pest(5, [=] {
    slots[0]->request_leave();
    slots[1]->request_leave();
  });
  run_pairs(*module, wanted(), "flag", [](Sandbox &) {});
}

TEST_F(PreemptProof, BySignalsFromAnotherThread) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const auto module = load("proof");
  learn(*module);
  const pid_t worker = gettid();
  const Pest pest(30, [=] { signal_thread(worker); });
  run_pairs(*module, wanted(), "signal", [](Sandbox &) {});
}

TEST_F(PreemptProof, ByTicksOfATimer) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const auto module = load("proof");
  learn(*module);
  PreemptTimer timer;
  ASSERT_TRUE(timer.create());
  Random random(3);
  run_pairs(*module, wanted(), "timer",
            [&](Sandbox &) { timer.arm(monotonic_ns() + 2'000 + random.below(60'000)); });
}

TEST_F(PreemptProof, ByFlagAndSignalAtOnce) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const auto module = load("proof_polled");
  learn(*module);
  Sandbox *slot = start(*arena_, *module, {});
  end_sandbox(slot);
  const pid_t worker = gettid();
  const Pest flags(10, [=] { slot->request_leave(); });
  const Pest signals(60, [=] { signal_thread(worker); });
  run_pairs(*module, wanted() / 10, "flag and signal", [](Sandbox &) {});
}

TEST_F(PreemptProof, ByTheTimeStampCounter) {
  const auto module = load("proof_time");
  learn(*module);
  Random random(5);
  run_pairs(*module, wanted(), "time-stamp counter",
            [&](Sandbox &sandbox) { sandbox.leave_at(monotonic_ns() + random.below(10'000)); });
}

} // namespace
} // namespace sledge::test
