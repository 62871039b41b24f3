// turns.hpp - a data plane with real sandboxes that run for ever, for tests of preemption.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <sched.h>
#include <string>

#include "core/policy_loader.hpp"
#include "dataplane/clock.hpp"
#include "dataplane/data_plane.hpp"

namespace sledge::dataplane::testing {

inline constexpr uint64_t give_up_ns = 20'000'000'000;

/// The real one, which also counts what must not happen.
class CountingRuntime final : public Runtime {
 public:
  explicit CountingRuntime(std::shared_ptr<Arena> arena) : real_(std::move(arena)) {}
  bool enter_thread() override { return real_.enter_thread(); }
  void leave_thread() override { real_.leave_thread(); }
  Sandbox *start(const SandboxStart &start) override { return real_.start(start); }
  void end(Sandbox *sandbox) override { real_.end(sandbox); }
  void evict(const Module &module) override { real_.evict(module); }
  void signal_thread(int32_t thread_id) override {
    signals.fetch_add(1);
    real_.signal_thread(thread_id);
  }
  void arm_timer(uint64_t deadline_ns) override {
    timers.fetch_add(deadline_ns != 0 ? 1 : 0);
    real_.arm_timer(deadline_ns);
  }
  ArenaStats stats() const override { return real_.stats(); }

  std::atomic<uint64_t> signals{0};
  std::atomic<uint64_t> timers{0};

 private:
  ArenaRuntime real_;
};

struct TurnsOptions {
  const char *module = "spin";
  Mechanism mechanism = Mechanism::safepoint;
  double quantum_us = 0; ///< of the scheduler
  const char *dispatcher = TEST_DISPATCHER;
  uint32_t worker_count = 1;
};

inline PolicyInstance turns_policy(const char *path, sledge_policy_kind kind,
                                   const TurnsOptions &turns, double quantum_us) {
  PolicyConfig config;
  config.worker_count = turns.worker_count;
  config.request_count_max = 64;
  config.type_count_max = function_count_max;
  config.options.push_back({"quantumUs", quantum_us, "", false});
  PolicyError error;
  return load_policy(path, kind, config, error);
}

struct NoWaker final : OutcomeWaker {
  void wake() override {}
};

/// Endless loops of real sandboxes that take turns on workers.
class Turns {
 public:
  explicit Turns(const TurnsOptions &turns) {
    ModuleLoadError error;
    module_ =
        load_module(std::string(SLEDGE_TEST_MODULES "/") + turns.module + ".wasm.so", {}, error);
    arena_ = make_arena({.slot_count = 4, .stack_bytes = 262144}, error);
    runtime = std::make_shared<CountingRuntime>(arena_);
    EngineConfig config;
    config.worker_count = turns.worker_count;
    config.migration = true;
    config.request_count_max = 64;
    config.queue_length_max = 64;
    PolicyError reason;
    DataPlaneOptions options;
    options.preemption.mechanism = turns.mechanism;
    options.preemption.grace_ns = 3'600'000'000'000;
    options.invocation_max = 64;
    plane = std::make_unique<DataPlane>(
        options,
        Engine::make(config, turns_policy(turns.dispatcher, SLEDGE_DISPATCHER, turns, 0),
                     turns_policy(TEST_SCHEDULER, SLEDGE_SCHEDULER, turns, turns.quantum_us),
                     reason),
        runtime, waker_);
    plane->start();
    FunctionSpec spec;
    spec.name = "spin";
    spec.polled = module_polled(*module_);
    spec.module = module_;
    function_ = plane->add_function(std::move(spec))->id;
  }
  ~Turns() { plane->stop(); }

  void begin(int loops = 2) {
    Submission submission;
    submission.function = function_;
    for (int i = 0; i < loops; i++) {
      EXPECT_GE(plane->submit(submission, false), 0);
    }
  }
  double statistic(const char *name) {
    for (const Statistic &item : plane->statistics()) {
      if (strcmp(item.name, name) == 0) {
        return item.value;
      }
    }
    ADD_FAILURE() << name;
    return 0;
  }
  bool reach(double wanted, double (Turns::*count)()) {
    const uint64_t limit_ns = now_ns() + give_up_ns;
    while ((this->*count)() < wanted) {
      if (now_ns() >= limit_ns) {
        return false;
      }
      sched_yield();
    }
    return true; // a difference of two counts may be less a moment later
  }
  double turns() { return statistic("preemptions"); }
  double migrations() { return statistic("migrations"); }
  double turns_that_nobody_asked_to_end() {
    const double interrupts = statistic("interrupts");
    return turns() - interrupts;
  }

  std::shared_ptr<CountingRuntime> runtime;
  std::unique_ptr<DataPlane> plane;

 private:
  NoWaker waker_;
  std::shared_ptr<const Module> module_;
  std::shared_ptr<Arena> arena_;
  uint32_t function_ = 0;
};

// Under the thread sanitizer a signal to uninstrumented code waits until that code calls something:
// what only signals reach is for the other builds.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool signals_arrive = false;
#else
inline constexpr bool signals_arrive = true;
#endif

} // namespace sledge::dataplane::testing
