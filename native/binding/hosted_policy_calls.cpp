// hosted_policy_calls.cpp - what a policy in JavaScript calls.
#include "hosted_policy.hpp"

#include <cmath>

namespace sledge::binding {

/// What JavaScript calls during a callback. Nothing that it passes is trusted.
struct HostedPolicy::Native {
  struct Call {
    HostedPolicy *policy = nullptr;
    double args[3] = {-1, -1, -1};
    /// A worker's number; one that does not exist is refused by the engine.
    uint32_t worker() const {
      return args[0] >= 0 && args[0] < SLEDGE_NO_WORKER ? static_cast<uint32_t>(args[0])
                                                        : SLEDGE_NO_WORKER;
    }
    sledge_workers *workers() const { return policy->workers_; }
  };

  static Call open(napi_env env, napi_callback_info info) {
    Call call;
    napi_value values[3];
    size_t count = 3;
    void *data = nullptr;
    napi_get_cb_info(env, info, &count, values, nullptr, &data);
    for (size_t at = 0; at < count && at < 3; at++)
      napi_get_value_double(env, values[at], &call.args[at]);
    auto *policy = static_cast<HostedPolicy *>(data);
    call.policy = policy->workers_ != nullptr ? policy : nullptr;
    return call;
  }
  static napi_value number(napi_env env, double value) { return Napi::Number::New(env, value); }
  static napi_value boolean(napi_env env, bool value) { return Napi::Boolean::New(env, value); }

  static napi_value at(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy != nullptr)
      call.policy->fill_row(call.worker());
    return nullptr;
  }
  static napi_value assign(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return boolean(env, false);
    sledge_workers *w = call.workers();
    sledge_request *r = call.policy->find(call.args[1], call.args[2]);
    return boolean(env, w->assign(w, call.worker(), r) != 0);
  }
  static napi_value interrupt(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy != nullptr)
      call.workers()->interrupt(call.workers(), call.worker(), bounded(call.args[1]));
    return nullptr;
  }
  static napi_value wait_ns(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return number(env, INFINITY);
    sledge_workers *w = call.workers();
    const uint64_t wait =
        w->wait_ns(w, call.worker(), call.policy->find(call.args[1], call.args[2]));
    return number(env, wait == SLEDGE_NO_DEADLINE ? INFINITY : static_cast<double>(wait));
  }
  static napi_value would_preempt(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return boolean(env, false);
    sledge_workers *w = call.workers();
    const sledge_request *r = call.policy->find(call.args[1], call.args[2]);
    return boolean(env, w->would_preempt(w, call.worker(), r) != 0);
  }
  template <int (*sledge_workers::*function)(sledge_workers *, sledge_request *)>
  static napi_value on_request(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return boolean(env, false);
    sledge_workers *w = call.workers();
    return boolean(env, (w->*function)(w, call.policy->find(call.args[0], call.args[1])) != 0);
  }
  static napi_value worker_number(napi_env env, uint32_t worker) {
    return number(env, worker == SLEDGE_NO_WORKER ? -1.0 : worker);
  }
  static napi_value next_idle(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return worker_number(env, SLEDGE_NO_WORKER);
    return worker_number(env, call.workers()->next_idle(call.workers(), call.worker()));
  }
  template <uint32_t (*sledge_workers::*function)(sledge_workers *, uint32_t,
                                                  const sledge_request *)>
  static napi_value least(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return worker_number(env, SLEDGE_NO_WORKER);
    sledge_workers *w = call.workers();
    const sledge_request *r = call.policy->find(call.args[1], call.args[2]);
    return worker_number(env, (w->*function)(w, call.worker(), r));
  }
  static napi_value rotate(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    return number(env, call.policy == nullptr ? 0 : call.workers()->rotate(call.workers()));
  }
  static napi_value random(napi_env env, napi_callback_info info) {
    const Call call = open(env, info);
    if (call.policy == nullptr)
      return number(env, 0);
    return number(env, static_cast<double>(call.workers()->random(call.workers())));
  }
};

void HostedPolicy::bind(Napi::Env env, const Napi::Object &hosted) {
  struct Named {
    const char *name;
    napi_callback call;
  };
  const Named calls[] = {{"at", Native::at},
                         {"assign", Native::assign},
                         {"interrupt", Native::interrupt},
                         {"waitNs", Native::wait_ns},
                         {"wouldPreempt", Native::would_preempt},
                         {"take", Native::on_request<&sledge_workers::take>},
                         {"rerank", Native::on_request<&sledge_workers::rerank>},
                         {"reject", Native::on_request<&sledge_workers::reject>},
                         {"nextIdle", Native::next_idle},
                         {"leastWait", Native::least<&sledge_workers::least_wait>},
                         {"leastWorkYielding", Native::least<&sledge_workers::least_work_yielding>},
                         {"rotate", Native::rotate},
                         {"random", Native::random}};
  Napi::Object native = Napi::Object::New(env);
  native.Set("count", Napi::Number::New(env, worker_count_));
  for (const Named &named : calls) {
    napi_value function = nullptr;
    napi_create_function(env, named.name, NAPI_AUTO_LENGTH, named.call, this, &function);
    native.Set(named.name, function);
  }
  const Napi::Value shared =
      Napi::ArrayBuffer::New(env, shared_.data(), shared_.size() * sizeof(double));
  napi_create_reference(env, shared, 1, &shared_buffer_);
  const napi_value args[] = {shared, native};
  napi_value result = nullptr;
  if (napi_call_function(env, hosted, hosted.Get("bind"), 2, args, &result) != napi_ok)
    fail("bind");
}

} // namespace sledge::binding
