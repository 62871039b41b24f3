#include "values.hpp"

namespace sledge::binding {

void throw_error(Napi::Env env, sledge_error code, const std::string &detail) {
  Napi::Error error = Napi::Error::New(env, detail);
  error.Set("code", Napi::String::New(env, sledge_error_name(code)));
  error.ThrowAsJavaScriptException();
}

double number_of(const Napi::Object &object, const char *name) {
  const Napi::Value value = object.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
}

uint32_t uint_of(const Napi::Object &object, const char *name) {
  const double value = number_of(object, name);
  return value >= 0 && value <= UINT32_MAX ? static_cast<uint32_t>(value) : 0;
}

std::string text_of(const Napi::Object &object, const char *name) {
  const Napi::Value value = object.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

uint64_t us_to_ns(double us) {
  constexpr double us_max = 1e12;
  return us > 0 ? static_cast<uint64_t>((us < us_max ? us : us_max) * 1000) : 0;
}

} // namespace sledge::binding
