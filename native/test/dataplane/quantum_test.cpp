// Turns of real sandboxes whose code sees by itself when a quantum has ended: no timer, no signal.
#include <gtest/gtest.h>

#include <string_view>

#include <cstring>
#include <sched.h>

#include "core/policy_loader.hpp"
#include "dataplane/clock.hpp"
#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

constexpr uint64_t give_up_ns = 20'000'000'000;

/// The real one, which also counts what must not happen.
class CountingRuntime final : public Runtime {
 public:
  explicit CountingRuntime(std::shared_ptr<Arena> arena) : real_(std::move(arena)) {}
  bool enter_thread() override { return real_.enter_thread(); }
  void leave_thread() override { real_.leave_thread(); }
  Sandbox *start(const SandboxStart &start) override { return real_.start(start); }
  void end(Sandbox *sandbox) override { real_.end(sandbox); }
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

PolicyInstance policy(const char *path, sledge_policy_kind kind, double quantum_us) {
  PolicyConfig config;
  config.request_count_max = 64;
  config.type_count_max = function_count_max;
  config.options.push_back({"quantumUs", quantum_us, "", false});
  PolicyError error;
  return load_policy(path, kind, config, error);
}

struct NoWaker final : OutcomeWaker {
  void wake() override {}
};

/// Two endless loops on one worker that takes turns.
class Turns {
 public:
  Turns(const char *module_name, Mechanism mechanism, double quantum_us) {
    ModuleLoadError error;
    module_ =
        load_module(std::string(SLEDGE_TEST_MODULES "/") + module_name + ".wasm.so", {}, error);
    arena_ = make_arena({.slot_count = 4, .stack_bytes = 262144}, error);
    runtime = std::make_shared<CountingRuntime>(arena_);
    EngineConfig config;
    config.request_count_max = 64;
    config.queue_length_max = 64;
    PolicyError reason;
    DataPlaneOptions options;
    options.preemption.mechanism = mechanism;
    options.preemption.grace_ns = 3'600'000'000'000;
    options.invocation_max = 64;
    plane = std::make_unique<DataPlane>(
        options,
        Engine::make(config, policy(TEST_DISPATCHER, SLEDGE_DISPATCHER, 0),
                     policy(TEST_SCHEDULER, SLEDGE_SCHEDULER, quantum_us), reason),
        runtime, waker_);
    plane->start();
    FunctionSpec spec;
    spec.name = "spin";
    spec.polled = module_polled(*module_);
    spec.module = module_;
    function_ = plane->add_function(std::move(spec))->id;
  }
  ~Turns() { plane->stop(); }

  void begin() {
    Submission submission;
    submission.function = function_;
    for (int i = 0; i < 2; i++) {
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
    while ((this->*count)() < wanted && now_ns() < limit_ns) {
      sched_yield();
    }
    return (this->*count)() >= wanted;
  }
  double turns() { return statistic("preemptions"); }
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
constexpr bool signals_arrive = false;
#else
constexpr bool signals_arrive = true;
#endif

} // namespace

TEST(Quantum, OfMicrosecondsRotatesByTheTimeStampCounterAlone) {
  for (const double quantum_us : {5.0, 10.0, 50.0}) {
    Turns turns("spin_time", Mechanism::tsc, quantum_us);
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
    Turns turns(module, Mechanism::tsc, 2'000);
    turns.begin();
    EXPECT_TRUE(turns.reach(20, &Turns::turns)) << module;
  }
}

TEST(Quantum, OfCodeThatReadsTheTimeEndsByTheOtherMechanismsAsWell) {
  for (const Mechanism mechanism : {Mechanism::safepoint, Mechanism::signal, Mechanism::timer}) {
    if (mechanism != Mechanism::safepoint && !signals_arrive) {
      continue;
    }
    Turns turns("spin_time", mechanism, 2'000);
    turns.begin();
    EXPECT_TRUE(turns.reach(20, &Turns::turns)) << static_cast<int>(mechanism);
  }
}

} // namespace sledge::dataplane::testing
