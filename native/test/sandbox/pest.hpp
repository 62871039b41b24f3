// pest.hpp - a thread that does something to another one, again and again.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>

#include "base/clock.hpp"

namespace sledge::test {

/// Random numbers that every run repeats.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t below(uint64_t bound) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return (state_ >> 33) % bound;
  }

 private:
  uint64_t state_;
};

/// Calls `act` with pauses of random length, `pause_us` on average, until it goes.
class Pest {
 public:
  template <typename Act> Pest(uint32_t pause_us, Act act) {
    thread_ = std::thread([this, pause_us, act] {
      Random random(pause_us + 1);
      while (!stop_.load(std::memory_order_relaxed)) {
        act();
        const uint64_t until = monotonic_ns() + random.below(2000ull * pause_us + 1);
        while (monotonic_ns() < until) {
          if (pause_us > 100)
            std::this_thread::yield();
        }
      }
    });
  }
  Pest(const Pest &) = delete;
  Pest &operator=(const Pest &) = delete;
  ~Pest() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace sledge::test
