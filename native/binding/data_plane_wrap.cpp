#include "data_plane_wrap.hpp"

#include <cstdlib>
#include <cstring>

#include "data_plane_options.hpp"
#include "plane_metrics.hpp"
#include "policy_swap.hpp"
#include "submit.hpp"
#include "values.hpp"

namespace sledge::binding {

namespace {

void on_wake(napi_env env, napi_value, void *context, void *) {
  if (env != nullptr) {
    static_cast<PlaneHolder *>(context)->deliver(false);
  }
}

Napi::Object object_of(Napi::Env env, const std::vector<dataplane::Statistic> &statistics) {
  Napi::Object object = Napi::Object::New(env);
  for (const dataplane::Statistic &statistic : statistics) {
    object.Set(statistic.name, Napi::Number::New(env, statistic.value));
  }
  return object;
}

void on_environment_end(void *argument) {
  static_cast<PlaneHolder *>(argument)->stop(false);
}

} // namespace

Napi::Function DataPlaneWrap::define(Napi::Env env) {
  return DefineClass(env, "DataPlane",
                     {InstanceMethod<&DataPlaneWrap::add_function>("addFunction"),
                      InstanceMethod<&DataPlaneWrap::remove_function>("removeFunction"),
                      InstanceMethod<&DataPlaneWrap::set_tenant>("setTenant"),
                      InstanceMethod<&DataPlaneWrap::begin_tenant>("beginTenant"),
                      InstanceMethod<&DataPlaneWrap::forget_tenant>("forgetTenant"),
                      InstanceMethod<&DataPlaneWrap::tenant_stats>("tenantStats"),
                      InstanceMethod<&DataPlaneWrap::kick>("kick"),
                      InstanceMethod<&DataPlaneWrap::cancel>("cancel"),
                      InstanceMethod<&DataPlaneWrap::close_intake>("closeIntake"),
                      InstanceMethod<&DataPlaneWrap::end_all>("endAll"),
                      InstanceMethod<&DataPlaneWrap::take_output>("takeOutput"),
                      InstanceMethod<&DataPlaneWrap::in_flight>("inFlight"),
                      InstanceMethod<&DataPlaneWrap::retry_after_ns>("retryAfterNs"),
                      InstanceMethod<&DataPlaneWrap::keep_events>("keepEvents"),
                      InstanceMethod<&DataPlaneWrap::take_events>("takeEvents"),
                      InstanceMethod<&DataPlaneWrap::take_completions>("takeCompletions"),
                      InstanceMethod<&DataPlaneWrap::stats>("stats"),
                      InstanceMethod<&DataPlaneWrap::function_stats>("functionStats"),
                      InstanceMethod<&DataPlaneWrap::function_metrics>("functionMetrics"),
                      InstanceMethod<&DataPlaneWrap::sum_function_metrics>("sumFunctionMetrics"),
                      InstanceMethod<&DataPlaneWrap::counted_functions>("countedFunctions"),
                      InstanceMethod<&DataPlaneWrap::worker_metrics>("workerMetrics"),
                      InstanceMethod<&DataPlaneWrap::group_metrics>("groupMetrics"),
                      InstanceMethod<&DataPlaneWrap::set_policies>("setPolicies"),
                      InstanceMethod<&DataPlaneWrap::policy_status>("policyStatus"),
                      InstanceMethod<&DataPlaneWrap::stop>("stop")});
}

DataPlaneWrap::DataPlaneWrap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<DataPlaneWrap>(info), holder_(std::make_shared<PlaneHolder>()) {
  const Napi::Env env = info.Env();
  if (info.Length() < 3 || !info[0].IsObject() || !info[1].IsFunction() || !info[2].IsFunction()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "DataPlane(options, onOutcomes, onKillWorker)");
    return;
  }
  watch_process_exit();
  holder_->env = env;
  holder_->on_outcomes = Napi::Persistent(info[1].As<Napi::Function>());
  holder_->on_kill_worker = Napi::Persistent(info[2].As<Napi::Function>());
  if (!build_plane(env, info[0].As<Napi::Object>(), *holder_) || !open_waker(env)) {
    return;
  }
  holder_->handle = register_plane(holder_);
  expose(info);
  napi_add_env_cleanup_hook(env, on_environment_end, holder_.get());
  hooked_ = true;
}

