// simulate.hpp - one run in virtual time, on the calling thread.
#pragma once
#include <napi.h>

namespace sledge::binding {

/// `simulate` of core/src/contracts/native.ts.
Napi::Value simulate(const Napi::CallbackInfo &info);
/// `drawJobs` of core/src/contracts/native.ts.
Napi::Value draw_jobs(const Napi::CallbackInfo &info);

} // namespace sledge::binding
