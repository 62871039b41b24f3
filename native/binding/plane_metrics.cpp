#include "plane_metrics.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "values.hpp"

namespace sledge::binding {

namespace {

template <typename Row>
Napi::Value rows_of(const Napi::CallbackInfo &info, const std::vector<Row> &rows) {
  constexpr size_t width = std::tuple_size_v<Row>;
  Napi::Float64Array all = Napi::Float64Array::New(info.Env(), rows.size() * width);
  for (size_t at = 0; at < rows.size(); at++) {
    std::copy(rows[at].begin(), rows[at].end(), all.Data() + at * width);
  }
  return all;
}

} // namespace

Napi::Value function_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  constexpr size_t numbers = dataplane::FunctionMetrics::numbers;
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  Napi::Float64Array all = Napi::Float64Array::New(info.Env(), numbers);
  const bool found =
      id < dataplane::function_count_max &&
      holder.plane->function_metrics(id, std::span<double, numbers>(all.Data(), numbers));
  return found ? Napi::Value(all) : info.Env().Null();
}

void sum_function_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  constexpr size_t numbers = dataplane::FunctionMetrics::numbers + 2;
  const auto ids = info[0].As<Napi::Uint32Array>();
  auto sums = info[1].As<Napi::Float64Array>();
  if (sums.ElementLength() < numbers) {
    throw_error(info.Env(), SLEDGE_ERR_NATIVE_ARGUMENT, "too short an array");
    return;
  }
  for (const uint32_t id : std::span(ids.Data(), ids.ElementLength())) {
    holder.plane->add_function_metrics(id, std::span<double, numbers>(sums.Data(), numbers));
  }
}

Napi::Value counted_functions(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  const std::vector<uint32_t> called = holder.plane->counted_functions();
  Napi::Uint32Array ids = Napi::Uint32Array::New(info.Env(), called.size());
  std::copy(called.begin(), called.end(), ids.Data());
  return ids;
}

Napi::Value worker_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  return rows_of(info, holder.plane->worker_metrics());
}

Napi::Value group_metrics(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  return rows_of(info, holder.plane->group_metrics());
}

} // namespace sledge::binding
