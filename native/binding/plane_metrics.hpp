// plane_metrics.hpp - functionMetrics, workerMetrics and groupMetrics of NativeDataPlane.
#pragma once
#include <napi.h>

#include "plane_holder.hpp"

namespace sledge::binding {

/// A Float64Array of FUNCTION_METRICS numbers, or null: nothing has been counted.
Napi::Value function_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);
/// Adds those of each function to a Float64Array, and behind them what is in flight and queued.
void sum_function_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);
/// A Uint32Array.
Napi::Value counted_functions(const Napi::CallbackInfo &info, PlaneHolder &holder);
/// Float64Arrays of all rows, one behind the other.
Napi::Value worker_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);
Napi::Value group_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder);

} // namespace sledge::binding
