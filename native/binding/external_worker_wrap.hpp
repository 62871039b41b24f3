// external_worker_wrap.hpp - NativeExternalWorker of core/src/contracts/native-external.ts.
#pragma once
#include <napi.h>

#include <memory>

#include "plane_holder.hpp"
#include "sandbox/file_calls.hpp"

namespace sledge::binding {

class ExternalWorkerWrap : public Napi::ObjectWrap<ExternalWorkerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ExternalWorkerWrap(const Napi::CallbackInfo &info);
  ~ExternalWorkerWrap() override;

 private:
  static void on_environment_end(void *self);
  void detach();
  Napi::Value take(const Napi::CallbackInfo &info);
  Napi::Value complete(const Napi::CallbackInfo &info);
  Napi::Value call_file(const Napi::CallbackInfo &info);
  Napi::Value descriptor(const Napi::CallbackInfo &info);

  std::shared_ptr<PlaneHolder> holder_;
  napi_env env_ = nullptr;
  dataplane::Attachment attachment_;
  dataplane::ExternalWork work_;
  FileCalls files_;
};

} // namespace sledge::binding
