// addon.cpp - what `require('sledge.node')` gives: NativeBinding of core/src/contracts/native.ts.
#include <napi.h>

#include "data_plane_wrap.hpp"
#include "dataplane/clock.hpp"
#include "external_worker_wrap.hpp"
#include "measure_machine.hpp"
#include "policy_thread.hpp"
#include "policy_trial.hpp"
#include "rpc/capture.hpp"
#include "rpc_client_wrap.hpp"
#include "rpc_server_wrap.hpp"
#include "simulate.hpp"
#include "test_store_wrap.hpp"
#include "values.hpp"

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

/// describeCapture(bytes): a line for each eRPC frame, with its time in ns before it.
Napi::Value describe_capture(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto bytes = info[0].As<Napi::Uint8Array>();
  std::string error;
  const auto frames = rpc::parse_pcap({bytes.Data(), bytes.ByteLength()}, error);
  if (!frames) {
    throw_error(env, SLEDGE_ERR_RPC_CAPTURE, error);
    return env.Undefined();
  }
  Napi::Array lines = Napi::Array::New(env);
  for (const rpc::CapturedFrame &frame : *frames) {
    const std::string text = rpc::describe_frame(frame.bytes);
    if (!text.empty()) {
      Napi::Object line = Napi::Object::New(env);
      line.Set("timeNs", static_cast<double>(frame.time_ns));
      line.Set("text", text);
      lines.Set(lines.Length(), line);
    }
  }
  return lines;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  napi_value clock = nullptr;
  napi_create_function(env, "nowNs", NAPI_AUTO_LENGTH, now_ns, nullptr, &clock);
  exports.Set("nowNs", clock);
  exports.Set("version", Napi::String::New(env, SLEDGE_VERSION));
  exports.Set("arch", Napi::String::New(env, "x86_64"));
  exports.Set("DataPlane", DataPlaneWrap::define(env));
  exports.Set("ExternalWorker", ExternalWorkerWrap::define(env));
  exports.Set("RpcClient", RpcClientWrap::define(env));
  exports.Set("RpcServer", RpcServerWrap::define(env));
  exports.Set("describeCapture", Napi::Function::New(env, describe_capture, "describeCapture"));
  exports.Set("PolicyThread", PolicyThread::define(env));
  exports.Set("TestStore", TestStoreWrap::define(env));
  exports.Set("simulate", Napi::Function::New(env, simulate, "simulate"));
  exports.Set("drawJobs", Napi::Function::New(env, draw_jobs, "drawJobs"));
  exports.Set("measureMachine", Napi::Function::New(env, measure_machine_now, "measureMachine"));
  exports.Set("policyTrial", Napi::Function::New(env, policy_trial, "policyTrial"));
  exports.Set("policyReplay", Napi::Function::New(env, policy_replay, "policyReplay"));
  return exports;
}

} // namespace

} // namespace sledge::binding

using sledge::binding::init;

NODE_API_MODULE(sledge, init)
