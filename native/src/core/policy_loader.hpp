// policy_loader.hpp - loads a policy's shared object by path and creates the policy.
#pragma once
#include <string>

#include "core/policy_instance.hpp"

namespace sledge {

/// Loads `path` (absolute), checks its table and creates the policy. On failure an empty instance
/// and `error`: SLEDGE_ERR_NATIVE_POLICY_LOAD (no such file, no symbol, another version or kind, a
/// callback missing) or SLEDGE_ERR_NATIVE_POLICY_CREATE (the policy refused its options), each with
/// a reason. Never aborts. Allocates: call it outside the group's lock.
PolicyInstance load_policy(const std::string &path, sledge_policy_kind kind,
                           const PolicyConfig &config, PolicyError &error);

/// The same for a table that is already in the process (tests, the lab).
PolicyInstance create_policy(const sledge_policy_table *table, sledge_policy_kind kind,
                             const PolicyConfig &config, PolicyError &error);

} // namespace sledge
