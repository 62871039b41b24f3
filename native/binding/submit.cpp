#include "submit.hpp"

#include "values.hpp"

namespace sledge::binding {

namespace {

/// More than anything may be for what is no such number: JavaScript may have written anything.
uint32_t index_of(double value) {
  return value >= 0 && value < UINT32_MAX ? static_cast<uint32_t>(value) : UINT32_MAX;
}

uint64_t nanoseconds(double value) {
  constexpr double exact_max = 9007199254740992.0;
  return value > 0 && value < exact_max ? static_cast<uint64_t>(value) : 0;
}

std::span<const uint8_t> bytes_of(napi_env env, napi_value input) {
  napi_typedarray_type type{};
  size_t length = 0;
  void *bytes = nullptr;
  if (napi_get_typedarray_info(env, input, &type, &length, &bytes, nullptr, nullptr) != napi_ok) {
    return {};
  }
  return {static_cast<const uint8_t *>(bytes), length};
}

/// submit(input?): the rest lies in `submission`.
napi_value submit(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value input = nullptr;
  void *data = nullptr;
  napi_get_cb_info(env, info, &count, &input, nullptr, &data);
  auto &holder = *static_cast<PlaneHolder *>(data);
  const double *fields = holder.submission.get();
  const uint32_t argv_bytes = index_of(fields[2]);
  const uint32_t environ_bytes = index_of(fields[4]);
  int64_t token = -SLEDGE_ERR_INVOKE_PAYLOAD;
  if (static_cast<uint64_t>(argv_bytes) + environ_bytes <= staging_bytes) {
    dataplane::Submission submission;
    submission.function = index_of(fields[0]);
    submission.argc = index_of(fields[1]);
    submission.argv = {holder.staging.get(), argv_bytes};
    submission.envc = index_of(fields[3]);
    submission.environ = {holder.staging.get() + argv_bytes, environ_bytes};
    submission.relative_deadline_ns = us_to_ns(fields[5]);
    submission.arrival_ns = nanoseconds(fields[6]);
    if (count != 0) {
      submission.input = bytes_of(env, input);
    }
    token = holder.plane->submit(submission, true);
  }
  if (token >= 0) {
    holder.waker.hold(env, true);
    token |= holder.plane->kick_due() ? submit_kick : 0;
  }
  napi_value result = nullptr;
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
