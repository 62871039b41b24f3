// rpc_client_wrap.hpp - NativeRpcClient of core/src/contracts/native-rpc.ts.
#pragma once
#include <napi.h>

#include <memory>

#include "plane_holder.hpp"
#include "transport/rpc_client_thread.hpp"

namespace sledge::binding {

class RpcClientWrap : public Napi::ObjectWrap<RpcClientWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RpcClientWrap(const Napi::CallbackInfo &info);
  ~RpcClientWrap() override;

 private:
  struct Holder {
    napi_env env = nullptr;
    JsWaker waker;
    std::unique_ptr<transport::RpcClientThread> client;
    Napi::FunctionReference on_event;
    void deliver();
    void stop();
  };

  static void on_environment_end(void *holder);
  bool open_waker(Napi::Env env);
  Napi::Value open(const Napi::CallbackInfo &info);
  Napi::Value close(const Napi::CallbackInfo &info);
  Napi::Value call(const Napi::CallbackInfo &info);
  void hold(const Napi::CallbackInfo &info);
  void stop(const Napi::CallbackInfo &info);

  std::shared_ptr<Holder> holder_ = std::make_shared<Holder>();
  bool hooked_ = false;
};

} // namespace sledge::binding
