// addon.cpp - what `require('sledge.node')` gives: NativeBinding of core/src/contracts/native.ts.
#include <napi.h>

#include "data_plane_wrap.hpp"
#include "dataplane/clock.hpp"
#include "external_worker_wrap.hpp"
#include "measure_machine.hpp"
#include "policy_trial.hpp"
#include "test_store_wrap.hpp"

namespace sledge::binding {

namespace {

napi_value now_ns(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(dataplane::now_ns()), &result);
  return result;
}

Napi::Value measure_machine_now(const Napi::CallbackInfo &info) {
  Napi::Object facts = Napi::Object::New(info.Env());
  for (const MachineFact &fact : measure_machine()) {
    facts.Set(fact.name, Napi::Number::New(info.Env(), fact.value));
  }
  return facts;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  napi_value clock = nullptr;
  napi_create_function(env, "nowNs", NAPI_AUTO_LENGTH, now_ns, nullptr, &clock);
  exports.Set("nowNs", clock);
  exports.Set("version", Napi::String::New(env, SLEDGE_VERSION));
  exports.Set("arch", Napi::String::New(env, "x86_64"));
  exports.Set("DataPlane", DataPlaneWrap::define(env));
  exports.Set("ExternalWorker", ExternalWorkerWrap::define(env));
  exports.Set("TestStore", TestStoreWrap::define(env));
  exports.Set("measureMachine", Napi::Function::New(env, measure_machine_now, "measureMachine"));
  exports.Set("policyTrial", Napi::Function::New(env, policy_trial, "policyTrial"));
  exports.Set("policyReplay", Napi::Function::New(env, policy_replay, "policyReplay"));
  return exports;
}

} // namespace

} // namespace sledge::binding

using sledge::binding::init;

NODE_API_MODULE(sledge, init)
