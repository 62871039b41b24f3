#include "rpc_server_wrap.hpp"

#include <cctype>

#include "rpc_options.hpp"
#include "values.hpp"

namespace sledge::binding {

using transport::RpcListenerOptions;
using transport::RpcService;
using transport::RpcServiceOptions;

namespace {

constexpr size_t log_entries_max = 1024;
constexpr size_t log_bytes_max = 4096;

std::string read_listener(const Napi::Object &from, RpcListenerOptions &listener) {
  RpcEndOptions end;
  std::string problem = read_rpc_end(from, end);
  listener.dpdk = end.dpdk;
  listener.udp = end.udp;
  listener.dpdk_options = end.dpdk_options;
  listener.sm_ipv4 = end.sm_ipv4;
  listener.rpc = end.rpc;
  listener.client_ports.clear();
  const auto ports = from.Get("clientPorts").As<Napi::Array>();
  for (uint32_t at = 0; at < ports.Length(); at++) {
    const uint32_t port = ports.Get(at).As<Napi::Number>().Uint32Value();
    listener.client_ports.push_back(static_cast<uint16_t>(port));
  }
  return problem;
}

std::string read_options(const Napi::Object &from, RpcServiceOptions &options) {
  std::string problem;
  const auto listeners = from.Get("listeners").As<Napi::Array>();
  for (uint32_t at = 0; problem.empty() && at < listeners.Length(); at++) {
    options.listeners.emplace_back();
    problem = read_listener(listeners.Get(at).As<Napi::Object>(), options.listeners.back());
  }
  options.poller_count = uint_of(from, "pollers");
  options.is_inline = from.Get("isInline").ToBoolean().Value();
  const auto cores = from.Get("cores").As<Napi::Array>();
  for (uint32_t at = 0; at < cores.Length(); at++) {
    options.poller_cores.push_back(cores.Get(at).As<Napi::Number>().Int32Value());
  }
  options.spin = text_of(from, "idle") == "spin";
  options.spin_ns = us_to_ns(number_of(from, "spinUs"));
  const auto format = transport::format_of(text_of(from, "format"));
  if (!format) {
    return "no such format";
  }
  options.format = *format;
  return problem;
}

/// drop_short becomes dropShort.
std::string camel_case(std::string_view name) {
  std::string text;
  for (size_t at = 0; at < name.size(); at++) {
    const bool starts = name[at] == '_' && at + 1 < name.size();
    text += starts ? static_cast<char>(std::toupper(name[++at])) : name[at];
  }
  return text;
}

} // namespace

void RpcLogQueue::function_log(uint32_t function, std::string_view text) {
  push({static_cast<double>(function), std::string(text.substr(0, log_bytes_max)), false});
}

void RpcLogQueue::push(Entry &&entry) {
  bool first = false;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    if (entries_.size() == log_entries_max) {
      dropped_++;
      return;
    }
    first = entries_.empty();
    entries_.push_back(std::move(entry));
  }
  if (first) {
    waker_.wake();
  }
}

std::vector<RpcLogQueue::Entry> RpcLogQueue::take(uint64_t &dropped) {
  const std::lock_guard<std::mutex> guard(lock_);
  dropped = std::exchange(dropped_, 0);
  return std::exchange(entries_, {});
}

Napi::Function RpcServerWrap::define(Napi::Env env) {
  return DefineClass(env, "RpcServer",
                     {InstanceMethod<&RpcServerWrap::set_routes>("setRoutes"),
                      InstanceMethod<&RpcServerWrap::drain>("drain"),
                      InstanceMethod<&RpcServerWrap::counters>("counters"),
                      InstanceMethod<&RpcServerWrap::in_flight>("inFlight"),
                      InstanceMethod<&RpcServerWrap::unfinished>("unfinished"),
                      InstanceMethod<&RpcServerWrap::stop>("stop")});
}

/// RpcServer(handle, options, onLog)
RpcServerWrap::RpcServerWrap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<RpcServerWrap>(info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 3 || !info[0].IsNumber() || !info[1].IsObject() || !info[2].IsFunction()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "RpcServer(handle, options, onLog)");
    return;
  }
  holder_->env = env;
  holder_->plane = find_plane(info[0].As<Napi::Number>().Uint32Value());
  if (holder_->plane == nullptr || holder_->plane->plane->stopped()) {
    throw_error(env, SLEDGE_ERR_NATIVE_STOPPED, "there is no such data plane");
    return;
  }
  holder_->on_log = Napi::Persistent(info[2].As<Napi::Function>());
  RpcServiceOptions options;
  std::string problem = read_options(info[1].As<Napi::Object>(), options);
  if (problem.empty() && open_waker(env)) {
    holder_->service = RpcService::start(options, *holder_->plane->plane, holder_->log, problem);
  }
  if (holder_->service == nullptr) {
    holder_->stop();
    throw_error(env, SLEDGE_ERR_RPC_LISTEN, problem);
    return;
  }
  napi_add_env_cleanup_hook(env, on_environment_end, holder_.get());
  hooked_ = true;
  Napi::Array ports = Napi::Array::New(env);
  for (size_t at = 0; at < holder_->service->listener_count(); at++) {
    const double port = holder_->service->listener(at).sm_port();
    ports.Set(static_cast<uint32_t>(at), Napi::Number::New(env, port));
  }
  info.This().As<Napi::Object>().Set("ports", ports);
}

