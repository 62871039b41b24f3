// data_plane_wrap.hpp - NativeDataPlane of core/src/contracts/native.ts.
#pragma once
#include <napi.h>

#include <memory>

#include "plane_holder.hpp"

namespace sledge::binding {

class DataPlaneWrap : public Napi::ObjectWrap<DataPlaneWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DataPlaneWrap(const Napi::CallbackInfo &info);
  ~DataPlaneWrap() override;

 private:
  bool open_waker(Napi::Env env);
  void expose(const Napi::CallbackInfo &info);
  Napi::Value add_function(const Napi::CallbackInfo &info);
  Napi::Value set_tenant(const Napi::CallbackInfo &info);
  void begin_tenant(const Napi::CallbackInfo &info);
  void forget_tenant(const Napi::CallbackInfo &info);
  Napi::Value tenant_stats(const Napi::CallbackInfo &info);
  void remove_function(const Napi::CallbackInfo &info);
  void kick(const Napi::CallbackInfo &info);
  void cancel(const Napi::CallbackInfo &info);
  void close_intake(const Napi::CallbackInfo &info);
  void end_all(const Napi::CallbackInfo &info);
  Napi::Value take_output(const Napi::CallbackInfo &info);
  Napi::Value in_flight(const Napi::CallbackInfo &info);
  Napi::Value retry_after_ns(const Napi::CallbackInfo &info);
  void keep_events(const Napi::CallbackInfo &info);
  Napi::Value take_events(const Napi::CallbackInfo &info);
  Napi::Value take_completions(const Napi::CallbackInfo &info);
  Napi::Value stats(const Napi::CallbackInfo &info);
  Napi::Value function_stats(const Napi::CallbackInfo &info);
  Napi::Value function_metrics(const Napi::CallbackInfo &info);
  void sum_function_metrics(const Napi::CallbackInfo &info);
  Napi::Value counted_functions(const Napi::CallbackInfo &info);
  Napi::Value worker_metrics(const Napi::CallbackInfo &info);
  Napi::Value group_metrics(const Napi::CallbackInfo &info);
  void set_policies(const Napi::CallbackInfo &info);
  Napi::Value policy_status(const Napi::CallbackInfo &info);
  void stop(const Napi::CallbackInfo &info);

  std::shared_ptr<PlaneHolder> holder_;
  bool hooked_ = false;
};

} // namespace sledge::binding
