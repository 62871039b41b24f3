#include "dataplane/watchdog.hpp"

#include <algorithm>
#include <csignal>
#include <sys/prctl.h>

#include "dataplane/clock.hpp"

namespace sledge::dataplane {

namespace {
constexpr uint64_t watchdog_stack_bytes = 128u << 10;
constexpr uint64_t active_look_min_ns = 1'000'000;
constexpr uint64_t tick_slack_min_ns = 100'000;
constexpr uint64_t tick_slack_max_ns = 1'000'000;
} // namespace

int Watchdog::start() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, watchdog_stack_bytes);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(&thread_, &attributes, thread_main, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  joinable_ = failed == 0;
  return failed;
}

void Watchdog::stop() {
  if (joinable_) {
    stopping_.store(true, std::memory_order_seq_cst);
    bell_.ring();
    pthread_join(thread_, nullptr);
    joinable_ = false;
  }
}

void Watchdog::watch(const Watch &watch) {
  {
    const std::lock_guard<std::mutex> guard(heap_lock_);
    heap_.set(watch);
  }
  started(watch.due_ns);
}

void Watchdog::expect_limit(uint64_t limit_ns) {
  const uint64_t look_ns = std::max(limit_ns, active_look_min_ns);
  if (look_ns < active_look_ns_.load(std::memory_order_relaxed)) {
    active_look_ns_.store(look_ns, std::memory_order_relaxed);
  }
}

void *Watchdog::thread_main(void *self) {
  pthread_setname_np(pthread_self(), "sledge-watch");
  prctl(PR_SET_TIMERSLACK, 1); // the default rounds its sleeps by 50 us
  static_cast<Watchdog *>(self)->loop();
  return nullptr;
}

void Watchdog::loop() {
  while (!stopping_.load(std::memory_order_seq_cst)) {
    const uint32_t seen = bell_.look();
    const uint64_t next_ns = look(now_ns());
    const uint64_t now = now_ns();
    if (next_ns == UINT64_MAX) {
      bell_.sleep(seen, no_timeout_ns);
    } else if (next_ns > now) {
      bell_.sleep(seen, next_ns - now);
    }
  }
}

uint64_t Watchdog::look(uint64_t now_ns) {
  // Whoever starts something while we look rings, whatever its limit; whoever did so before has
  // published it before this store, and is seen.
  next_look_ns_.store(UINT64_MAX, std::memory_order_seq_cst);
  const uint64_t next_ns = look_at_all(now_ns);
  next_look_ns_.store(next_ns, std::memory_order_seq_cst);
  return next_ns;
}

uint64_t Watchdog::look_at_all(uint64_t now_ns) {
  looks_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t tick_ns = look_at_tick(now_ns);
  const bool active = active_.exchange(false, std::memory_order_seq_cst);
  const uint64_t again_ns =
      active ? now_ns + active_look_ns_.load(std::memory_order_relaxed) : UINT64_MAX;
  const uint64_t running_ns = target_.watch_running(now_ns);
  return std::min({again_ns, running_ns, look_at_heap(now_ns), tick_ns});
}

/// Returns when to look again.
uint64_t Watchdog::look_at_tick(uint64_t now_ns) {
  uint64_t slack_ns = tick_slack_ns_.load(std::memory_order_relaxed);
  uint64_t due_ns = target_.next_tick_ns();
  if (polled()) {
    if (due_ns != UINT64_MAX && due_ns + polled_slack_ns <= now_ns) {
      target_.watch_tick(now_ns);
      due_ns = target_.next_tick_ns();
    }
    return due_ns == UINT64_MAX ? UINT64_MAX : due_ns + polled_slack_ns;
  }
  if (due_ns != UINT64_MAX && due_ns + slack_ns <= now_ns) {
    target_.watch_tick(now_ns);
    slack_ns = slack_ns > tick_slack_min_ns ? slack_ns / 2 : 0;
    due_ns = target_.next_tick_ns();
  } else if (tick_seen_ns_ <= now_ns && due_ns != tick_seen_ns_) {
    slack_ns = std::clamp(2 * slack_ns, tick_slack_min_ns, tick_slack_max_ns);
  }
  tick_seen_ns_ = due_ns;
  tick_slack_ns_.store(slack_ns, std::memory_order_relaxed);
  return due_ns == UINT64_MAX ? UINT64_MAX : due_ns + slack_ns;
}

uint64_t Watchdog::look_at_heap(uint64_t now_ns) {
  for (;;) {
    Watch due;
    {
      const std::lock_guard<std::mutex> guard(heap_lock_);
      if (heap_.empty()) {
        return UINT64_MAX;
      }
      due = heap_.first();
      if (due.due_ns > now_ns) {
        return due.due_ns;
      }
      heap_.pop();
    }
    const uint64_t again_ns = target_.watch_due(due, now_ns);
    if (again_ns != UINT64_MAX) {
      const std::lock_guard<std::mutex> guard(heap_lock_);
      if (!heap_.contains(due.index)) {
        heap_.set({std::max(again_ns, now_ns + 1), due.index, due.generation});
      }
    }
  }
}

} // namespace sledge::dataplane
