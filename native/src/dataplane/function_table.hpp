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

struct FunctionSpec {
  std::string name;
  uint32_t tenant = 0;
  uint32_t group = 0;
  std::shared_ptr<const Module> module; ///< null: run by external workers
  std::string artifact_path;            ///< what external workers load
  uint32_t memory_limit_pages = 1024;
  uint64_t relative_deadline_ns = 0;  ///< 0: none
  uint64_t expected_execution_ns = 0; ///< 0: unknown
  uint64_t wall_time_max_ns = 0;      ///< 0: no limit
  uint64_t output_bytes_max = 1u << 20;
  uint32_t concurrent_max = 0; ///< accepted and not ended; 0: no limit
  uint32_t queued_max = 0;     ///< accepted and not started; 0: no limit
};

/// Lives at a fixed address until it is removed and its last invocation has been reaped.
struct Function {
  FunctionSpec spec;
  uint32_t id = 0;
  std::atomic<uint32_t> alive{0};       ///< from submission to the reaping of the outcome
  std::atomic<uint32_t> queued{0};      ///< never started yet
  std::atomic<uint64_t> run_mean_ns{0}; ///< running estimate of the service time; 0: no sample
  std::atomic<bool> removed{false};

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