DataPlaneWrap::~DataPlaneWrap() {
  if (hooked_) {
    holder_->stop(false);
    napi_remove_env_cleanup_hook(holder_->env, on_environment_end, holder_.get());
  }
}

bool DataPlaneWrap::open_waker(Napi::Env env) {
  if (!holder_->waker.open(env, "sledge outcomes", holder_, on_wake)) {
    throw_error(env, SLEDGE_ERR_INTERNAL, "no thread-safe function");
    return false;
  }
  holder_->waker.hold(env, false);
  return true;
}

void DataPlaneWrap::expose(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Napi::Object self = info.This().As<Napi::Object>();
  self.Set("staging", share_memory(env, holder_, holder_->staging.get(), staging_bytes));
  self.Set("submission", share_memory(env, holder_, holder_->submission.get(),
                                      sizeof(double) * submission_fields));
  self.Set("outputs", share_memory(env, holder_, holder_->outputs.get(), outputs_bytes));
  self.Set("outcomes",
           share_memory(env, holder_, holder_->outcomes.get(),
                        sizeof(double) * outcome_fields * dataplane::outcome_batch_max));
  self.Set("handle", Napi::Number::New(env, holder_->handle));
  self.Set("tokenCount", Napi::Number::New(env, holder_->plane->invocation_count()));
  self.Set("submit", make_submit(env, holder_));
}

Napi::Value DataPlaneWrap::add_function(const Napi::CallbackInfo &info) {
  dataplane::FunctionSpec spec = function_spec(info[0].As<Napi::Object>());
  spec.libraries = holder_->libraries;
  ModuleLoadError error;
  if (holder_->arena != nullptr && !check_module(spec, error)) {
    throw_error(info.Env(), error.code, error.detail);
    return info.Env().Undefined();
  }
  std::string reason;
  spec.preopens = open_preopens(info[0].As<Napi::Object>(), reason);
  if (!reason.empty()) {
    throw_error(info.Env(), SLEDGE_ERR_MODULE_PREOPEN, reason);
    return info.Env().Undefined();
  }
  const dataplane::Function *function = holder_->plane->add_function(std::move(spec));
  if (function == nullptr) {
    throw_error(info.Env(), SLEDGE_ERR_NATIVE_ARGUMENT, "too many functions");
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), function->id);
}

/// setTenant(index, limits): false when there is no such index.
Napi::Value DataPlaneWrap::set_tenant(const Napi::CallbackInfo &info) {
  const uint32_t index = info[0].As<Napi::Number>().Uint32Value();
  const auto limits = info[1].As<Napi::Object>();
  dataplane::DataPlane &plane = *holder_->plane;
  const bool is_there = plane.set_tenant(index, tenant_limits(limits)) &&
                        plane.set_terms(index, tenant_terms(limits));
  return Napi::Boolean::New(info.Env(), is_there);
}

/// beginTenant(index): another tenant has it from now on.
void DataPlaneWrap::begin_tenant(const Napi::CallbackInfo &info) {
  holder_->plane->begin_tenant(info[0].As<Napi::Number>().Uint32Value());
}

/// forgetTenant(name): host plugins forget what they keep of it.
void DataPlaneWrap::forget_tenant(const Napi::CallbackInfo &info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  for (const std::shared_ptr<HostLibrary> &library : holder_->libraries) {
    library->forget(name);
  }
}

void DataPlaneWrap::remove_function(const Napi::CallbackInfo &info) {
  holder_->plane->remove_function(info[0].As<Napi::Number>().Uint32Value());
}

void DataPlaneWrap::kick(const Napi::CallbackInfo &) {
  holder_->plane->kick();
}

void DataPlaneWrap::cancel(const Napi::CallbackInfo &info) {
  holder_->plane->cancel(info[0].As<Napi::Number>().Uint32Value());
}

