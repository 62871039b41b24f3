#include "policy_swap.hpp"

#include "core/policy_loader.hpp"
#include "data_plane_options.hpp"
#include "values.hpp"

namespace sledge::binding {

using dataplane::Dispatch;
using dataplane::LiveCounters;
using dataplane::LivePolicy;
using dataplane::LiveState;

namespace {

struct Choice {
  const char *name;
  sledge_policy_kind kind;
  PolicyInstance made;
  bool wanted = false;
};

/// What is asked for is made before anything is exchanged. False with an exception pending.
bool make(Napi::Env env, const Napi::Object &choices, const EngineConfig &engine, Choice &choice) {
  const Napi::Value spec = choices.Get(choice.name);
  choice.wanted = spec.IsObject() || spec.IsNull();
  if (!spec.IsObject())
    return true;
  PolicyConfig config;
  config.options = policy_options(spec.As<Napi::Object>());
  config.worker_count = engine.worker_count;
  config.type_count_max = dataplane::function_count_max;
  config.request_count_max = engine.request_count_max;
  config.seed = engine.seed;
  PolicyError error;
  choice.made =
      load_policy(text_of(spec.As<Napi::Object>(), "library"), choice.kind, config, error);
  if (choice.made)
    return true;
  throw_error(env, error.code, error.reason);
  return false;
}

/// Of the worker group whose index this argument is. Null, with an exception pending: there is
/// none.
Dispatch *group_of(const Napi::CallbackInfo &info, size_t argument, PlaneHolder &holder) {
  const double group = info[argument].IsNumber() ? info[argument].As<Napi::Number>() : -1;
  if (group >= 0 && group < holder.plane->group_count())
    return &holder.plane->dispatch(static_cast<uint32_t>(group));
  throw_error(info.Env(), SLEDGE_ERR_NATIVE_ARGUMENT, "no such worker group");
  return nullptr;
}

const char *name_of(LiveState state) {
  switch (state) {
  case LiveState::ready:
    return "ready";
  case LiveState::driving:
    return "driving";
  case LiveState::replaced:
    return "replaced";
  case LiveState::ejected:
    return "ejected";
  }
  return "unknown";
}

} // namespace

void set_policies(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject())
    return throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "setPolicies(choices, workerGroup)");
  Dispatch *dispatch = group_of(info, 1, holder);
  if (dispatch == nullptr)
    return;
  const EngineConfig engine = dispatch->engine_config();
  Choice choices[] = {{"dispatcher", SLEDGE_DISPATCHER, {}},
                      {"scheduler", SLEDGE_SCHEDULER, {}},
                      {"estimator", SLEDGE_ESTIMATOR, {}},
                      {"admission", SLEDGE_ADMISSION, {}}};
  for (Choice &choice : choices) {
    if (!make(env, info[0].As<Napi::Object>(), engine, choice))
      return;
  }
  if (choices[0].made || choices[1].made)
    dispatch->lead(nullptr, std::move(choices[0].made), std::move(choices[1].made));
  for (Choice &choice : {std::ref(choices[2]), std::ref(choices[3])}) {
    if (choice.wanted)
      dispatch->swap(choice.kind, std::move(choice.made));
  }
}

Napi::Value policy_status(const Napi::CallbackInfo &info, PlaneHolder &holder) {
  const Napi::Env env = info.Env();
  Dispatch *dispatch = group_of(info, 0, holder);
  if (dispatch == nullptr)
    return env.Undefined();
  LiveState state = LiveState::ready;
  LiveCounters live;
  EngineCounters engine;
  std::string reason, dispatcher, scheduler;
  bool is_live = false;
  double ejected_ns = 0;
  dispatch->read_live([&](LivePolicy *found, const Engine &served) {
    dispatcher = served.dispatcher_name();
    scheduler = served.scheduler_name();
    engine = served.counters();
    is_live = found != nullptr;
    if (found == nullptr)
      return;
    state = found->state();
    live = found->counters();
    reason = state == LiveState::ejected ? found->reason() : std::string();
    ejected_ns = state == LiveState::ejected ? static_cast<double>(found->ejected_ns()) : 0;
  });
  Napi::Object status = Napi::Object::New(env);
  const auto set = [&](const char *name, uint64_t value) {
    status.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  status.Set("dispatcher", dispatcher);
  status.Set("scheduler", scheduler);
  status.Set("live", is_live ? name_of(state) : "none");
  status.Set("reason", reason);
  status.Set("ejectedNs", ejected_ns);
  set("swaps", engine.swaps);
  set("ignored", engine.actions_ignored);
  set("held", engine.held);
  set("events", live.events);
  set("orders", live.orders);
  set("batches", live.batches);
  set("roundTripNs", live.round_trip_ns);
  set("callbacks", live.callbacks);
  set("callbackNs", live.callback_ns);
  return status;
}

} // namespace sledge::binding
