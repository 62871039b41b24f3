// policy_thread.hpp - NativePolicyThread of core/src/contracts/native.ts: on the policy thread, an
// engine with the TypeScript policies that follows the one that serves a worker group.
#pragma once
#include <napi.h>

#include <memory>

#include "core/orders.hpp"
#include "dataplane/live_policy.hpp"
#include "hosted_policy.hpp"
#include "plane_holder.hpp"

namespace sledge::binding {

class PolicyThread : public Napi::ObjectWrap<PolicyThread> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PolicyThread(const Napi::CallbackInfo &info);
  ~PolicyThread() override;

 private:
  struct Made {
    PolicyInstance own;    ///< for the engine here
    PolicyInstance theirs; ///< for the engine that serves; empty: the live policy's proxy
    const HostedPolicy *hosted = nullptr;
  };
  bool make(Napi::Env env, const Napi::Object &options, const char *name, sledge_policy_kind kind,
            Made &made);
  bool build(Napi::Env env, const Napi::Object &options);
  bool load_fallbacks(const Napi::Object &options, PolicyError &error);
  Napi::Value run(const Napi::CallbackInfo &info);
  Napi::Value stats(const Napi::CallbackInfo &info);
  uint64_t calls() const;
  void step(uint64_t until_ns);
  bool check();
  void send(size_t events);
  std::string failure() const;
  dataplane::Dispatch &dispatch() { return holder_->plane->dispatch(group_); }

  std::shared_ptr<PlaneHolder> holder_;
  uint32_t group_ = 0;
  std::shared_ptr<dataplane::LivePolicy> live_;
  PolicyConfig config_;
  Made dispatcher_;
  Made scheduler_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Follower> follower_;
};

} // namespace sledge::binding
