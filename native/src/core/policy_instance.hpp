// policy_instance.hpp - one created policy: its table, its state, and the library that holds both.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sledge/errors.h"
#include "sledge/policy.h"

namespace sledge {

struct PolicyError {
  sledge_error code = SLEDGE_OK;
  std::string reason;
};

struct PolicyOption {
  std::string name;
  double number = 0;
  std::string text;
  bool is_text = false;
};

struct PolicyConfig {
  std::vector<PolicyOption> options;
  uint32_t worker_count = 1;
  uint32_t type_count_max = 1024;
  uint32_t request_count_max = 1024;
  uint64_t seed = 1;
  uint32_t tenant_count_max = 1024;
};

/// The callbacks of a scheduler's table by today's contract: what its version lacks is null.
inline sledge_scheduler_ops scheduler_ops_of(const sledge_policy_table &table) {
  if (table.api_version >= 2)
    return *table.scheduler;
  sledge_scheduler_ops ops{};
  ops.rank = table.scheduler->rank;
  ops.preempts = table.scheduler->preempts;
  return ops;
}

/// Owns a policy's state; destroys it, and lets go of its library, at the end. Destroy it outside
/// the group's lock: a policy may free memory then.
class PolicyInstance {
 public:
  PolicyInstance() = default;
  PolicyInstance(const sledge_policy_table *table, void *self, std::shared_ptr<void> library)
      : table_(table), self_(self), library_(std::move(library)) {}
  PolicyInstance(PolicyInstance &&other) noexcept { swap(other); }
  PolicyInstance &operator=(PolicyInstance &&other) noexcept {
    PolicyInstance taken(std::move(other));
    swap(taken);
    return *this;
  }
  PolicyInstance(const PolicyInstance &) = delete;
  PolicyInstance &operator=(const PolicyInstance &) = delete;
  ~PolicyInstance() {
    if (table_ != nullptr && table_->destroy != nullptr)
      table_->destroy(self_);
  }

  explicit operator bool() const { return table_ != nullptr; }
  const sledge_policy_table *table() const { return table_; }
  void *self() const { return self_; }

 private:
  void swap(PolicyInstance &other) noexcept {
    std::swap(table_, other.table_);
    std::swap(self_, other.self_);
    std::swap(library_, other.library_);
  }
  const sledge_policy_table *table_ = nullptr;
  void *self_ = nullptr;
  std::shared_ptr<void> library_;
};

} // namespace sledge
