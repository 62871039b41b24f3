#include "rpc_client_wrap.hpp"

#include <cstring>

#include "rpc_options.hpp"
#include "values.hpp"

namespace sledge::binding {

using transport::RpcClientOptions;
using transport::RpcClientThread;
using transport::RpcEvent;

namespace {

const char *kind_name(RpcEvent::Kind kind) {
  switch (kind) {
  case RpcEvent::Kind::opened:
    return "opened";
  case RpcEvent::Kind::open_failed:
    return "open-failed";
  case RpcEvent::Kind::closed:
    return "closed";
  case RpcEvent::Kind::lost:
    return "lost";
  case RpcEvent::Kind::answered:
    break;
  }
  return "answered";
}

Napi::Object object_of(Napi::Env env, const RpcEvent &event) {
  Napi::Object made = Napi::Object::New(env);
  made.Set("kind", kind_name(event.kind));
  made.Set("status", rpc::status_name(event.status));
  made.Set("reason", static_cast<double>(event.reason));
  made.Set("session", event.session);
  made.Set("tag", static_cast<double>(event.tag));
  if (event.kind == RpcEvent::Kind::answered) {
    Napi::ArrayBuffer data = Napi::ArrayBuffer::New(env, event.data.size());
    if (!event.data.empty()) {
      memcpy(data.Data(), event.data.data(), event.data.size());
    }
    made.Set("data", data);
  }
  return made;
}

} // namespace

Napi::Function RpcClientWrap::define(Napi::Env env) {
  return DefineClass(
      env, "RpcClient",
      {InstanceMethod<&RpcClientWrap::open>("open"), InstanceMethod<&RpcClientWrap::close>("close"),
       InstanceMethod<&RpcClientWrap::call>("call"), InstanceMethod<&RpcClientWrap::hold>("hold"),
       InstanceMethod<&RpcClientWrap::stop>("stop")});
}

RpcClientWrap::RpcClientWrap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<RpcClientWrap>(info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "RpcClient(options, onEvent)");
    return;
  }
  watch_process_exit();
  RpcEndOptions end;
  std::string problem = read_rpc_end(info[0].As<Napi::Object>(), end);
  holder_->env = env;
  holder_->on_event = Napi::Persistent(info[1].As<Napi::Function>());
  if (problem.empty() && open_waker(env)) {
    RpcClientOptions options;
    options.dpdk = end.dpdk;
    options.udp = end.udp;
    options.dpdk_options = end.dpdk_options;
    options.sm_ipv4 = end.sm_ipv4;
    options.rpc = end.rpc;
    options.commands_max = uint_of(info[0].As<Napi::Object>(), "maxWaiting");
    holder_->client = RpcClientThread::start(options, holder_->waker, problem);
  }
  if (holder_->client == nullptr) {
    holder_->waker.close();
    throw_error(env, SLEDGE_ERR_RPC_BACKEND, problem);
    return;
  }
  napi_add_env_cleanup_hook(env, on_environment_end, holder_.get());
  hooked_ = true;
  info.This().As<Napi::Object>().Set("port", Napi::Number::New(env, holder_->client->sm_port()));
}

RpcClientWrap::~RpcClientWrap() {
  if (hooked_) {
    holder_->stop();
    napi_remove_env_cleanup_hook(holder_->env, on_environment_end, holder_.get());
  }
}

void RpcClientWrap::on_environment_end(void *holder) {
  static_cast<Holder *>(holder)->stop();
}

bool RpcClientWrap::open_waker(Napi::Env env) {
  const auto on_wake = [](napi_env now, napi_value, void *context, void *) {
    if (now != nullptr) {
      static_cast<Holder *>(context)->deliver();
    }
  };
  if (!holder_->waker.open(env, "sledge rpc events", holder_, on_wake)) {
    return false;
  }
  holder_->waker.hold(env, false);
  return true;
}

void RpcClientWrap::Holder::deliver() {
  if (client == nullptr) {
    return;
  }
  const Napi::Env env_now(env);
  for (const RpcEvent &event : client->take_events()) {
    const Napi::HandleScope scope(env_now);
    if (on_event.IsEmpty()) {
      return; // a callback has stopped it
    }
    on_event.Call({object_of(env_now, event)});
    if (env_now.IsExceptionPending()) {
      const Napi::Error error = env_now.GetAndClearPendingException();
      napi_fatal_exception(env, error.Value());
    }
  }
}

void RpcClientWrap::Holder::stop() {
  if (client != nullptr) {
    client->stop();
  }
  waker.close();
  on_event.Reset();
}

Napi::Value RpcClientWrap::open(const Napi::CallbackInfo &info) {
  const bool taken =
      holder_->client->open(info[0].As<Napi::String>().Utf8Value(),
                            static_cast<uint16_t>(info[1].As<Napi::Number>().Uint32Value()),
                            static_cast<uint8_t>(info[2].As<Napi::Number>().Uint32Value()),
                            static_cast<uint64_t>(info[3].As<Napi::Number>().Int64Value()));
  return Napi::Boolean::New(info.Env(), taken);
}

Napi::Value RpcClientWrap::close(const Napi::CallbackInfo &info) {
  const bool taken =
      holder_->client->close(static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value()),
                             static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()));
  return Napi::Boolean::New(info.Env(), taken);
}

/// call(session, type, message, relativeDeadlineUs, tag)
Napi::Value RpcClientWrap::call(const Napi::CallbackInfo &info) {
  const auto bytes = info[2].As<Napi::Uint8Array>();
  rpc::Buffer message;
  const bool taken =
      message.assign({bytes.Data(), bytes.ByteLength()}) &&
      holder_->client->call(static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value()),
                            static_cast<uint8_t>(info[1].As<Napi::Number>().Uint32Value()),
                            std::move(message), us_to_ns(info[3].As<Napi::Number>().DoubleValue()),
                            static_cast<uint64_t>(info[4].As<Napi::Number>().Int64Value()));
  return Napi::Boolean::New(info.Env(), taken);
}

/// hold(wanted): keeps the event loop alive while something is awaited.
void RpcClientWrap::hold(const Napi::CallbackInfo &info) {
  holder_->waker.hold(info.Env(), info[0].ToBoolean().Value());
}

void RpcClientWrap::stop(const Napi::CallbackInfo &) {
  holder_->stop();
}

} // namespace sledge::binding
