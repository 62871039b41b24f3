// plane_metrics.hpp - functionMetrics, workerMetrics and groupMetrics of NativeDataPlane.
#pragma once
#include <napi.h>

#include "plane_holder.hpp"

namespace sledge::binding {

/// A Float64Array of FUNCTION_METRICS numbers, or null: nothing has been counted.
Napi::Value function_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);
/// Float64Arrays of all rows, one behind the other.
Napi::Value worker_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);
Napi::Value group_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);

} // namespace sledge::binding
