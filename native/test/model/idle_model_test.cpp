// The idle protocol (dataplane/idle.hpp, dispatch.cpp, worker.cpp) with every interleaving of one
// worker and two submitters. Method: the real protocol must have no bad end, and each planted
// mistake must have one, so that the model is known to see what it is for.
#include <gtest/gtest.h>

#include "explorer.hpp"

namespace sledge::model {
namespace {

enum class Mistake : uint8_t {
  none,
  looks_at_bell_late,   // reads `seen` after it has looked for work
  sleeps_without_check, // does not compare the bell before it sleeps
  knocks_without_count, // a submitter rouses without moving the bell
  never_announces       // does not say that it sleeps
};

constexpr uint32_t kSubmitters = 2;
constexpr uint8_t kRequestsEach = 3;

struct IdleState {
  // the engine, under the lock
  uint8_t lock = 0; // 0 free, else thread + 1
  uint8_t queued = 0;
  uint8_t awake = 1;
  uint8_t wake_sent = 0;
  // the doorbell and the futex
  uint8_t knocks = 0;
  uint8_t sleeping = 0;
  uint8_t in_futex = 0;
  // threads; 0 is the worker
  uint8_t pc[1 + kSubmitters] = {};
  uint8_t left[kSubmitters] = {kRequestsEach, kRequestsEach};
  uint8_t wake[kSubmitters] = {};
  uint8_t seen = 0;
  uint8_t ran = 0;
  Mistake mistake = Mistake::none;

  bool step(uint32_t thread) { return thread == 0 ? worker() : submitter(thread - 1); }

  bool take_lock(uint32_t thread) {
    if (lock != 0) {
      return false;
    }
    lock = static_cast<uint8_t>(thread + 1);
    return true;
  }

  bool worker() {
    switch (pc[0]) {
    case 0: // the top of the loop
      if (mistake != Mistake::looks_at_bell_late) {
        seen = knocks;
      }
      pc[0] = 1;
      return true;
    case 1:
      if (!take_lock(0)) {
        return false;
      }
      pc[0] = 2;
      return true;
    case 2: // engine.next
      wake_sent = 0;
      awake = queued != 0;
      ran = static_cast<uint8_t>(ran + awake);
      queued = static_cast<uint8_t>(queued - awake);
      lock = 0;
      pc[0] = awake ? 1 : 3;
      return true;
    case 3:
      if (mistake == Mistake::looks_at_bell_late) {
        seen = knocks;
      }
      sleeping = mistake != Mistake::never_announces;
      pc[0] = 4;
      return true;
    case 4:
      pc[0] = knocks == seen || mistake == Mistake::sleeps_without_check ? 5 : 7;
      return true;
    case 5: // futex_wait: the kernel compares once more
      in_futex = knocks == seen || mistake == Mistake::sleeps_without_check;
      pc[0] = in_futex ? 6 : 7;
      return true;
    case 6:
      if (in_futex != 0) {
        return false;
      }
      pc[0] = 7;
      return true;
    default:
      sleeping = 0;
      pc[0] = 0;
      return true;
    }
  }

  bool submitter(uint32_t s) {
    uint8_t &at = pc[s + 1];
    switch (at) {
    case 0:
      if (left[s] == 0 || !take_lock(s + 1)) {
        return false;
      }
      at = 1;
      return true;
    case 1: // engine.arrive: a wake for a worker that will not look by itself
      queued++;
      left[s]--;
      wake[s] = awake == 0 && wake_sent == 0;
      wake_sent = wake_sent != 0 || wake[s] != 0;
      lock = 0;
      at = wake[s] != 0 ? 2 : 0;
      return true;
    case 2:
      if (mistake != Mistake::knocks_without_count) {
        knocks++;
      }
      at = 3;
      return true;
    case 3:
      at = sleeping != 0 ? 4 : 0;
      return true;
    default:
      in_futex = 0;
      at = 0;
      return true;
    }
  }
};

Exploration explore_idle(Mistake mistake) {
  IdleState first;
  first.mistake = mistake;
  return explore(first, 1 + kSubmitters, 20'000'000, [](const IdleState &state) -> std::string {
    return state.ran == kSubmitters * kRequestsEach ? "" : "the worker sleeps beside work";
  });
}

TEST(IdleModel, NoInterleavingLosesAWakeUp) {
  const Exploration result = explore_idle(Mistake::none);
  EXPECT_EQ(result.violation, "");
  EXPECT_GT(result.states, 1000u);
  EXPECT_GT(result.ends, 0u);
}

TEST(IdleModel, FindsEachPlantedMistake) {
  for (const Mistake mistake : {Mistake::looks_at_bell_late, Mistake::sleeps_without_check,
                                Mistake::knocks_without_count, Mistake::never_announces}) {
    EXPECT_EQ(explore_idle(mistake).violation, "the worker sleeps beside work")
        << "mistake " << static_cast<int>(mistake);
  }
}

} // namespace
} // namespace sledge::model
