// function_table.hpp - what the data plane knows of each function.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sandbox/sandbox.hpp"

namespace sledge::dataplane {

/// What happens to an invocation whose deadline has passed.
enum class OnLate : uint8_t {
  run = 0,            ///< nothing
  drop_unstarted = 1, ///< it ends unless it has started
  abort = 2           ///< it ends
};

/// Limits over all functions of one tenant; 0: none.
struct TenantLimits {
  uint32_t concurrent_max = 0; ///< accepted and not ended
  uint32_t queued_max = 0;     ///< accepted and not started
};

struct Tenant {
  explicit Tenant(const TenantLimits &of) : limits(of) {}
  const TenantLimits limits;
  std::atomic<uint32_t> alive{0};
  std::atomic<uint32_t> queued{0};
};

struct FunctionSpec {
  std::string name;
  uint32_t tenant = 0;
  uint32_t group = 0;                   ///< of request types, for policies
  uint32_t worker_group = 0;            ///< whose workers run it
  std::shared_ptr<const Module> module; ///< null: run by external workers
  std::string artifact_path;            ///< what external workers load
  uint32_t memory_limit_pages = 1024;
  uint64_t relative_deadline_ns = 0;  ///< 0: none
  uint64_t expected_execution_ns = 0; ///< 0: unknown
  uint64_t wall_time_max_ns = 0;      ///< 0: no limit
  uint64_t cpu_time_max_ns = 0;       ///< on a worker, in its sandbox; 0: no limit
  uint64_t output_bytes_max = 1u << 20;
  uint32_t concurrent_max = 0; ///< accepted and not ended; 0: no limit
  uint32_t queued_max = 0;     ///< accepted and not started; 0: no limit
  OnLate on_late = OnLate::run;
  bool kill_on_disconnect = true; ///< a cancel ends it also when it has started
  bool polled = true;             ///< has safepoints; else only signals reach it
};

/// What became of a function's invocations. The owner's.
struct FunctionCounters {
  uint64_t completed_in_time = 0;
  uint64_t completed_late = 0;
  uint64_t completed_without_deadline = 0;
  uint64_t ended_by_deadline = 0; ///< dropped or aborted
  uint64_t ended_otherwise = 0;
};

/// Lives at a fixed address until it is removed and its last invocation has been reaped.
struct Function {
  FunctionSpec spec;
  uint32_t id = 0;
  std::atomic<uint32_t> alive{0};  ///< from submission to the reaping of the outcome
  std::atomic<uint32_t> queued{0}; ///< never started yet
  Tenant *tenant = nullptr;        ///< null: its tenant has no limits
  FunctionCounters counters;
  std::atomic<uint64_t> run_mean_ns{0}; ///< running estimate of the service time; 0: no sample
  std::atomic<bool> removed{false};

  void count_accepted() {
    alive.fetch_add(1, std::memory_order_relaxed);
    queued.fetch_add(1, std::memory_order_relaxed);
    if (tenant != nullptr) {
      tenant->alive.fetch_add(1, std::memory_order_relaxed);
      tenant->queued.fetch_add(1, std::memory_order_relaxed);
    }
  }
  /// It has started, or ends without.
  void count_started() {
    queued.fetch_sub(1, std::memory_order_relaxed);
    if (tenant != nullptr) {
      tenant->queued.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  void count_reaped() {
    if (tenant != nullptr) {
      tenant->alive.fetch_sub(1, std::memory_order_relaxed);
    }
    alive.fetch_sub(1, std::memory_order_release);
  }

  uint64_t estimate_ns() const {
    const uint64_t mean = run_mean_ns.load(std::memory_order_relaxed);
    return mean != 0 ? mean : spec.expected_execution_ns;
  }
  void learn(uint64_t run_ns) {
    const uint64_t mean = run_mean_ns.load(std::memory_order_relaxed);
    const uint64_t next = mean == 0 ? run_ns : mean - mean / 8 + run_ns / 8;
    run_mean_ns.store(next == 0 ? 1 : next, std::memory_order_relaxed);
  }
};

/// Bounded. `add`, `remove` and `find` are for the thread that owns the data plane.
class FunctionTable {
 public:
  explicit FunctionTable(uint32_t capacity);
  /// Null when the table is full.
  Function *add(FunctionSpec spec);
  void remove(uint32_t id);
  /// Null when there is no such function, or it was removed.
  Function *find(uint32_t id) {
    Function *function = id < slots_.size() ? slots_[id].get() : nullptr;
    return function != nullptr && !function->removed.load(std::memory_order_relaxed) ? function
                                                                                     : nullptr;
  }

 private:
  void sweep();
  const uint32_t capacity_;
  std::vector<std::unique_ptr<Function>> slots_;
  std::vector<uint32_t> removed_; ///< kept until nothing of theirs is alive
  std::vector<uint32_t> free_;
};

} // namespace sledge::dataplane
