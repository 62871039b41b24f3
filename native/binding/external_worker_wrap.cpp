#include "external_worker_wrap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "values.hpp"

namespace sledge::binding {

using dataplane::ExternalWork;
using dataplane::Take;

namespace {

/// A token is generation and index in one exact double.
constexpr double token_indices = 2'097'152; // 2^21

double token_of(const ExternalWork &work) {
  return static_cast<double>(work.generation) * token_indices + work.index;
}

/// NUL-terminated strings, each byte one character, so that nothing is lost.
Napi::Array strings(Napi::Env env, const uint8_t *bytes, size_t length) {
  Napi::Array list = Napi::Array::New(env);
  size_t start = 0;
  for (size_t at = 0; at < length; at++) {
    if (bytes[at] == 0) {
      napi_value text = nullptr;
      napi_create_string_latin1(env, reinterpret_cast<const char *>(bytes + start), at - start,
                                &text);
      list.Set(list.Length(), text);
      start = at + 1;
    }
  }
  return list;
}

} // namespace

Napi::Function ExternalWorkerWrap::define(Napi::Env env) {
  return DefineClass(env, "ExternalWorker",
                     {InstanceMethod<&ExternalWorkerWrap::take>("take"),
                      InstanceMethod<&ExternalWorkerWrap::complete>("complete"),
                      InstanceMethod<&ExternalWorkerWrap::call_file>("callFile"),
                      InstanceMethod<&ExternalWorkerWrap::descriptor>("descriptor")});
}

ExternalWorkerWrap::ExternalWorkerWrap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<ExternalWorkerWrap>(info), env_(info.Env()) {
  const uint32_t handle = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
  const uint32_t worker =
      info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : UINT32_MAX;
  holder_ = find_plane(handle);
  if (holder_ == nullptr) {
    throw_error(info.Env(), SLEDGE_ERR_NATIVE_STOPPED, "no such data plane");
    return;
  }
  if (worker >= holder_->plane->external_workers().count()) {
    holder_ = nullptr;
    throw_error(info.Env(), SLEDGE_ERR_NATIVE_ARGUMENT, "no such worker");
    return;
  }
  attachment_ = holder_->plane->external_workers().attach(worker);
  napi_add_env_cleanup_hook(env_, on_environment_end, this);
}

ExternalWorkerWrap::~ExternalWorkerWrap() {
  if (holder_ != nullptr) {
    napi_remove_env_cleanup_hook(env_, on_environment_end, this);
    detach();
  }
}

void ExternalWorkerWrap::on_environment_end(void *self) {
  static_cast<ExternalWorkerWrap *>(self)->detach();
}

void ExternalWorkerWrap::detach() {
  holder_->plane->external_workers().detach(attachment_);
}

Napi::Value ExternalWorkerWrap::take(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const double timeout_ms = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0;
  switch (
      holder_->plane->external_workers().take(attachment_, us_to_ns(timeout_ms * 1000), work_)) {
  case Take::nothing:
    return env.Null();
  case Take::detached:
    throw_error(env, SLEDGE_ERR_NATIVE_STOPPED, "this worker is no longer attached");
    return env.Undefined();
  case Take::taken:
    break;
  }
  const uint8_t *bytes = work_.bytes.data();
  const size_t text_bytes = work_.argv_bytes + work_.environ_bytes;
  const size_t input_bytes = work_.bytes.size() - text_bytes;
  Napi::Uint8Array input = Napi::Uint8Array::New(env, input_bytes);
  if (input_bytes != 0) {
    memcpy(input.Data(), bytes + text_bytes, input_bytes);
  }
  Napi::Object taken = Napi::Object::New(env);
  taken.Set("token", token_of(work_));
  taken.Set("fn", work_.function);
  taken.Set("artifactPath", work_.artifact_path);
  taken.Set("memoryLimitPages", work_.memory_limit_pages);
  if (work_.warm != nullptr) {
    taken.Set("warmKey", static_cast<double>(work_.warm->id()));
    taken.Set("warmIdleMs", static_cast<double>(work_.warm->idle_ns_max()) / 1e6);
  }
  files_.begin(std::move(work_.preopens));
  taken.Set("hasDirectories", files_.has_directories());
  taken.Set("argv", strings(env, bytes, work_.argv_bytes));
  taken.Set("environ", strings(env, bytes + work_.argv_bytes, work_.environ_bytes));
  taken.Set("input", input);
  taken.Set("maxOutputBytes", static_cast<double>(work_.output_bytes_max));
  return taken;
}

Napi::Value ExternalWorkerWrap::complete(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 4 || !info[0].IsNumber() || !info[1].IsNumber() || !info[2].IsNumber() ||
      !info[3].IsTypedArray()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT,
                "complete(token, status, detail, output, logBytes)");
    return env.Undefined();
  }
  files_.end();
  const double token = info[0].As<Napi::Number>().DoubleValue();
  const auto output = info[3].As<Napi::Uint8Array>();
  const uint32_t status = info[1].As<Napi::Number>().Uint32Value();
  const int64_t log_bytes = info[4].IsNumber() ? info[4].As<Napi::Number>().Int64Value() : 0;
  const double generation = std::floor(token / token_indices);
  const double index = token - generation * token_indices;
  if (!(token >= 0) || status >= dataplane::status_count ||
      index >= holder_->plane->invocation_count()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "no such token or status");
    return env.Undefined();
  }
  const bool ours = holder_->plane->external_workers().complete(
      attachment_, static_cast<uint32_t>(index), static_cast<uint32_t>(generation),
      static_cast<dataplane::Status>(status), info[2].As<Napi::Number>().Int32Value(),
      {output.Data(), output.ByteLength()}, static_cast<uint64_t>(std::max<int64_t>(log_bytes, 0)));
  return Napi::Boolean::New(env, ours);
}

/// callFile(name, memory, arguments): the errno of the call.
Napi::Value ExternalWorkerWrap::call_file(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsArrayBuffer() || !info[2].IsArray() ||
      info[2].As<Napi::Array>().Length() > FileCalls::arguments_max) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "callFile(name, memory, arguments)");
    return env.Undefined();
  }
  auto memory = info[1].As<Napi::ArrayBuffer>();
  const auto given = info[2].As<Napi::Array>();
  std::array<uint64_t, FileCalls::arguments_max> arguments{};
  for (uint32_t i = 0; i < given.Length(); i++) {
    bool is_lossless = false;
    const Napi::Value value = given.Get(i);
    arguments[i] = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&is_lossless)
                                    : value.As<Napi::Number>().Uint32Value();
  }
  const std::string name = info[0].As<Napi::String>();
  const uint32_t error =
      files_.call(name, {static_cast<uint8_t *>(memory.Data()), memory.ByteLength()},
                  {arguments.data(), given.Length()});
  return Napi::Number::New(env, error);
}

/// descriptor(fd): what is open there, or null.
Napi::Value ExternalWorkerWrap::descriptor(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const uint32_t fd = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : UINT32_MAX;
  const Descriptor *found = files_.descriptor(fd);
  if (found == nullptr) {
    return env.Null();
  }
  constexpr const char *kinds[] = {"closed",    "input",     "output", "log",
                                   "directory", "directory", "file"};
  Napi::Object descriptor = Napi::Object::New(env);
  descriptor.Set("kind", kinds[static_cast<size_t>(found->kind)]);
  descriptor.Set("rights", Napi::BigInt::New(env, found->rights));
  const uint64_t left = found->is_file() ? FileCalls::left_of(*found) : 0;
  descriptor.Set("leftBytes", static_cast<double>(left));
  return descriptor;
}

} // namespace sledge::binding
