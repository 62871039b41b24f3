// futex.hpp - sleeping on a word, and the lock of a worker group.
#pragma once
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace sledge::dataplane {

inline constexpr uint64_t no_timeout_ns = UINT64_MAX;

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

/// Sleeps while `word` is `expected`, at most timeout_ns. Spurious returns are possible.
inline void futex_wait(std::atomic<uint32_t> &word, uint32_t expected, uint64_t timeout_ns) {
  timespec limit{};
  timespec *limit_pointer = nullptr;
  if (timeout_ns != no_timeout_ns) {
    limit.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000u);
    limit.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000u);
    limit_pointer = &limit;
  }
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, expected,
          limit_pointer, nullptr, 0);
}

inline void futex_wake(std::atomic<uint32_t> &word, int count) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, count, nullptr,
          nullptr, 0);
}

/// Mutex that spins briefly before it sleeps: sections under it are some hundred nanoseconds.
class GroupLock {
 public:
  void lock() {
    uint32_t expected = 0;
    if (!state_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) {
      lock_contended();
    }
  }
  void unlock() {
    if (state_.exchange(0, std::memory_order_release) == 2) {
      futex_wake(state_, 1);
    }
  }

 private:
  void lock_contended() {
    for (int spin = 0; spin < 200; spin++) {
      uint32_t expected = 0;
      if (state_.load(std::memory_order_relaxed) == 0 &&
          state_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) {
        return;
      }
      cpu_relax();
    }
    while (state_.exchange(2, std::memory_order_acquire) != 0) {
      futex_wait(state_, 2, no_timeout_ns);
    }
  }

  std::atomic<uint32_t> state_{0}; // 0 free, 1 held, 2 held and somebody may sleep
};

} // namespace sledge::dataplane
