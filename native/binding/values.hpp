// values.hpp - small conversions between JavaScript and C++.
#pragma once
#include <napi.h>

#include <string>

#include "sledge/errors.h"

namespace sledge::binding {

/// Makes the pending exception an Error with `code` (SLEDGE_ERR_...) and the detail as message.
void throw_error(Napi::Env env, sledge_error code, const std::string &detail);

/// The property as a number; 0 when it is none.
double number_of(const Napi::Object &object, const char *name);
uint32_t uint_of(const Napi::Object &object, const char *name);
std::string text_of(const Napi::Object &object, const char *name);

/// Microseconds to nanoseconds, whole and never negative.
uint64_t us_to_ns(double us);

} // namespace sledge::binding
