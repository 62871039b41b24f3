// combinations.hpp - the shipped dispatchers and schedulers with the options that change what they
// are.
#pragma once
#include <string>
#include <vector>

#include "test_policies.hpp"

namespace sledge::test {

struct Variant {
  std::string name;
  std::vector<PolicyOption> options;
  std::string title() const {
    return options.empty() ? name : name + " " + options[0].name + " " + options[0].text;
  }
  bool has(const std::string &option) const {
    return !options.empty() && options[0].name == option;
  }
};

inline PolicyInstance make_policy(const Variant &variant, sledge_policy_kind kind,
                                  uint32_t workers) {
  PolicyConfig config;
  config.options = variant.options;
  config.worker_count = workers;
  PolicyError error;
  PolicyInstance policy = load_policy(library_of(variant.name), kind, config, error);
  EXPECT_TRUE(policy) << error.reason;
  return policy;
}

inline std::vector<Variant> dispatcher_variants() {
  const std::vector<PolicyOption> interrupts = {{"interrupts", 1, "", false}};
  return {{"dispatch-global-queue", {}},
          {"dispatch-global-queue", {{"batch", 4, "", false}}},
          {"dispatch-rr", {}},
          {"dispatch-rr", interrupts},
          {"dispatch-jsq", {}},
          {"dispatch-jsq", interrupts},
          {"dispatch-lld", {}},
          {"dispatch-lld", interrupts},
          {"dispatch-edf-interrupt", {}},
          {"dispatch-shinjuku", {}},
          {"dispatch-shinjuku", {{"resume", 0, "same-worker", true}}},
          {"dispatch-darc", {{"windowRequests", 100, "", false}}},
          {"dispatch-darc", {{"reserved", 0, "1,1", true}, {"reservation", 0, "by-hand", true}}}};
}

inline std::vector<Variant> scheduler_variants() {
  return {{"sched-fifo", {}},
          {"sched-fifo", {{"quantumUs", 5, "", false}}},
          {"sched-edf", {}},
          {"sched-edf", {{"overdue", 0, "in-order", true}}},
          {"sched-edf", {{"overdue", 0, "slack", true}}},
          {"sched-sjf", {}},
          {"sched-sjf", {{"preemption", 0, "", false}}},
          {"sched-mtds", {}},
          {"sched-mtdbf", {}}};
}

inline bool interrupts(const Variant &dispatcher) {
  return dispatcher.has("interrupts") || dispatcher.name == "dispatch-edf-interrupt";
}

/// Shortest remaining time first, preempted at once.
inline bool is_srpt(const Variant &dispatcher, const Variant &scheduler) {
  return scheduler.name == "sched-sjf" && scheduler.options.empty() && interrupts(dispatcher);
}

} // namespace sledge::test