void DataPlaneWrap::close_intake(const Napi::CallbackInfo &) {
  holder_->plane->close_intake();
}

void DataPlaneWrap::end_all(const Napi::CallbackInfo &) {
  holder_->plane->end_all();
}

/// The buffer goes to JavaScript as it is.
Napi::Value DataPlaneWrap::take_output(const Napi::CallbackInfo &info) {
  const uint32_t token = info[0].As<Napi::Number>().Uint32Value();
  for (dataplane::Invocation *invocation : holder_->batch) {
    if (invocation->index == token && invocation->buffer != nullptr) {
      uint8_t *bytes = invocation->buffer;
      invocation->buffer = nullptr;
      invocation->buffer_capacity = 0;
      return Napi::ArrayBuffer::New(info.Env(), bytes,
                                    invocation->output_bytes + invocation->log_bytes,
                                    [](Napi::BasicEnv, void *memory) { free(memory); });
    }
  }
  throw_error(info.Env(), SLEDGE_ERR_NATIVE_ARGUMENT, "no such outcome in this batch");
  return info.Env().Undefined();
}

Napi::Value DataPlaneWrap::in_flight(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), holder_->plane->in_flight());
}

Napi::Value DataPlaneWrap::retry_after_ns(const Napi::CallbackInfo &info) {
  const uint64_t after_ns = holder_->plane->own_intake().retry_after_ns();
  return Napi::Number::New(info.Env(), static_cast<double>(after_ns));
}

Napi::Value DataPlaneWrap::function_stats(const Napi::CallbackInfo &info) {
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  return object_of(info.Env(), holder_->plane->function_statistics(id));
}

Napi::Value DataPlaneWrap::tenant_stats(const Napi::CallbackInfo &info) {
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  return object_of(info.Env(), holder_->plane->tenant_statistics(id));
}

void DataPlaneWrap::keep_events(const Napi::CallbackInfo &info) {
  holder_->plane->keep_events(info[0].As<Napi::Boolean>().Value());
}

/// As many as fit into the array.
Napi::Value DataPlaneWrap::take_events(const Napi::CallbackInfo &info) {
  dataplane::Recorder *recorder = holder_->plane->recorder();
  auto out = info[0].As<Napi::Float64Array>();
  const size_t room = out.ElementLength() / RecordedEvent::fields;
  const size_t count = recorder != nullptr ? recorder->take_events(out.Data(), room) : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value DataPlaneWrap::take_completions(const Napi::CallbackInfo &info) {
  dataplane::Recorder *recorder = holder_->plane->recorder();
  auto out = info[0].As<Napi::Float64Array>();
  const size_t room = out.ElementLength() / dataplane::Completion::fields;
  const size_t count = recorder != nullptr ? recorder->take_completions(out.Data(), room) : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value DataPlaneWrap::stats(const Napi::CallbackInfo &info) {
  return object_of(info.Env(), holder_->plane->statistics());
}

Napi::Value DataPlaneWrap::function_metrics(const Napi::CallbackInfo &info) {
  return binding::function_metrics(info, *holder_);
}

void DataPlaneWrap::sum_function_metrics(const Napi::CallbackInfo &info) {
  binding::sum_function_metrics(info, *holder_);
}

Napi::Value DataPlaneWrap::counted_functions(const Napi::CallbackInfo &info) {
  return binding::counted_functions(info, *holder_);
}

Napi::Value DataPlaneWrap::worker_metrics(const Napi::CallbackInfo &info) {
  return binding::worker_metrics(info, *holder_);
}

Napi::Value DataPlaneWrap::group_metrics(const Napi::CallbackInfo &info) {
  return binding::group_metrics(info, *holder_);
}

void DataPlaneWrap::set_policies(const Napi::CallbackInfo &info) {
  binding::set_policies(info, *holder_);
}

Napi::Value DataPlaneWrap::policy_status(const Napi::CallbackInfo &info) {
  return binding::policy_status(info, *holder_);
}

void DataPlaneWrap::stop(const Napi::CallbackInfo &) {
  holder_->stop(true);
}

} // namespace sledge::binding
