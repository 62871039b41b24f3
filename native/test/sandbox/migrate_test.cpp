// Goal: what was preempted on one thread goes on on another, and neither notices.
// Method: two threads in turn run the same sandbox, each until it is preempted; results are
// compared with those of a run that nobody disturbed, and the threads' own state is looked at.
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <unistd.h>

#include "pest.hpp"
#include "proof.hpp"
#include "sandbox/execution.hpp"
#include "sandbox/signals.hpp"

namespace sledge::test {
namespace {

constexpr uint64_t kRounds = 20'000;

/// Two sandbox threads that take turns with one sandbox until it ends.
class Relay {
 public:
  /// @param before Called by the thread that is about to run it.
  template <typename Before> Leave run(Sandbox &sandbox, Before before) {
    std::array<std::thread, 2> threads;
    for (uint32_t me = 0; me < 2; me++)
      threads[me] = std::thread([&, me] { take_turns(me, sandbox, before); });
    for (std::thread &thread : threads)
      thread.join();
    return leave_;
  }
  uint64_t turns() const { return turns_.load(); }
  /// Of the thread that runs now, or ran last.
  pid_t runner() const { return runner_.load(); }

 private:
  template <typename Before> void take_turns(uint32_t me, Sandbox &sandbox, Before before) {
    const SandboxThread entered;
    std::unique_lock lock(lock_);
    for (;;) {
      changed_.wait(lock, [&] { return next_ == me || leave_ != Leave::preempted; });
      if (leave_ != Leave::preempted)
        return;
      runner_ = gettid();
      before(sandbox);
      errno = static_cast<int>(100 + me);
      leave_ = sandbox.run();
      EXPECT_EQ(errno, static_cast<int>(100 + me));
      stack_t now{};
      sigaltstack(nullptr, &now);
      EXPECT_EQ(now.ss_sp, thread_state()->signal_stack) << "of thread " << me;
      EXPECT_EQ(now.ss_size, thread_state()->signal_stack_bytes);
      turns_++;
      next_ = 1 - me;
      changed_.notify_all();
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::atomic<pid_t> runner_{0};
  uint32_t next_ = 0;
  std::atomic<uint64_t> turns_{0};
  Leave leave_ = Leave::preempted;
};

class Migrate : public testing::Test {
 protected:
  std::string undisturbed(const Module &module, std::string_view input) {
    Sandbox *sandbox = start(*arena_, module, {.input = input, .limits = {}});
    const SandboxThread entered;
    EXPECT_EQ(sandbox->run(), Leave::completed);
    const std::string left = remains(*sandbox);
    end_sandbox(sandbox);
    return left;
  }

  /// Every function of the proof, until `wanted` turns have been taken.
  template <typename Disturb>
  void prove(const Module &module, uint64_t wanted, const char *what, Disturb disturb) {
    uint64_t turns = 0;
    for (uint32_t which = 0; turns < wanted || which < proof_count(); which++) {
      const uint32_t proof = which % proof_count();
      const std::string input = proof_input(proof, proof == 9 ? kRounds / 4 : kRounds);
      const std::string expected = undisturbed(module, input);
      Sandbox *sandbox = start(*arena_, module, {.input = input, .limits = {}});
      Relay relay;
      ASSERT_EQ(disturb(relay, *sandbox), Leave::completed) << kProofNames[proof];
      ASSERT_EQ(remains(*sandbox), expected) << kProofNames[proof];
      end_sandbox(sandbox);
      turns += relay.turns();
    }
    printf("%s: %llu turns\n", what, static_cast<unsigned long long>(turns));
  }

  static uint64_t wanted() { return is_long_run() ? 100'000 : 1'000; }

  std::shared_ptr<Arena> arena_ = open_arena(1);
};

TEST_F(Migrate, ByTheFlagAtSafepoints) {
  const auto module = load("proof_polled");
  prove(*module, wanted(), "flag", [](Relay &relay, Sandbox &sandbox) {
    const Pest pest(5, [&] { sandbox.request_leave(); });
    return relay.run(sandbox, [](Sandbox &) {});
  });
}

TEST_F(Migrate, BySignals) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  const auto module = load("proof");
  prove(*module, wanted(), "signal", [](Relay &relay, Sandbox &sandbox) {
    const Pest pest(30, [&] {
      if (const pid_t runner = relay.runner(); runner != 0)
        signal_thread(runner);
    });
    return relay.run(sandbox, [](Sandbox &) {});
  });
}

TEST_F(Migrate, ByTheTimeStampCounter) {
  const auto module = load("proof_time");
  Random random(5);
  prove(*module, wanted(), "time-stamp counter", [&](Relay &relay, Sandbox &sandbox) {
    return relay.run(sandbox,
                     [&](Sandbox &next) { next.leave_at(monotonic_ns() + random.below(10'000)); });
  });
}

/// Probes that a kill or their own stack's end must find on whichever thread they are.
class MigrateProbe : public Migrate {
 protected:
  /// Returns whether it was on both threads.
  bool expect(const std::string &input, Leave leave) {
    Sandbox *sandbox = start(*arena_, *probe_, {.input = input, .limits = {}});
    const uint64_t generation = sandbox->generation();
    Relay relay;
    {
      const Pest pest(50, [&] {
        if (leave == Leave::killed && relay.turns() > 20)
          sandbox->request_kill(generation);
        if (const pid_t runner = relay.runner(); runner != 0)
          signal_thread(runner);
      });
      EXPECT_EQ(relay.run(*sandbox, [](Sandbox &) {}), leave);
    }
    end_sandbox(sandbox);
    const SandboxThread entered;
    EXPECT_EQ(test::run(*arena_, *probe_, {.input = command('i', 7), .limits = {}}).output,
              command('i', 7));
    return relay.turns() > 1;
  }
  std::shared_ptr<const Module> probe_ = load("probe");
};

TEST_F(MigrateProbe, AKillFindsIt) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  for (int i = 0; i < 10; i++)
    EXPECT_TRUE(expect(command('l'), Leave::killed));
}

TEST_F(MigrateProbe, AStackOverflowIsItsTrap) {
  if (kThreadSanitizer)
    GTEST_SKIP() << "signals wait under the thread sanitizer";
  for (int migrated = 0; migrated < 10;) // some end before the first signal
    migrated += expect(command('m', 10'000'000), Leave::trapped) ? 1 : 0;
}

} // namespace
} // namespace sledge::test
