#include "test_store_wrap.hpp"

#include <cstring>
#include <optional>

#include "values.hpp"

namespace sledge::binding {

namespace {

bool is_reference(uint8_t type) {
  return type == SLEDGE_FUNCREF || type == SLEDGE_EXTERNREF;
}

/// Null references are -1n on the JavaScript side.
Napi::Value to_bigint(Napi::Env env, const TestValue &value) {
  if (is_reference(value.type) && value.is_null) {
    return Napi::BigInt::New(env, int64_t{-1});
  }
  if (value.type == SLEDGE_V128) {
    const uint64_t words[] = {value.low, value.high};
    return Napi::BigInt::New(env, 0, 2, words);
  }
  return Napi::BigInt::New(env, value.low);
}

TestValue from_bigint(const Napi::Value &value, uint8_t type) {
  TestValue bits;
  bits.type = type;
  bool lossless = false;
  if (value.IsBigInt() && type == SLEDGE_V128) {
    uint64_t words[2] = {};
    size_t count = 2;
    int sign = 0;
    value.As<Napi::BigInt>().ToWords(&sign, &count, words);
    bits.low = words[0];
    bits.high = words[1];
  } else if (value.IsBigInt()) {
    bits.low = static_cast<uint64_t>(value.As<Napi::BigInt>().Int64Value(&lossless));
    if (!lossless) {
      bits.low = value.As<Napi::BigInt>().Uint64Value(&lossless);
    }
    bits.is_null = is_reference(type) && bits.low == UINT64_MAX;
  }
  return bits;
}

std::vector<std::optional<TestImportSource>> import_sources(const Napi::Value &list) {
  std::vector<std::optional<TestImportSource>> sources;
  const auto array = list.As<Napi::Array>();
  for (uint32_t at = 0; at < array.Length(); at++) {
    const Napi::Value entry = array.Get(at);
    if (!entry.IsObject()) {
      sources.emplace_back();
      continue;
    }
    const auto source = entry.As<Napi::Object>();
    sources.push_back(TestImportSource{static_cast<int32_t>(number_of(source, "instance")),
                                       text_of(source, "name")});
  }
  return sources;
}

} // namespace

Napi::Function TestStoreWrap::define(Napi::Env env) {
  return DefineClass(env, "TestStore",
                     {InstanceMethod<&TestStoreWrap::instantiate>("instantiate"),
                      InstanceMethod<&TestStoreWrap::invoke>("invoke"),
                      InstanceMethod<&TestStoreWrap::get_global>("getGlobal"),
                      InstanceMethod<&TestStoreWrap::read_memory>("readMemory"),
                      InstanceMethod<&TestStoreWrap::close>("close")});
}

TestStoreWrap::TestStoreWrap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<TestStoreWrap>(info), store_(std::make_unique<TestStore>()) {}

TestStore *TestStoreWrap::store(Napi::Env env) {
  if (store_ == nullptr) {
    throw_error(env, SLEDGE_ERR_NATIVE_STOPPED, "the store is closed");
  }
  return store_.get();
}

Napi::Value TestStoreWrap::instantiate(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  TestStore *store_now = store(env);
  if (store_now == nullptr || !info[0].IsString() || !info[1].IsArray()) {
    return env.Undefined();
  }
  const auto sources = import_sources(info[1]);
  ModuleLoadError error;
  const std::string descriptor =
      info[2].IsString() ? info[2].As<Napi::String>().Utf8Value() : "sledge_module";
  const int32_t instance = store_now->instantiate(info[0].As<Napi::String>().Utf8Value(), sources,
                                                  error, descriptor.c_str());
  if (error.code != SLEDGE_OK) {
    throw_error(env, error.code, error.detail);
    return env.Undefined();
  }
  return Napi::Number::New(env, instance);
}

Napi::Value TestStoreWrap::invoke(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  TestStore *store_now = store(env);
  if (store_now == nullptr || !info[0].IsNumber() || !info[1].IsString() || !info[2].IsArray()) {
    return env.Undefined();
  }
  const int32_t instance = info[0].As<Napi::Number>().Int32Value();
  const std::string name = info[1].As<Napi::String>().Utf8Value();
  const auto given = info[2].As<Napi::Array>();
  std::vector<uint8_t> param_types;
  std::vector<uint8_t> result_types;
  ModuleLoadError error;
  if (!store_now->signature(instance, name, param_types, result_types, error)) {
    throw_error(env, error.code, error.detail);
    return env.Undefined();
  }
  if (given.Length() != param_types.size()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "wrong number of parameters for " + name);
    return env.Undefined();
  }
  std::vector<TestValue> params;
  for (uint32_t at = 0; at < given.Length(); at++) {
    params.push_back(from_bigint(given.Get(at), param_types[at]));
  }
  std::vector<TestValue> results;
  const uint32_t trap = store_now->invoke(instance, name, params, results, error);
  if (error.code != SLEDGE_OK) {
    throw_error(env, error.code, error.detail);
    return env.Undefined();
  }
  if (trap != SLEDGE_TRAP_NONE) {
    return Napi::Number::New(env, trap);
  }
  Napi::Array list = Napi::Array::New(env, results.size());
  for (uint32_t at = 0; at < results.size(); at++) {
    list.Set(at, to_bigint(env, results[at]));
  }
  return list;
}

Napi::Value TestStoreWrap::get_global(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  TestStore *store_now = store(env);
  if (store_now == nullptr || !info[0].IsNumber() || !info[1].IsString()) {
    return env.Undefined();
  }
  ModuleLoadError error;
  const TestValue value = store_now->get_global(info[0].As<Napi::Number>().Int32Value(),
                                                info[1].As<Napi::String>().Utf8Value(), error);
  if (error.code != SLEDGE_OK) {
    throw_error(env, error.code, error.detail);
    return env.Undefined();
  }
  return to_bigint(env, value);
}

Napi::Value TestStoreWrap::read_memory(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  TestStore *store_now = store(env);
  if (store_now == nullptr || !info[0].IsNumber() || !info[1].IsNumber() || !info[2].IsNumber()) {
    return env.Undefined();
  }
  ModuleLoadError error;
  const std::vector<uint8_t> bytes =
      store_now->read_memory(info[0].As<Napi::Number>().Int32Value(),
                             static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()),
                             static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value()), error);
  if (error.code != SLEDGE_OK) {
    throw_error(env, error.code, error.detail);
    return env.Undefined();
  }
  Napi::Uint8Array copy = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) {
    memcpy(copy.Data(), bytes.data(), bytes.size());
  }
  return copy;
}

void TestStoreWrap::close(const Napi::CallbackInfo &) {
  store_ = nullptr;
}

} // namespace sledge::binding
