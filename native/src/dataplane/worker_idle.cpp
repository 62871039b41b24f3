// worker_idle.cpp - what a worker does for others while it has nothing to run, or between two runs.
#include <sched.h>

#include "dataplane/clock.hpp"
#include "dataplane/worker.hpp"

namespace sledge::dataplane {

namespace {

/// While invocations follow each other, their callers are looked after this often.
constexpr uint64_t between_ns = 20'000;
constexpr uint32_t turns_per_yield = 16;

/// Whoever takes the work away waits while it is in use.
class InUse {
 public:
  InUse(std::atomic<bool> &flag, std::atomic<IdleWork *> &work) : flag_(flag) {
    flag_.store(true, std::memory_order_seq_cst);
    work_ = work.load(std::memory_order_seq_cst);
  }
  ~InUse() { flag_.store(false, std::memory_order_release); }
  InUse(const InUse &) = delete;
  InUse &operator=(const InUse &) = delete;
  IdleWork *work() const { return work_; }

 private:
  std::atomic<bool> &flag_;
  IdleWork *work_;
};

} // namespace

void Worker::set_idle_work(IdleWork *work) {
  idle_work_.store(work, std::memory_order_seq_cst);
  doorbell_.ring();
  while (work == nullptr && in_idle_work_.load(std::memory_order_seq_cst)) {
    sched_yield();
  }
}

/// Until somebody knocks. False: it has nothing of this kind to do.
bool Worker::poll(uint32_t seen) {
  if (idle_work_.load(std::memory_order_relaxed) == nullptr) {
    return false;
  }
  uint64_t news_ns = now_ns();
  for (uint32_t turns = 1; !doorbell_.changed(seen); turns++) {
    const InUse use(in_idle_work_, idle_work_);
    IdleWork *work = use.work();
    if (work == nullptr) {
      return false;
    }
    if (work->turn() != 0) {
      news_ns = now_ns();
    } else if (work->spin_ns() != no_timeout_ns && now_ns() - news_ns > work->spin_ns()) {
      bump(counters_.sleeps);
      work->sleep(doorbell_, seen);
      news_ns = now_ns();
    } else if (turns % turns_per_yield == 0) {
      sched_yield(); // who is to send something may need this core
    }
  }
  polled_ns_ = now_ns();
  return true;
}

void Worker::poll_between() {
  if (idle_work_.load(std::memory_order_relaxed) == nullptr) {
    return;
  }
  const uint64_t now = now_ns();
  if (now - polled_ns_ < between_ns) {
    return;
  }
  polled_ns_ = now;
  const InUse use(in_idle_work_, idle_work_);
  if (use.work() != nullptr) {
    flush();
    use.work()->turn();
  }
}

} // namespace sledge::dataplane
