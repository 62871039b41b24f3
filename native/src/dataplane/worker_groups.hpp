// worker_groups.hpp - which dispatch core each worker belongs to.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/dispatch.hpp"

namespace sledge::dataplane {

/// The dispatch cores of a data plane, each with its workers. Workers are numbered through all
/// groups, in the order of the groups. Fixed after construction.
class WorkerGroups {
 public:
  /// One group for each engine, with as many workers as that engine has.
  WorkerGroups(std::vector<std::unique_ptr<Engine>> engines, ActionTarget &target, bool external) {
    const auto group_count = static_cast<uint32_t>(engines.size());
    for (auto &engine : engines) {
      const auto group = static_cast<uint32_t>(groups_.size());
      const auto first_worker = static_cast<uint32_t>(of_worker_.size());
      of_worker_.insert(of_worker_.end(), engine->worker_count(), group);
      groups_.push_back(std::make_unique<Dispatch>(std::move(engine), target, external,
                                                   first_worker, group, group_count));
    }
  }

  uint32_t count() const { return static_cast<uint32_t>(groups_.size()); }
  uint32_t worker_count() const { return static_cast<uint32_t>(of_worker_.size()); }
  Dispatch &at(uint32_t group) { return *groups_[group]; }
  const Dispatch &at(uint32_t group) const { return *groups_[group]; }
  uint32_t group_of(uint32_t worker) const { return of_worker_[worker]; }
  Dispatch &of_worker(uint32_t worker) { return *groups_[of_worker_[worker]]; }

 private:
  std::vector<std::unique_ptr<Dispatch>> groups_;
  std::vector<uint32_t> of_worker_;
};

} // namespace sledge::dataplane
