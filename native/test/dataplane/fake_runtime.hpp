// fake_runtime.hpp - sandboxes that do what their function's name says, for tests of the data
// plane.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "dataplane/data_plane.hpp"

namespace sledge::dataplane::testing {

/// Of linear memory, at a sandbox's start.
inline constexpr uint64_t fake_memory_bytes = 65'536;

/// "empty", "echo" (its input), "trap", "exit", "loop" (until killed), "yield" (leaves three
/// times), "wait" (blocks once), "asleep" (blocks for an hour), "grow" (takes as much memory again,
/// and says 'y' or 'n'), "deaf" (runs 5 ms and hears no kill), "stone" (hears a kill after 20 ms),
/// "mute" (hears a kill only by a signal), "stubborn" (ends when a signal has come).
class FakeSandbox final : public Sandbox {
 public:
  void begin(const SandboxStart &start);
  Leave run() override;
  uint32_t trap_kind() const override { return SLEDGE_TRAP_UNREACHABLE; }
  int32_t exit_code() const override { return 7; }
  std::span<const uint8_t> output() const override { return output_; }
  std::span<const uint8_t> log() const override { return {}; }
  uint64_t wake_at_ns() const override { return wake_at_ns_; }
  uint64_t memory_bytes() const override { return 0; }
  uint64_t generation() const override { return generation_.load(); }
  void return_memory() override;
  void request_leave() override {}
  void leave_at(uint64_t) override {}
  void set_signals(const std::atomic<uint64_t> *signals) { signals_ = signals; }
  void request_kill(uint64_t generation) override {
    if (generation_.load() == generation) {
      killed_generation_.store(generation);
    }
  }
  bool in_use = false;

 private:
  MemoryBudget *memory_budget_ = nullptr;
  uint64_t memory_bytes_ = 0;
  void grow();
  bool killed() const { return killed_generation_.load() == generation_.load(); }
  bool signalled() const { return signals_->load() != signals_at_begin_; }
  std::string name_;
  std::vector<uint8_t> output_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<uint64_t> killed_generation_{0};
  uint64_t wake_at_ns_ = 0;
  const std::atomic<uint64_t> *signals_ = nullptr; ///< sent by the runtime, to any thread
  uint64_t signals_at_begin_ = 0;
  int turn_ = 0;
};

class FakeRuntime final : public Runtime {
 public:
  explicit FakeRuntime(size_t slots);
  bool enter_thread() override { return true; }
  void leave_thread() override {}
  Sandbox *start(const SandboxStart &start) override;
  void end(Sandbox *sandbox) override;
  void evict(const Module &) override {}
  void signal_thread(int32_t) override { signals.fetch_add(1); }
  void arm_timer(uint64_t deadline_ns) override { timers.fetch_add(deadline_ns != 0 ? 1 : 0); }
  ArenaStats stats() const override { return {}; }
  size_t slots_in_use();
  std::atomic<uint64_t> signals{0};
  std::atomic<uint64_t> timers{0}; ///< armed

 private:
  std::mutex lock_;
  std::vector<FakeSandbox> slots_;
};

class TestWaker final : public OutcomeWaker {
 public:
  void wake() override;
  /// False: nobody woke us within the time.
  bool wait(int milliseconds);

 private:
  std::mutex lock_;
  std::condition_variable woken_;
  bool is_woken_ = false;
};

struct Ending {
  Status status = Status::failed;
  int32_t detail = 0;
  std::string output;
  std::string log;
};

struct BenchOptions : DataPlaneOptions {
  BenchOptions() = default;
  BenchOptions(const DataPlaneOptions &options) : DataPlaneOptions(options) {}
  uint32_t worker_count = 1; ///< of each group
  uint32_t group_count = 1;
  const char *dispatcher = TEST_DISPATCHER;
};

/// A native policy for one group of such a bench.
PolicyInstance policy(const char *path, sledge_policy_kind kind, const BenchOptions &options,
                      double quantum_us = 0);

/// A running data plane with one function for each name, and what became of each submission.
class Bench {
 public:
  /// `quantum_us` 0: what runs is not preempted.
  explicit Bench(const BenchOptions &options, size_t slots = 64, double quantum_us = 0);
  /// With a runtime of one's own.
  Bench(const BenchOptions &options, std::shared_ptr<Runtime> of, double quantum_us = 0);
  ~Bench();

  /// With the memory that a fake sandbox has.
  uint32_t add(FunctionSpec spec) {
    spec.memory_bytes_min = fake_memory_bytes;
    return plane->add_function(std::move(spec))->id;
  }
  uint32_t add(const std::string &name, uint64_t wall_time_max_ns = 0, uint32_t concurrent_max = 0,
               uint32_t queued_max = 0);
  /// Index in `endings`, or minus the sledge_error.
  int64_t submit(uint32_t function, const std::string &input = "",
                 uint64_t relative_deadline_ns = 0);
  void cancel(size_t submission);
  /// Takes outcomes until all have ended, or for `seconds`; true: all have.
  bool settle(int seconds = 20);
  void reap();
  size_t open() const { return open_; }
  /// -1: there is none of this name.
  double statistic(std::string_view name);

  std::vector<Ending> endings;
  std::vector<int> ended_count;
  std::shared_ptr<FakeRuntime> runtime; ///< null: one's own
  TestWaker waker;
  std::unique_ptr<DataPlane> plane;

 private:
  std::vector<size_t> submission_of_; ///< by index of the invocation
  std::vector<uint32_t> index_of_;    ///< by submission
  size_t open_ = 0;
};

} // namespace sledge::dataplane::testing
