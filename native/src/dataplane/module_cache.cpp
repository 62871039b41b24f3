#include "dataplane/module_cache.hpp"

#include <algorithm>

namespace sledge::dataplane {

namespace {

/// Found at once, so that to look through all that is loaded costs little for each that goes.
constexpr size_t candidate_share = 16;
/// What goes at once when the kernel gives no more mappings or memory.
constexpr size_t shortage_share = 16;

} // namespace

const Module *ModuleCache::load(Function &function, ModuleLoadError &error) {
  ModulePlace &place = function.place;
  Lock lock(lock_);
  loaded_one_.wait(lock, [&place] { return !place.loading; });
  if (place.kept != nullptr) {
    place.ready.store(place.kept.get(), std::memory_order_seq_cst);
    return place.kept.get();
  }
  place.loading = true;
  loading_++;
  make_room(lock);
  lock.unlock();
  ModulePointer module = open(function.spec, error);
  lock.lock();
  loading_--;
  place.loading = false;
  loaded_one_.notify_all();
  if (module == nullptr) {
    counters_.failures++;
    return nullptr;
  }
  counters_.loads++;
  place.kept = std::move(module);
  place.position = loaded_.size();
  loaded_.push_back(&function);
  place.ready.store(place.kept.get(), std::memory_order_seq_cst);
  return place.kept.get();
}

/// A second time with some unloaded, for there may have been no mappings left.
ModuleCache::ModulePointer ModuleCache::open(const FunctionSpec &spec, ModuleLoadError &error) {
  ModuleOptions options;
  options.memory_limit_pages = spec.memory_limit_pages;
  options.file = &spec.artifact_file;
  options.libraries = spec.libraries;
  options.tenant = spec.tenant_name;
  ModulePointer module = load_module(spec.artifact_path, options, error);
  if (module != nullptr || !error.is_shortage) {
    return module;
  }
  {
    Lock lock(lock_);
    unload_oldest(lock, loaded_.size() / shortage_share + 1);
  }
  return load_module(spec.artifact_path, options, error);
}

void ModuleCache::make_room(Lock &lock) {
  const size_t count = loaded_.size() + loading_;
  if (count > loaded_max_) {
    unload_oldest(lock, count - loaded_max_);
  }
}

void ModuleCache::unload_oldest(Lock &lock, size_t count) {
  while (count-- != 0) {
    const ModulePointer module = take_oldest();
    if (module == nullptr) {
      return;
    }
    lock.unlock();
    unload(module);
    lock.lock();
  }
}

/// Null: all that is loaded is needed.
ModuleCache::ModulePointer ModuleCache::take_oldest() {
  for (int attempt = 0; attempt < 2; attempt++) {
    while (!candidates_.empty()) {
      const Candidate oldest = candidates_.back();
      candidates_.pop_back();
      ModulePlace &place = oldest.function->place;
      if (place.kept != nullptr &&
          place.used_ns.load(std::memory_order_relaxed) == oldest.used_ns) {
        if (ModulePointer module = take(*oldest.function)) {
          return module;
        }
      }
    }
    if (attempt == 0) {
      find_candidates();
    }
  }
  return nullptr;
}

/// Null: it is pinned.
ModuleCache::ModulePointer ModuleCache::take(Function &function) {
  ModulePlace &place = function.place;
  place.ready.store(nullptr, std::memory_order_seq_cst);
  if (function.alive.load(std::memory_order_seq_cst) != 0) {
    place.ready.store(place.kept.get(), std::memory_order_seq_cst);
    return nullptr;
  }
  remove_from_list(function);
  counters_.unloads++;
  return std::move(place.kept);
}

void ModuleCache::find_candidates() {
  for (Function *function : loaded_) {
    if (function->alive.load(std::memory_order_relaxed) == 0) {
      candidates_.push_back({function, function->place.used_ns.load(std::memory_order_relaxed)});
    }
  }
  const auto is_older = [](const Candidate &a, const Candidate &b) {
    return a.used_ns < b.used_ns;
  };
  const size_t wanted = std::min(candidates_.size(), loaded_.size() / candidate_share + 1);
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::partial_sort(candidates_.begin(), end, candidates_.end(), is_older);
  candidates_.erase(end, candidates_.end());
  std::reverse(candidates_.begin(), candidates_.end());
}

void ModuleCache::remove_from_list(Function &function) {
  Function *last = loaded_.back();
  loaded_[function.place.position] = last;
  last->place.position = function.place.position;
  loaded_.pop_back();
}

void ModuleCache::unload(const ModulePointer &module) {
  runtime_.evict(*module);
}

void ModuleCache::forget(Function &function) {
  ModulePointer module;
  {
    const std::lock_guard guard(lock_);
    function.place.ready.store(nullptr, std::memory_order_relaxed);
    if (function.place.kept == nullptr) {
      return;
    }
    remove_from_list(function);
    module = std::move(function.place.kept);
  }
  unload(module);
}

ModuleCacheCounters ModuleCache::counters() const {
  const std::lock_guard guard(lock_);
  ModuleCacheCounters counters = counters_;
  counters.loaded = loaded_.size();
  return counters;
}

} // namespace sledge::dataplane
