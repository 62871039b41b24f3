// policy_trial.hpp - policies in virtual time, for the contract suite: a seeded random load, and
// recorded logs played again.
#pragma once
#include <napi.h>

namespace sledge::binding {

/// policyTrial and policyReplay of core/src/contracts/native.ts.
Napi::Value policy_trial(const Napi::CallbackInfo &info);
Napi::Value policy_replay(const Napi::CallbackInfo &info);

} // namespace sledge::binding
