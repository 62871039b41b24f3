// module_cache.hpp - modules of functions: loaded when they are first called, and beyond a bound
// unloaded again, least recently used first.
//
// A module stays loaded while its function is pinned, that is while anything of it waits, runs or
// is not reaped. Who pins reads `ready` afterwards; who unloads clears `ready` and then looks for
// pins: one of both sees the other. The bound is exceeded by no more than what is in flight.
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "dataplane/function_table.hpp"
#include "dataplane/runtime.hpp"

namespace sledge::dataplane {

struct ModuleCacheCounters {
  uint64_t loaded = 0; ///< now
  uint64_t loads = 0;
  uint64_t unloads = 0;
  uint64_t failures = 0; ///< that a module could not be loaded
};

class ModuleCache {
 public:
  /// `loaded_max` at least 1.
  ModuleCache(uint32_t loaded_max, Runtime &runtime) : loaded_max_(loaded_max), runtime_(runtime) {}
  ModuleCache(const ModuleCache &) = delete;
  ModuleCache &operator=(const ModuleCache &) = delete;

  /// Loads what the function's artifact is, on the calling thread, unless that is done; null with
  /// the reason. It stays until the function is unpinned. The function is pinned. Any thread.
  const Module *load(Function &function, ModuleLoadError &error);
  /// The function is gone, and nothing has it pinned. Any thread.
  void forget(Function &function);
  ModuleCacheCounters counters() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using ModulePointer = std::shared_ptr<const Module>;
  struct Candidate {
    Function *function;
    uint64_t used_ns; ///< as it was; used since then, it is none any more
  };

  ModulePointer open(const FunctionSpec &spec, ModuleLoadError &error);
  void make_room(Lock &lock);
  void unload_oldest(Lock &lock, size_t count);
  ModulePointer take_oldest();
  ModulePointer take(Function &function);
  void find_candidates();
  void remove_from_list(Function &function);
  void unload(const ModulePointer &module);

  const uint32_t loaded_max_;
  Runtime &runtime_;
  mutable std::mutex lock_;
  std::condition_variable loaded_one_;
  std::vector<Function *> loaded_;
  uint32_t loading_ = 0;
  std::vector<Candidate> candidates_; ///< the least recently used last
  ModuleCacheCounters counters_;
};

} // namespace sledge::dataplane
