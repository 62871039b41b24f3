// rpc_poller_inline.cpp - a poller whose turns are a worker's: no thread is between a packet and
// the sandbox that it is for.
#include <poll.h>
#include <sched.h>

#include "dataplane/clock.hpp"
#include "transport/rpc_poller_bell.hpp"

namespace sledge::transport {

using dataplane::now_ns;

namespace {

/// A worker that has not polled for so long runs something: the thread stands in for it.
constexpr uint64_t stand_in_ns = 200'000;
constexpr uint64_t look_ns = 1'000'000;
constexpr uint64_t idle_look_ns = 10'000'000; ///< while the worker sleeps

} // namespace

/// One of the two threads has the poller; the other does without.
class RpcPoller::Turn {
 public:
  explicit Turn(std::atomic<bool> &in_turn) : in_turn_(in_turn) {
    is_ours_ = !in_turn_.load(std::memory_order_relaxed) &&
               !in_turn_.exchange(true, std::memory_order_acquire);
  }
  ~Turn() {
    if (is_ours_) {
      in_turn_.store(false, std::memory_order_release);
    }
  }
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;
  explicit operator bool() const { return is_ours_; }

 private:
  std::atomic<bool> &in_turn_;
  bool is_ours_ = false;
};

size_t RpcPoller::turn() {
  const Turn ours(in_turn_);
  const size_t news = ours ? take_turn() : 0;
  worker_turn_ns_.store(now_ns(), std::memory_order_relaxed);
  return news;
}

uint64_t RpcPoller::spin_ns() const {
  return always_polls() ? dataplane::no_timeout_ns : options_.spin_ns;
}

void RpcPoller::sleep(dataplane::Doorbell &bell, uint32_t seen) {
  worker_sleeps_.store(true, std::memory_order_seq_cst);
  {
    const Turn ours(in_turn_);
    if (ours && !stopping_.load(std::memory_order_seq_cst)) {
      const timespec timeout{0, static_cast<long>(until_timer_ns())};
      bell_->asleep.store(true, std::memory_order_seq_cst);
      intake_->begin_reaping();
      if (intake_->is_empty()) {
        bell.sleep_at(bell_->descriptor, seen,
                      [&] { ::ppoll(awaited_.data(), awaited_.size(), &timeout, nullptr); });
      }
      bell_->hear();
      turns_ = 0; // management is looked at next
    }
  }
  worker_sleeps_.store(false, std::memory_order_seq_cst);
  worker_turn_ns_.store(now_ns(), std::memory_order_relaxed);
}

/// The thread's, until it is to stop: packets are acknowledged and requests taken also while the
/// worker runs something for long.
void RpcPoller::stand_in() {
  while (!stopping_.load(std::memory_order_seq_cst)) {
    const bool sleeps = worker_sleeps_.load(std::memory_order_seq_cst);
    const uint64_t turn_ns = worker_turn_ns_.load(std::memory_order_relaxed);
    const uint64_t now = now_ns();
    if (sleeps || now < turn_ns + stand_in_ns) {
      const timespec rest{0, static_cast<long>(sleeps ? idle_look_ns : look_ns)};
      ::ppoll(nullptr, 0, &rest, nullptr);
      continue;
    }
    size_t news = 0;
    if (const Turn ours(in_turn_); ours) {
      news = take_turn();
    }
    if (news == 0) {
      const timespec rest{0, static_cast<long>(stand_in_ns)};
      ::ppoll(stand_in_awaited_.data(), stand_in_awaited_.size(), &rest, nullptr);
    }
  }
}

} // namespace sledge::transport
