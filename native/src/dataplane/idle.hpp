// idle.hpp - how a worker without work waits for some.
#pragma once
#include <atomic>
#include <cstdint>
#include <sys/eventfd.h>

#include "dataplane/futex.hpp"

namespace sledge::dataplane {

enum class IdleKind : uint8_t { spin, adaptive, block };

/// The door at which one worker waits and others knock. No knock is lost: the worker reads `seen`
/// before it looks for work, and sleeps only while nobody has knocked since.
class Doorbell {
 public:
  uint32_t look() const { return knocks_.load(std::memory_order_acquire); }
  bool changed(uint32_t seen) const { return look() != seen; }
  /// Any thread; true: the worker sleeps and `rouse` must follow.
  bool knock() {
    knocks_.fetch_add(1, std::memory_order_seq_cst);
    return sleeping_.load(std::memory_order_seq_cst) != 0;
  }
  void rouse() {
    const int descriptor = descriptor_.load(std::memory_order_seq_cst);
    if (descriptor >= 0) {
      eventfd_write(descriptor, 1);
    }
    futex_wake(knocks_, 1);
  }
  void ring() {
    if (knock()) {
      rouse();
    }
  }
  bool asleep() const { return sleeping_.load(std::memory_order_relaxed) != 0; }
  /// The worker; returns when somebody has knocked since `seen`, or after the timeout.
  void sleep(uint32_t seen, uint64_t timeout_ns) {
    sleep_by(seen, [&] { futex_wait(knocks_, seen, timeout_ns); });
  }
  /// Sleeps in `wait`, which whoever knocks ends by this eventfd.
  template <typename Wait> void sleep_at(int descriptor, uint32_t seen, const Wait &wait) {
    descriptor_.store(descriptor, std::memory_order_seq_cst);
    sleep_by(seen, wait);
    descriptor_.store(-1, std::memory_order_relaxed);
  }

 private:
  template <typename Wait> void sleep_by(uint32_t seen, const Wait &wait) {
    sleeping_.store(1, std::memory_order_seq_cst);
    if (knocks_.load(std::memory_order_seq_cst) == seen) {
      wait();
    }
    sleeping_.store(0, std::memory_order_relaxed);
  }

  alignas(64) std::atomic<uint32_t> knocks_{0};
  alignas(64) std::atomic<uint32_t> sleeping_{0};
  std::atomic<int> descriptor_{-1}; ///< where it sleeps; -1: at `knocks_`
};

/// Spins only where it pays: a sleep costs the worker and who wakes it some microseconds, so
/// spinning is worth it while work keeps coming sooner than that.
class IdlePolicy {
 public:
  IdlePolicy(IdleKind kind, uint64_t spin_ns) : kind_(kind), spin_ns_(spin_ns) {}

  /// How long to spin now before sleeping; no_timeout_ns: never sleep.
  uint64_t spin_ns() const {
    switch (kind_) {
    case IdleKind::spin:
      return no_timeout_ns;
    case IdleKind::block:
      return 0;
    case IdleKind::adaptive:
      break;
    }
    return gap_mean_ns_ <= spin_ns_ / pays_divisor ? spin_ns_ : 0;
  }
  /// The next work came this long after the worker had none.
  void learn(uint64_t gap_ns) {
    const uint64_t gap = gap_ns < gap_max_ns ? gap_ns : gap_max_ns;
    gap_mean_ns_ = gap_mean_ns_ - gap_mean_ns_ / 8 + gap / 8;
  }

 private:
  static constexpr uint64_t pays_divisor = 3;
  static constexpr uint64_t gap_max_ns = 1'000'000;
  const IdleKind kind_;
  const uint64_t spin_ns_;
  uint64_t gap_mean_ns_ = 0;
};

} // namespace sledge::dataplane
