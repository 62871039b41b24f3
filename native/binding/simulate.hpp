// simulate.hpp - one run in virtual time, on the calling thread.
#pragma once
#include <napi.h>

#include <vector>

#include "lab/workload.hpp"

namespace sledge::binding {

/// A Float64Array; empty when it is none.
std::vector<double> numbers_of(const Napi::Object &object, const char *name);
/// A whole number of at most 2^53; anything else is 0.
uint64_t whole_of(const Napi::Object &object, const char *name);
/// `shape` and `values` of the object.
lab::Distribution distribution_of(const Napi::Object &object);

/// `simulate` of core/src/contracts/native.ts.
Napi::Value simulate(const Napi::CallbackInfo &info);
/// `drawJobs` of core/src/contracts/native.ts.
Napi::Value draw_jobs(const Napi::CallbackInfo &info);

} // namespace sledge::binding
