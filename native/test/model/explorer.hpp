// explorer.hpp - visits every interleaving of a few small threads, for models of protocols.
//
// A model is a trivially copyable State with `bool step(uint32_t thread)`: one atomic step of that
// thread, false if it cannot move now (it waits, or is done). Memory is sequentially consistent:
// the protocols modelled use seq_cst where order matters, and the thread sanitizer and the stress
// tests watch the rest. Bounded: `states_max`.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace sledge::model {

struct Exploration {
  uint64_t states = 0;
  uint64_t ends = 0;     ///< states in which no thread can move
  std::string violation; ///< empty: every end satisfies the property
};

/// Visits every state reachable from `first`. `check(state)` is asked in each state in which no
/// thread can move, and says what is wrong there, or nothing. Stops at the first violation.
template <typename State, typename Check>
Exploration explore(const State &first, uint32_t threads, uint64_t states_max, Check check) {
  static_assert(std::is_trivially_copyable_v<State>);
  Exploration result;
  std::unordered_set<std::string> seen;
  std::vector<State> open;
  const auto visit = [&](const State &state) {
    if (seen.emplace(reinterpret_cast<const char *>(&state), sizeof state).second) {
      open.push_back(state);
    }
  };
  visit(first);
  while (!open.empty()) {
    if (seen.size() > states_max) {
      result.violation = "more states than the bound";
      break;
    }
    const State state = open.back();
    open.pop_back();
    bool moved = false;
    for (uint32_t thread = 0; thread < threads; thread++) {
      State next;
      std::memcpy(&next, &state, sizeof next); // padding too: it is part of the key
      if (next.step(thread)) {
        moved = true;
        visit(next);
      }
    }
    if (!moved) {
      result.ends++;
      result.violation = check(state);
      if (!result.violation.empty()) {
        break;
      }
    }
  }
  result.states = seen.size();
  return result;
}

} // namespace sledge::model