RpcServerWrap::~RpcServerWrap() {
  if (hooked_) {
    holder_->stop();
    napi_remove_env_cleanup_hook(holder_->env, on_environment_end, holder_.get());
  }
}

void RpcServerWrap::on_environment_end(void *holder) {
  static_cast<Holder *>(holder)->stop();
}

bool RpcServerWrap::open_waker(Napi::Env env) {
  const auto on_wake = [](napi_env now, napi_value, void *context, void *) {
    if (now != nullptr) {
      static_cast<Holder *>(context)->deliver();
    }
  };
  return holder_->waker.open(env, "sledge rpc server", holder_, on_wake); // alive while it listens
}

void RpcServerWrap::Holder::deliver() {
  const Napi::Env env_now(env);
  uint64_t dropped = 0;
  std::vector<RpcLogQueue::Entry> entries = log.take(dropped);
  if (dropped != 0) {
    entries.push_back(
        {-1, std::to_string(dropped) + " lines were lost: there were too many", false});
  }
  for (const RpcLogQueue::Entry &entry : entries) {
    if (on_log.IsEmpty()) {
      return; // a callback has stopped it
    }
    const Napi::HandleScope scope(env_now);
    on_log.Call({Napi::Number::New(env_now, entry.function),
                 Napi::Buffer<char>::Copy(env_now, entry.text.data(), entry.text.size()),
                 Napi::Boolean::New(env_now, entry.is_module_lost)});
    if (env_now.IsExceptionPending()) {
      const Napi::Error error = env_now.GetAndClearPendingException();
      napi_fatal_exception(env, error.Value());
    }
  }
}

void RpcServerWrap::Holder::stop() {
  if (service != nullptr) {
    service->stop();
  }
  waker.close();
  on_log.Reset();
  plane.reset();
}

/// setRoutes(listener, tenant, [type, fn, maxBytes, trial, share, trialMaxBytes, ...]): every other
/// type has no function then.
void RpcServerWrap::set_routes(const Napi::CallbackInfo &info) {
  const uint32_t listener = info[0].As<Napi::Number>().Uint32Value();
  const uint32_t tenant = info[1].As<Napi::Number>().Uint32Value();
  RpcService &service = *holder_->service;
  if (listener >= service.listener_count() || tenant >= service.listener(listener).tenant_count()) {
    throw_error(info.Env(), SLEDGE_ERR_NATIVE_ARGUMENT, "no such listener or tenant");
    return;
  }
  const auto numbers = info[2].As<Napi::Array>();
  const auto number = [&numbers](uint32_t at) {
    return numbers.Get(at).As<Napi::Number>().DoubleValue();
  };
  std::array<std::optional<transport::RpcRoute>, 256> routes;
  for (uint32_t at = 0; at + 5 < numbers.Length(); at += 6) {
    const double type = number(at);
    if (type >= 0 && type < 255) {
      routes[static_cast<size_t>(type)] = {
          static_cast<uint32_t>(number(at + 1)), static_cast<uint64_t>(number(at + 2)),
          static_cast<uint32_t>(number(at + 3)), static_cast<uint32_t>(number(at + 4)),
          static_cast<uint64_t>(number(at + 5))};
    }
  }
  for (size_t type = 0; type < routes.size(); type++) {
    service.listener(listener).routes(tenant).set(static_cast<uint8_t>(type), routes[type]);
  }
}

void RpcServerWrap::drain(const Napi::CallbackInfo &) {
  holder_->service->drain();
}

Napi::Value RpcServerWrap::counters(const Napi::CallbackInfo &info) {
  Napi::Object object = Napi::Object::New(info.Env());
  for (const transport::RpcCount &count : holder_->service->counts()) {
    object.Set(camel_case(count.name),
               Napi::Number::New(info.Env(), static_cast<double>(count.value)));
  }
  return object;
}

Napi::Value RpcServerWrap::in_flight(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), holder_->service->in_flight());
}

Napi::Value RpcServerWrap::unfinished(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), holder_->service->unfinished());
}

void RpcServerWrap::stop(const Napi::CallbackInfo &) {
  holder_->stop();
}

} // namespace sledge::binding
