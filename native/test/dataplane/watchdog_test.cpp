// The watchdog sees to timers that nobody else sees to, and sleeps while somebody does. How seldom
// it looks is shown in virtual time, that no timer is lost with its own thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <sched.h>

#include "base/clock.hpp"
#include "dataplane/clock.hpp"
#include "dataplane/watchdog.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t us = 1'000;
constexpr uint64_t give_up_ns = 20'000'000'000;

/// One timer, as an engine behind a lock has it.
struct Timer final : WatchTarget {
  uint64_t watch_running(uint64_t) override { return UINT64_MAX; }
  uint64_t watch_due(const Watch &, uint64_t) override { return UINT64_MAX; }
  uint64_t next_tick_ns() override { return due_ns.load(); }
  void watch_tick(uint64_t) override { see_to_it(&seen_by_watchdog); }

  void set(uint64_t due) {
    due_ns.store(due);
    watchdog.tick_due(due);
  }
  void see_to_it(std::atomic<uint64_t> *count) {
    const std::lock_guard<std::mutex> guard(lock);
    if (due_ns.load() <= now_ns()) {
      due_ns.store(UINT64_MAX);
      count->fetch_add(1);
    }
  }

  std::mutex lock;
  std::atomic<uint64_t> due_ns{UINT64_MAX};
  std::atomic<uint64_t> seen_by_watchdog{0};
  std::atomic<uint64_t> seen_by_others{0};
  Watchdog watchdog{*this, 1};
};

/// The same without threads or clocks: the watchdog looks when it is called, and when it said.
struct VirtualTimer final : WatchTarget {
  uint64_t watch_running(uint64_t) override { return UINT64_MAX; }
  uint64_t watch_due(const Watch &, uint64_t) override { return UINT64_MAX; }
  uint64_t next_tick_ns() override { return due; }
  void watch_tick(uint64_t now_ns) override {
    seen_by_watchdog++;
    seen_ns = now_ns;
    see_to_it();
  }
  void set(uint64_t due_ns) {
    due = due_ns;
    watchdog.tick_due(due_ns);
  }
  void see_to_it() { due = UINT64_MAX; }
  /// To where others come first.
  void run_until(uint64_t end_ns) {
    while (watchdog.calls() != heard || next_look_ns < end_ns) {
      if (watchdog.calls() == heard) {
        now = std::max(now, next_look_ns);
      }
      heard = watchdog.calls();
      next_look_ns = watchdog.look(now);
    }
    now = end_ns;
  }

  uint64_t now = 1'000'000;
  uint64_t due = UINT64_MAX;
  uint64_t next_look_ns = UINT64_MAX;
  uint64_t seen_by_watchdog = 0;
  uint64_t seen_ns = 0;
  uint32_t heard = 0;
  Watchdog watchdog{*this, 1};
};

bool wait_for(const std::atomic<uint64_t> &count, uint64_t wanted) {
  const uint64_t limit_ns = now_ns() + give_up_ns;
  while (count.load() < wanted && now_ns() < limit_ns) {
    sched_yield();
  }
  return count.load() >= wanted;
}

void run_with_others(Timer &timer, uint64_t count) {
  for (uint64_t at = 0; at < count; at++) {
    const uint64_t due = now_ns() + 20 * us;
    timer.set(due);
    while (now_ns() < due) {
    }
    timer.see_to_it(&timer.seen_by_others);
  }
}

} // namespace

TEST(Watchdog, SeesToEachTimerThatNobodyElseSeesTo) {
  Timer timer;
  ASSERT_EQ(timer.watchdog.start(), 0);
  for (uint64_t count = 1; count <= 200; count++) {
    timer.set(now_ns() + count % 7 * 50 * us);
    ASSERT_TRUE(wait_for(timer.seen_by_watchdog, count)) << "timer " << count << " is lost";
  }
  timer.watchdog.stop();
}

TEST(Watchdog, SleepsWhileOthersSeeToTheTimers) {
  VirtualTimer timer;
  constexpr uint64_t count = 100'000;
  for (uint64_t at = 0; at < count; at++) {
    timer.set(timer.now + 20 * us);
    timer.run_until(timer.due);
    timer.see_to_it();
  }
  printf("%llu timers, %llu looks of the watchdog\n", static_cast<unsigned long long>(count),
         static_cast<unsigned long long>(timer.watchdog.looks()));
  EXPECT_EQ(timer.seen_by_watchdog, 0u);
  EXPECT_LT(timer.watchdog.looks(), count / 40) << "two seconds of virtual time";
}

TEST(Watchdog, IsOnTimeAgainSoonAfterOthersHaveStopped) {
  VirtualTimer timer;
  for (uint64_t at = 0; at < 10'000; at++) {
    timer.set(timer.now + 20 * us);
    timer.run_until(timer.due);
    timer.see_to_it();
  }
  for (uint64_t at = 0; at < 10; at++) {
    timer.set(timer.now + 20 * us);
    const uint64_t due = timer.due;
    timer.run_until(due + 2'000 * us);
    ASSERT_EQ(timer.seen_by_watchdog, at + 1) << "late by two milliseconds";
    if (at >= 5) {
      EXPECT_EQ(timer.seen_ns, due);
    }
  }
}

TEST(Watchdog, SeesToTheTimerAfterOthersHaveStopped) {
  Timer timer;
  ASSERT_EQ(timer.watchdog.start(), 0);
  for (uint64_t round = 1; round <= 5; round++) {
    run_with_others(timer, 1'000);
    const uint64_t seen = timer.seen_by_watchdog.load();
    timer.set(now_ns() + 100 * us);
    ASSERT_TRUE(wait_for(timer.seen_by_watchdog, seen + 1)) << "in round " << round;
  }
  timer.watchdog.stop();
}

TEST(Watchdog, LeavesTheTimersToAPoller) {
  constexpr uint64_t count = 2'000;
  Timer timer;
  ASSERT_EQ(timer.watchdog.start(), 0);
  timer.watchdog.set_polled(true);
  const uint64_t before = timer.watchdog.looks();
  const uint64_t start_ns = now_ns();
  run_with_others(timer, count);
  const uint64_t looks_max = 2 + (now_ns() - start_ns) / Watchdog::polled_slack_ns;
  EXPECT_LE(timer.watchdog.looks() - before, looks_max);
  timer.watchdog.stop();
}

TEST(Watchdog, SeesToTheTimerOfAPollerThatIsHeldUpOrHasEnded) {
  Timer timer;
  ASSERT_EQ(timer.watchdog.start(), 0);
  timer.watchdog.set_polled(true);
  timer.set(now_ns() + 100 * us);
  ASSERT_TRUE(wait_for(timer.seen_by_watchdog, 1));
  timer.set(now_ns() + 100 * us);
  timer.watchdog.set_polled(false);
  EXPECT_TRUE(wait_for(timer.seen_by_watchdog, 2));
  timer.watchdog.stop();
}

} // namespace sledge::dataplane::testing
