// function_table.hpp - what the data plane knows of each function.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataplane/tenant.hpp"
#include "sandbox/sandbox.hpp"

namespace sledge::dataplane {

inline constexpr uint32_t function_count_max = 32768;

class ModuleCache;

/// What happens to an invocation whose deadline has passed.
enum class OnLate : uint8_t {
  run = 0,            ///< nothing
  drop_unstarted = 1, ///< it ends unless it has started
  abort = 2           ///< it ends
};

struct FunctionSpec {
  std::string name;
  uint32_t tenant = 0;
  uint32_t group = 0;                   ///< of request types, for policies
  uint32_t worker_group = 0;            ///< whose workers run it
  std::shared_ptr<const Module> module; ///< loaded for good; null: by what follows
  std::string artifact_path;            ///< what workers load when it is called
  FileIdentity artifact_file;           ///< what that path named when it was deployed
  std::vector<std::shared_ptr<HostLibrary>> libraries; ///< that its module may import from
  std::string tenant_name;                             ///< for them
  std::shared_ptr<const Preopens> preopens;            ///< null: none
  uint32_t memory_limit_pages = 1024;
  uint64_t memory_bytes_min = 0;       ///< linear memory at its start
  std::shared_ptr<WarmInstances> warm; ///< null: each invocation has an instance of its own
  uint64_t relative_deadline_ns = 0;   ///< 0: none
  uint64_t expected_execution_ns = 0;  ///< 0: unknown
  uint64_t wall_time_max_ns = 0;       ///< 0: no limit
  uint64_t cpu_time_max_ns = 0;        ///< on a worker, in its sandbox; 0: no limit
  uint64_t output_bytes_max = 1u << 20;
  uint64_t stack_bytes_max = UINT64_MAX; ///< and never more than a slot has
  uint32_t concurrent_max = 0;           ///< accepted and not ended; 0: no limit
  uint32_t queued_max = 0;               ///< accepted and not started; 0: no limit
  OnLate on_late = OnLate::run;
  bool kill_on_disconnect = true; ///< a cancel ends it also when it has started
  /// Behind the environ of each request: strings that are NUL-terminated. Secrets, so what holds
  /// them is wiped.
  std::string environ;
  uint32_t environ_count = 0;
  bool polled = true; ///< has safepoints; else only signals reach it
};

/// What became of a function's invocations.
struct FunctionCounters {
  std::atomic<uint64_t> completed_in_time{0};
  std::atomic<uint64_t> completed_late{0};
  std::atomic<uint64_t> completed_without_deadline{0};
  std::atomic<uint64_t> ended_by_deadline{0}; ///< dropped or aborted
  std::atomic<uint64_t> ended_otherwise{0};

  void clear() {
    for (auto *count : {&completed_in_time, &completed_late, &completed_without_deadline,
                        &ended_by_deadline, &ended_otherwise}) {
      count->store(0, std::memory_order_relaxed);
    }
  }
};

/// Which limit a new invocation would exceed.
enum class Limit : uint8_t { none, concurrency, queued, tenant_concurrency, tenant_queued };

/// The module of a function in the module cache, which has all but `ready` and `used_ns` under its
/// lock.
struct ModulePlace {
  std::atomic<const Module *> ready{nullptr}; ///< null: ask the cache
  std::atomic<uint64_t> used_ns{0};           ///< when it was last called
  std::shared_ptr<const Module> kept;
  size_t position = 0; ///< in the cache's list
  bool loading = false;
};

/// Stays at its address as long as its table; what it says is valid for whoever has pinned it,
/// which each invocation does until its outcome is reaped.
struct Function {
  FunctionSpec spec;
  uint32_t id = 0;
  std::atomic<uint32_t> alive{0};  ///< pinned: from submission to the reaping of the outcome
  std::atomic<uint32_t> queued{0}; ///< never started yet
  Tenant *tenant = nullptr;        ///< null: nothing is counted of it
  FunctionCounters counters;
  ModulePlace place;
  std::atomic<uint64_t> run_mean_ns{0}; ///< running estimate of the service time; 0: no sample
  std::atomic<bool> removed{true};      ///< until it is added

  /// Null: its tenant may have any memory.
  MemoryBudget *memory_budget() const { return tenant != nullptr ? tenant->memory() : nullptr; }
  void pin() { alive.fetch_add(1, std::memory_order_seq_cst); }
  void unpin() { alive.fetch_sub(1, std::memory_order_release); }
  /// Counts in an invocation that has pinned it. With a limit nothing has changed. Several threads
  /// that come at once for the last place may all be refused.
  Limit count_accepted() {
    if (spec.concurrent_max != 0 && alive.load(std::memory_order_relaxed) > spec.concurrent_max) {
      return Limit::concurrency;
    }
    if (is_beyond(queued, spec.queued_max)) {
      return Limit::queued;
    }
    if (tenant == nullptr) {
      return Limit::none;
    }
    Limit over = Limit::tenant_concurrency;
    if (tenant->take_place()) {
      if (tenant->take_queue_place()) {
        return Limit::none;
      }
      tenant->leave();
      over = Limit::tenant_queued;
    }
    queued.fetch_sub(1, std::memory_order_relaxed);
    return over;
  }
  /// It has started, or ends without.
  void count_started() {
    queued.fetch_sub(1, std::memory_order_relaxed);
    if (tenant != nullptr) {
      tenant->leave_queue();
    }
  }
  void count_reaped() {
    count_left();
    unpin();
  }
  /// As `count_reaped`, and still pinned.
  void count_left() {
    if (tenant != nullptr) {
      tenant->leave();
    }
  }

  uint64_t estimate_ns() const {
    const uint64_t mean = run_mean_ns.load(std::memory_order_relaxed);
    return mean != 0 ? mean : spec.expected_execution_ns;
  }
  /// What was ended by others says no more than that it would have run longer.
  void learn(uint64_t run_ns, bool was_killed) {
    const uint64_t mean = run_mean_ns.load(std::memory_order_relaxed);
    if (was_killed && (mean == 0 || run_ns <= mean)) {
      return;
    }
    const uint64_t next = mean == 0 ? run_ns : mean - mean / 8 + run_ns / 8;
    run_mean_ns.store(next == 0 ? 1 : next, std::memory_order_relaxed);
  }

 private:
  static bool is_beyond(std::atomic<uint32_t> &count, uint32_t limit) {
    if (count.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) {
      return false;
    }
    count.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
};

/// Bounded. All but `pin` is for the thread that owns the data plane.
class FunctionTable {
 public:
  /// Of a function that is gone the cache is told to forget it.
  FunctionTable(uint32_t capacity, ModuleCache &modules);
  /// Null when the table is full.
  Function *add(FunctionSpec spec, Tenant *tenant);
  void remove(uint32_t id);
  /// Null when there is no such function, or it was removed.
  Function *find(uint32_t id);
  /// Ids are below this.
  uint32_t size() const { return static_cast<uint32_t>(functions_.size()); }
  /// The same for any thread: pinned, so that it stays what it is until it is unpinned.
  Function *pin(uint32_t id);

 private:
  void sweep();
  const uint32_t capacity_;
  ModuleCache &modules_;
  std::vector<std::unique_ptr<Function>> functions_; ///< by id; used again, never freed
  std::unique_ptr<std::atomic<Function *>[]> places_;
  std::vector<uint32_t> removed_; ///< kept until nothing of theirs is alive
  std::vector<uint32_t> free_;
};

} // namespace sledge::dataplane
