// hosted_policy.hpp - a policy in JavaScript behind the same table as a native one: its callbacks
// call into JavaScript, synchronously, on the thread that made it.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "core/policy_instance.hpp"
#include "core/request.hpp"

namespace sledge::binding {

/// The failure of one whose thread is gone.
inline constexpr const char *thread_ended = "its thread has ended";

/// A number of JavaScript as an integer from 0 to 2^53.
inline uint64_t bounded(double value) {
  constexpr double most = 9007199254740992.0; // 2^53
  return value > 0 ? static_cast<uint64_t>(value < most ? value : most) : 0;
}

/// A HostedPolicy of core/src/policies/hosted-policy.ts in an engine on its own thread. The engine
/// must be one whose requests live in a RequestPool (every Engine), and must be used and destroyed
/// on that thread.
class HostedPolicy {
 public:
  HostedPolicy(Napi::Env env, const Napi::Object &hosted, const PolicyConfig &config);
  ~HostedPolicy();
  HostedPolicy(const HostedPolicy &) = delete;
  HostedPolicy &operator=(const HostedPolicy &) = delete;

  const sledge_policy_table *table() const { return &table_; }
  bool has(uint32_t callback) const { return (callbacks_ & callback) != 0; }
  uint64_t tick_ns() const { return tick_ns_; }
  uint64_t quantum_ns() const { return quantum_ns_; }
  uint64_t overdue_share_ppm() const { return overdue_share_ppm_; }
  /// Empty, or what the policy threw. After that its callbacks do nothing.
  const std::string &failure() const { return failure_; }
  uint64_t calls() const { return calls_; }

 private:
  struct Ops;
  struct Native;
  double call(uint32_t code, uint32_t index, uint32_t other);
  double call_dispatcher(uint32_t code, const sledge_request *r, uint32_t other,
                         sledge_workers *workers);
  uint32_t index_of(const sledge_request *r);
  void fail(const char *doing);
  void fill_row(uint32_t worker);
  sledge_request *find(double index, double id);
  void bind(Napi::Env env, const Napi::Object &hosted);
  void attach(const Request *base);

  napi_env env_;
  napi_ref hosted_ = nullptr;
  napi_ref call_ = nullptr;
  napi_ref memory_ = nullptr;
  napi_ref shared_buffer_ = nullptr;
  std::string name_;
  std::string failure_;
  uint32_t callbacks_ = 0;
  uint32_t worker_count_;
  uint32_t request_count_;
  uint64_t tick_ns_ = 0;
  uint64_t quantum_ns_ = 0;
  uint64_t overdue_share_ppm_ = 0;
  uint64_t calls_ = 0;
  std::vector<double> shared_;
  const Request *base_ = nullptr;     ///< the pool's first request
  sledge_workers *workers_ = nullptr; ///< during a dispatcher's callback
  sledge_policy_table table_{};
  sledge_dispatcher_ops dispatcher_ops_{};
  sledge_scheduler_ops scheduler_ops_{};
};

/// The policy as an engine takes it; an empty instance and `error` when `hosted` is none of `kind`.
/// `out`, if not null, points to the policy as long as the instance lives.
PolicyInstance host_policy(Napi::Env env, const Napi::Object &hosted, sledge_policy_kind kind,
                           const PolicyConfig &config, PolicyError &error,
                           const HostedPolicy **out = nullptr);

/// From a NativePolicySpec ({library, options}) or a HostedPolicy.
PolicyInstance make_policy(Napi::Env env, const Napi::Object &spec, sledge_policy_kind kind,
                           PolicyConfig config, PolicyError &error,
                           const HostedPolicy **out = nullptr);

} // namespace sledge::binding
