#include "submit.hpp"

#include "values.hpp"

namespace sledge::binding {

namespace {

constexpr size_t argument_count = 8;

/// fn, argc, argvBytes, envc, environBytes, input, relativeDeadlineUs, arrivalNs
napi_value submit(napi_env env, napi_callback_info info) {
  size_t count = argument_count;
  napi_value arguments[argument_count];
  void *data = nullptr;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  auto &holder = *static_cast<PlaneHolder *>(data);
  uint32_t numbers[5] = {};
  for (size_t at = 0; at < 5; at++) {
    napi_get_value_uint32(env, arguments[at], &numbers[at]);
  }
  const uint64_t text_bytes = static_cast<uint64_t>(numbers[2]) + numbers[4];
  napi_value result = nullptr;
  if (text_bytes > staging_bytes) {
    napi_create_int32(env, -SLEDGE_ERR_INVOKE_PAYLOAD, &result);
    return result;
  }
  dataplane::Submission submission;
  submission.function = numbers[0];
  submission.argc = numbers[1];
  submission.argv = {holder.staging.get(), numbers[2]};
  submission.envc = numbers[3];
  submission.environ = {holder.staging.get() + numbers[2], numbers[4]};
  napi_valuetype input_type = napi_undefined;
  napi_typeof(env, arguments[5], &input_type);
  if (input_type == napi_object) {
    napi_typedarray_type type{};
    size_t length = 0;
    void *bytes = nullptr;
    if (napi_get_typedarray_info(env, arguments[5], &type, &length, &bytes, nullptr, nullptr) ==
        napi_ok) {
      submission.input = {static_cast<const uint8_t *>(bytes), length};
    }
  }
  double deadline_us = 0;
  napi_get_value_double(env, arguments[6], &deadline_us);
  submission.relative_deadline_ns = us_to_ns(deadline_us);
  double arrival_ns = 0;
  napi_get_value_double(env, arguments[7], &arrival_ns);
  submission.arrival_ns = arrival_ns > 0 ? static_cast<uint64_t>(arrival_ns) : 0;
  int64_t token = holder.plane->submit(submission, true);
  if (token >= 0) {
    holder.waker.hold(env, true);
    token |= holder.plane->kick_due() ? submit_kick : 0;
  }
  napi_create_int32(env, static_cast<int32_t>(token), &result);
  return result;
}

} // namespace

Napi::Value make_submit(Napi::Env env, const std::shared_ptr<PlaneHolder> &holder) {
  napi_value function = nullptr;
  napi_create_function(env, "submit", NAPI_AUTO_LENGTH, submit, holder.get(), &function);
  napi_add_finalizer(
      env, function, new std::shared_ptr<PlaneHolder>(holder),
      [](napi_env, void *reference, void *) {
        delete static_cast<std::shared_ptr<PlaneHolder> *>(reference);
      },
      nullptr, nullptr);
  return Napi::Value(env, function);
}

} // namespace sledge::binding
