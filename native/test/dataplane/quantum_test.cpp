// Turns of real sandboxes whose code sees by itself when a quantum has ended: no timer, no signal.
#include <gtest/gtest.h>

#include <string_view>

#include "turns.hpp"

namespace sledge::dataplane::testing {

TEST(Quantum, OfMicrosecondsRotatesByTheTimeStampCounterAlone) {
  for (const double quantum_us : {5.0, 10.0, 50.0}) {
    Turns turns({"spin_time", Mechanism::tsc, quantum_us});
    turns.begin();
    ASSERT_TRUE(turns.reach(3'000, &Turns::turns_that_nobody_asked_to_end)) << quantum_us << " us";
    printf("quantum %2.0f us: %.0f turns, %.0f interrupts, %.0f looks of the watchdog\n",
           quantum_us, turns.turns(), turns.statistic("interrupts"),
           turns.statistic("watchdogLooks"));
    EXPECT_EQ(turns.runtime->signals.load(), 0u);
    EXPECT_EQ(turns.runtime->timers.load(), 0u);
  }
}

TEST(Quantum, OfCodeThatDoesNotReadTheTimeStillEnds) {
  for (const char *module : {"spin_polled", "spin"}) {
    if (module == std::string_view("spin") && !signals_arrive) {
      continue;
    }
    Turns turns({module, Mechanism::tsc, 2'000});
    turns.begin();
    EXPECT_TRUE(turns.reach(20, &Turns::turns)) << module;
  }
}

TEST(Quantum, OfCodeThatReadsTheTimeEndsByTheOtherMechanismsAsWell) {
  for (const Mechanism mechanism : {Mechanism::safepoint, Mechanism::signal, Mechanism::timer}) {
    if (mechanism != Mechanism::safepoint && !signals_arrive) {
      continue;
    }
    Turns turns({"spin_time", mechanism, 2'000});
    turns.begin();
    EXPECT_TRUE(turns.reach(20, &Turns::turns)) << static_cast<int>(mechanism);
  }
}

} // namespace sledge::dataplane::testing
