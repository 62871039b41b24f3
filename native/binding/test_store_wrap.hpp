// test_store_wrap.hpp - NativeTestStore of core/src/contracts/native.ts, for the conformance suite.
#pragma once
#include <napi.h>

#include <memory>

#include "sandbox/test_store.hpp"

namespace sledge::binding {

class TestStoreWrap : public Napi::ObjectWrap<TestStoreWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TestStoreWrap(const Napi::CallbackInfo &info);

 private:
  TestStore *store(Napi::Env env);
  Napi::Value instantiate(const Napi::CallbackInfo &info);
  Napi::Value invoke(const Napi::CallbackInfo &info);
  Napi::Value get_global(const Napi::CallbackInfo &info);
  Napi::Value read_memory(const Napi::CallbackInfo &info);
  void close(const Napi::CallbackInfo &info);

  std::unique_ptr<TestStore> store_;
};

} // namespace sledge::binding
