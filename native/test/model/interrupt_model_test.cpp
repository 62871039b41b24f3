// The interrupt protocol (Worker::interrupt, Worker::run_sandbox, Sandbox::request_leave) with
// every interleaving of one worker and two senders. A background request runs for ever unless its
// flag is set; each sender queues one urgent request and interrupts what the engine says runs.
// Property: nothing urgent waits for ever behind the background request.
#include <gtest/gtest.h>

#include "explorer.hpp"

namespace sledge::model {
namespace {

enum class Mistake : uint8_t {
  none,
  skips_want_after_publish, // enters without looking at `wanted` again
  publishes_late,           // looks at `wanted` before it publishes `current`
  flag_before_want,         // the sender looks at `current` before it stores `wanted`
  clears_flag_on_entry,     // run() forgets a flag that was set before it
  clears_want_late          // `wanted` is cleared after the engine was asked
};

constexpr uint32_t kSenders = 2;
constexpr uint8_t kNobody = 0xff;
constexpr uint8_t kBackground = 0; // urgent requests are 1 and 2

struct InterruptState {
  uint8_t lock = 0;
  uint8_t running = kBackground; // by the engine
  uint8_t background_waits = 0;
  uint8_t urgent_waiting = 0;
  uint8_t interrupt_sent = 0; // the engine has asked the running one to leave already
  uint8_t wanted = kNobody;
  uint8_t current = kNobody;
  uint8_t flag = 0; // of the background request's instance
  uint8_t pc[1 + kSenders] = {};
  uint8_t target[kSenders] = {kNobody, kNobody};
  uint8_t urgent_done = 0;
  uint8_t next = kBackground;
  Mistake mistake = Mistake::none;

  bool step(uint32_t thread) { return thread == 0 ? worker() : sender(thread - 1); }

  bool take_lock(uint32_t thread) {
    if (lock != 0) {
      return false;
    }
    lock = static_cast<uint8_t>(thread + 1);
    return true;
  }

  void decide() { // the engine: urgent first; what is preempted waits
    interrupt_sent = 0;
    if (urgent_waiting != 0) {
      urgent_waiting--;
      background_waits = 1;
      next = 1;
    } else {
      background_waits = 0;
      next = kBackground;
    }
    running = next;
  }

  bool worker() {
    switch (pc[0]) {
    case 0:
      if (mistake == Mistake::publishes_late) {
        pc[0] = wanted == next ? 4 : 8;
      } else {
        current = next;
        pc[0] = 1;
      }
      return true;
    case 1:
      if (next == kBackground && wanted == kBackground &&
          mistake != Mistake::skips_want_after_publish && mistake != Mistake::publishes_late) {
        pc[0] = 4;
      } else {
        pc[0] = 2;
      }
      return true;
    case 2:
      if (mistake == Mistake::clears_flag_on_entry) {
        flag = 0;
      }
      pc[0] = 3;
      return true;
    case 3: // the sandbox runs: urgent ones end, the background polls
      if (next == kBackground) {
        if (flag == 0) {
          return false;
        }
        flag = 0;
      } else {
        urgent_done++;
      }
      pc[0] = 4;
      return true;
    case 4:
      if (mistake != Mistake::clears_want_late) {
        wanted = kNobody;
      }
      pc[0] = 5;
      return true;
    case 5:
      current = kNobody;
      pc[0] = 6;
      return true;
    case 6:
      if (!take_lock(0)) {
        return false;
      }
      decide();
      lock = 0;
      pc[0] = mistake == Mistake::clears_want_late ? 7 : 0;
      return true;
    case 7:
      wanted = kNobody;
      pc[0] = 0;
      return true;
    default: // only with publishes_late
      current = next;
      pc[0] = 2;
      return true;
    }
  }

  bool sender(uint32_t s) {
    uint8_t &at = pc[s + 1];
    const bool early = mistake == Mistake::flag_before_want;
    switch (at) {
    case 0:
      if (!take_lock(s + 1)) {
        return false;
      }
      urgent_waiting++;
      target[s] = running == kBackground && interrupt_sent == 0 ? running : kNobody;
      interrupt_sent = interrupt_sent != 0 || target[s] != kNobody;
      lock = 0;
      at = target[s] == kNobody ? 4 : 1;
      return true;
    case 1:
      if (early) {
        flag = flag != 0 || current == kBackground;
      } else {
        wanted = target[s];
      }
      at = 2;
      return true;
    case 2:
      if (early) {
        wanted = target[s];
        at = 4;
      } else {
        at = current == kBackground ? 3 : 4;
      }
      return true;
    case 3:
      flag = 1;
      at = 4;
      return true;
    default:
      return false;
    }
  }
};

Exploration explore_interrupt(Mistake mistake) {
  InterruptState first;
  first.mistake = mistake;
  const auto check = [](const InterruptState &state) -> std::string {
    return state.urgent_done == kSenders ? "" : "urgent work waits behind the background";
  };
  return explore(first, 1 + kSenders, 20'000'000, check);
}

TEST(InterruptModel, NoInterleavingLosesAnInterrupt) {
  const Exploration result = explore_interrupt(Mistake::none);
  EXPECT_EQ(result.violation, "");
  EXPECT_GT(result.states, 200u);
  EXPECT_GT(result.ends, 0u);
}

TEST(InterruptModel, FindsEachPlantedMistake) {
  for (const Mistake mistake :
       {Mistake::skips_want_after_publish, Mistake::publishes_late, Mistake::flag_before_want,
        Mistake::clears_flag_on_entry, Mistake::clears_want_late}) {
    EXPECT_EQ(explore_interrupt(mistake).violation, "urgent work waits behind the background")
        << "mistake " << static_cast<int>(mistake);
  }
}

} // namespace
} // namespace sledge::model
