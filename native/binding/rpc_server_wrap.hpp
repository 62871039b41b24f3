// rpc_server_wrap.hpp - NativeRpcServer of core/src/contracts/native-rpc.ts.
#pragma once
#include <napi.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plane_holder.hpp"
#include "transport/rpc_service.hpp"

namespace sledge::binding {

/// What pollers have to say, on its way to JavaScript; more than it holds is counted and dropped.
class RpcLogQueue final : public transport::RpcLog {
 public:
  struct Entry {
    double function = -1; ///< -1: the server itself
    std::string text;
    bool is_module_lost = false;
  };
  explicit RpcLogQueue(JsWaker &waker) : waker_(waker) {}
  void line(std::string_view text) override { push({-1, std::string(text), false}); }
  void function_log(uint32_t function, std::string_view text) override;
  void module_lost(uint32_t function) override { push({static_cast<double>(function), "", true}); }
  std::vector<Entry> take(uint64_t &dropped);

 private:
  void push(Entry &&entry);
  JsWaker &waker_;
  std::mutex lock_;
  std::vector<Entry> entries_;
  uint64_t dropped_ = 0;
};

class RpcServerWrap : public Napi::ObjectWrap<RpcServerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RpcServerWrap(const Napi::CallbackInfo &info);
  ~RpcServerWrap() override;

 private:
  struct Holder {
    napi_env env = nullptr;
    std::shared_ptr<PlaneHolder> plane;
    JsWaker waker;
    RpcLogQueue log{waker};
    std::unique_ptr<transport::RpcService> service;
    Napi::FunctionReference on_log;
    void deliver();
    void stop();
  };

  static void on_environment_end(void *holder);
  bool open_waker(Napi::Env env);
  void set_routes(const Napi::CallbackInfo &info);
  void drain(const Napi::CallbackInfo &info);
  Napi::Value counters(const Napi::CallbackInfo &info);
  Napi::Value in_flight(const Napi::CallbackInfo &info);
  Napi::Value unfinished(const Napi::CallbackInfo &info);
  void stop(const Napi::CallbackInfo &info);

  std::shared_ptr<Holder> holder_ = std::make_shared<Holder>();
  bool hooked_ = false;
};

} // namespace sledge::binding
