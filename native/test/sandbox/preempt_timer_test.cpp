// Goal: a timer takes a sandbox without polls from its worker at its time, once and only when
// armed; and a signal is never lost, whatever the thread was doing when it came. Method: endless
// loops, which come back by a leave or not at all (then the test's time limit ends it).
#include <csignal>
#include <thread>
#include <unistd.h>

#include "pest.hpp"
#include "proof.hpp"
#include "sandbox/preempt_timer.hpp"
#include "sandbox/signals.hpp"

namespace sledge::test {
namespace {

class Timer : public testing::Test {
 protected:
  void SetUp() override {
    if (kThreadSanitizer)
      GTEST_SKIP() << "signals wait under the thread sanitizer";
    ASSERT_TRUE(timer_.create());
  }
  Sandbox *start_probe(char name, uint64_t argument = 0) {
    return start(*arena_, *probe_, {.input = input_ = command(name, argument), .limits = {}});
  }
  void kill(Sandbox *sandbox) {
    sandbox->request_kill(sandbox->generation());
    EXPECT_EQ(sandbox->run(), Leave::killed);
    end_sandbox(sandbox);
  }

  std::string input_;
  SandboxThread thread_;
  PreemptTimer timer_;
  std::shared_ptr<const Module> probe_ = load("probe");
  std::shared_ptr<Arena> arena_ = open_arena(2);
};

TEST_F(Timer, EachDeadlineTakesTheSandboxOnceAndNotBefore) {
  Sandbox *sandbox = start_probe('l');
  for (int i = 0; i < 200; i++) {
    const uint64_t deadline = monotonic_ns() + 150'000;
    timer_.arm(deadline);
    ASSERT_EQ(sandbox->run(), Leave::preempted);
    ASSERT_GE(monotonic_ns(), deadline);
  }
  kill(sandbox);
}

TEST_F(Timer, ADeadlineThatIsOverComesAtOnce) {
  Sandbox *sandbox = start_probe('l');
  for (uint64_t deadline : {uint64_t{0}, uint64_t{5}, monotonic_ns()}) {
    timer_.arm(deadline);
    EXPECT_EQ(sandbox->run(), Leave::preempted);
  }
  kill(sandbox);
}

TEST_F(Timer, ADisarmedTimerDisturbsNobody) {
  const auto module = load("proof");
  for (uint64_t delay_ns : {uint64_t{2'000'000}, uint64_t{5'000'000}}) {
    const std::string input = proof_input(0, 3'000'000); // some 20 ms
    Sandbox *sandbox = start(*arena_, *module, {.input = input, .limits = {}});
    timer_.arm(monotonic_ns() + delay_ns);
    timer_.disarm();
    EXPECT_EQ(sandbox->run(), Leave::completed);
    end_sandbox(sandbox);
  }
}

TEST_F(Timer, ALaterDeadlineReplacesTheEarlierOne) {
  Sandbox *sandbox = start_probe('l');
  const uint64_t now = monotonic_ns();
  timer_.arm(now + 3'000'000);
  timer_.arm(now + 6'000'000);
  EXPECT_EQ(sandbox->run(), Leave::preempted);
  EXPECT_GE(monotonic_ns(), now + 6'000'000);
  kill(sandbox);
}

TEST_F(Timer, ATickHasACostAndAQuantumALowerBound) {
  const uint64_t cost_ns = measure_tick_cost_ns();
  EXPECT_GT(cost_ns, 0u);
  EXPECT_EQ(quantum_floor_ns(cost_ns), 20 * cost_ns);
  RecordProperty("tick_cost_ns", static_cast<int>(cost_ns));
  Sandbox *sandbox = start_probe('l');
  timer_.arm(monotonic_ns());
  EXPECT_EQ(sandbox->run(), Leave::preempted) << "the thread takes signals as before";
  kill(sandbox);
}

TEST_F(Timer, ASignalInAHostCallIsActedOnWhenItReturns) {
  constexpr uint32_t kBytes = 14 * 65536;
  probe_ = load("probe_large", 20'000);
  uint32_t left = 0;
  for (uint64_t i = 0; i < 20 || (i < 10'000 && left == 0); i++) {
    Sandbox *sandbox = start_probe('G', kBytes); // nearly all the time within random_get
    // A slow machine takes longer until memory has grown.
    timer_.arm(monotonic_ns() + (i < 20 ? 300'000 : i % 100 * 100'000));
    Leave leave = sandbox->run();
    for (; leave == Leave::preempted; leave = sandbox->run())
      left += sandbox->memory_bytes() > kBytes;
    EXPECT_EQ(leave, Leave::completed);
    end_sandbox(sandbox);
  }
  EXPECT_GT(left, 0u);
}

TEST_F(Timer, OneSignalIsEnoughWhereverItMeetsCodeWithoutPolls) {
  const pid_t worker = gettid();
  std::atomic<uint32_t> turn{0};
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    Random random(1);
    for (uint32_t seen = 0; !stop;) {
      if (turn.load() == seen) {
        std::this_thread::yield();
        continue;
      }
      seen = turn.load();
      const uint64_t until = monotonic_ns() + random.below(10'000);
      while (monotonic_ns() < until) {
      }
      signal_thread(worker);
    }
  });
  Random random(2);
  for (int i = 0; i < 200; i++) {
    Sandbox *sandbox = start_probe('l');
    for (int k = 0; k < 3; k++) {
      turn++;
      const uint64_t until = monotonic_ns() + random.below(40'000);
      while (monotonic_ns() < until) {
      }
      ASSERT_EQ(sandbox->run(), Leave::preempted);
    }
    kill(sandbox);
  }
  stop = true;
  sender.join();
}

} // namespace
} // namespace sledge::test
