// test_policies.hpp - small policies of the tests' own, and helpers to make engines.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/policy_loader.hpp"

namespace sledge::test {

/// A dispatcher whose callbacks are the test's own functions.
struct ScriptedDispatcher {
  std::function<void(sledge_request *, sledge_workers *)> arrive;
  std::function<void(uint32_t, sledge_workers *)> idle;
  std::function<void(sledge_request *, uint32_t, sledge_workers *)> preempted;
  std::function<void(const sledge_request *, uint32_t, sledge_workers *)> completed;
  std::function<void(const sledge_request *, sledge_removal, sledge_workers *)> removed;
  std::function<void(sledge_workers *)> tick;
  uint64_t tick_ns = 0;
  bool takes_preempted = false;

  /// The engine gets a reference: the dispatcher must outlive it.
  PolicyInstance instance();
};

/// A scheduler whose rank (and, if set, preempts) are the test's own functions.
struct ScriptedScheduler {
  std::function<sledge_rank(const sledge_request &, uint64_t now_ns)> rank;
  std::function<bool(const sledge_request &, const sledge_request &, uint64_t now_ns)> preempts;
  uint64_t quantum_ns = 0;
  uint64_t overdue_share_ppm = 0;

  PolicyInstance instance();
};

ScriptedScheduler fifo(uint64_t quantum_ns = 0);
/// Earliest deadline first; overdue requests in their band if `overdue` is set.
ScriptedScheduler edf(bool overdue = false);
/// Shortest remaining time first.
ScriptedScheduler shortest_remaining();
/// Assigns everything to worker `request.type % count`, with an interrupt.
ScriptedDispatcher by_type(bool interrupts);

/// The shared object of the built plugin `name`. SLEDGE_TEST_REPLACE=name=other takes that of
/// `other` instead: the tests of `name` must notice.
std::string library_of(const std::string &name);

/// The built plugin `name`, with one numeric option if `option` is not empty.
PolicyInstance plugin(const std::string &name, sledge_policy_kind kind,
                      const std::string &option = "", double value = 0);

/// 64 requests, 8 per run queue.
EngineConfig small_config(uint32_t worker_count);

std::unique_ptr<Engine> make_engine(const EngineConfig &config, PolicyInstance dispatcher,
                                    PolicyInstance scheduler);

/// Arrives a request; null if it was refused.
Request *arrive(Engine &engine, uint64_t now_ns, uint32_t type = 0, uint64_t estimate_ns = 1000,
                uint64_t deadline_ns = SLEDGE_NO_DEADLINE);

std::vector<Action> actions(Engine &engine);

/// True if the long form of a test is wanted (SLEDGE_TEST_LONG=1).
inline bool long_form() {
  const char *value = std::getenv("SLEDGE_TEST_LONG");
  return value != nullptr && std::string(value) == "1";
}

} // namespace sledge::test
