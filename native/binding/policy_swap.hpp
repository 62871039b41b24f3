// policy_swap.hpp - policies exchanged while the data plane serves.
#pragma once
#include <napi.h>

#include "plane_holder.hpp"

namespace sledge::binding {

/// setPolicies and policyStatus of NativeDataPlane. Thread that owns the data plane.
void set_policies(const Napi::CallbackInfo &info, PlaneHolder &holder);
Napi::Value policy_status(const Napi::CallbackInfo &info, PlaneHolder &holder);

} // namespace sledge::binding
