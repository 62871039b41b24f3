#include "policy_thread.hpp"

#include <algorithm>

#include "core/policy_loader.hpp"
#include "data_plane_options.hpp"
#include "dataplane/clock.hpp"
#include "values.hpp"

namespace sledge::binding {

using dataplane::LiveOptions;
using dataplane::LivePolicy;
using dataplane::LiveState;

namespace {

constexpr size_t batch_max = 64;

/// For an engine that follows one with a native dispatcher.
void mirror_arrive(void *, sledge_request *, sledge_workers *) {}
void mirror_preempted(void *, sledge_request *, uint32_t, sledge_workers *) {}
constexpr sledge_dispatcher_ops mirror_ops = {.arrive = mirror_arrive,
                                              .idle = nullptr,
                                              .preempted = mirror_preempted,
                                              .completed = nullptr,
                                              .removed = nullptr,
                                              .tick = nullptr};
constexpr sledge_policy_table mirror_table = {.api_version = SLEDGE_POLICY_API_VERSION,
                                              .struct_bytes = sizeof(sledge_policy_table),
                                              .name = "mirror",
                                              .kind = SLEDGE_DISPATCHER,
                                              .flags = 0,
                                              .create = nullptr,
                                              .destroy = nullptr,
                                              .tick_ns = nullptr,
                                              .quantum_ns = nullptr,
                                              .overdue_share_ppm = nullptr,
                                              .dispatcher = &mirror_ops,
                                              .scheduler = nullptr,
                                              .estimator = nullptr,
                                              .admission = nullptr};

} // namespace

Napi::Function PolicyThread::define(Napi::Env env) {
  return DefineClass(
      env, "PolicyThread",
      {InstanceMethod<&PolicyThread::run>("run"), InstanceMethod<&PolicyThread::stats>("stats")});
}

PolicyThread::PolicyThread(const Napi::CallbackInfo &info) : Napi::ObjectWrap<PolicyThread>(info) {
  const Napi::Env env = info.Env();
  holder_ = find_plane(info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0);
  if (holder_ == nullptr || !info[1].IsObject()) {
    throw_error(env, SLEDGE_ERR_NATIVE_STOPPED, "no such data plane");
    return;
  }
  const auto options = info[1].As<Napi::Object>();
  group_ = uint_of(options, "workerGroup");
  if (group_ >= holder_->plane->group_count()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "no such worker group");
    return;
  }
  if (!build(env, options))
    return;
  dispatch().lead(live_, std::move(dispatcher_.theirs), std::move(scheduler_.theirs));
}

PolicyThread::~PolicyThread() {
  if (live_ != nullptr && holder_ != nullptr)
    dispatch().eject(*live_, "its thread has ended");
}

bool PolicyThread::make(Napi::Env env, const Napi::Object &options, const char *name,
                        sledge_policy_kind kind, Made &made) {
  const auto spec = options.Get(name).As<Napi::Object>();
  PolicyError error;
  made.own = make_policy(env, spec, kind, config_, error, &made.hosted);
  if (made.own && made.hosted == nullptr)
    made.theirs = make_policy(env, spec, kind, config_, error);
  if (!made.own || (made.hosted == nullptr && !made.theirs)) {
    throw_error(env, error.code, error.reason);
    return false;
  }
  if (kind == SLEDGE_DISPATCHER && made.hosted == nullptr)
    made.own = PolicyInstance(&mirror_table, nullptr, nullptr);
  return true;
}

bool PolicyThread::load_fallbacks(const Napi::Object &options, PolicyError &error) {
  struct Fallback {
    const char *name;
    sledge_policy_kind kind;
    PolicyInstance *to;
  };
  const Fallback fallbacks[] = {
      {"fallbackDispatcher", SLEDGE_DISPATCHER, &live_->fallback_dispatcher},
      {"fallbackScheduler", SLEDGE_SCHEDULER, &live_->fallback_scheduler}};
  for (const Fallback &fallback : fallbacks) {
    const auto spec = options.Get(fallback.name).As<Napi::Object>();
    PolicyConfig config = config_;
    config.options = policy_options(spec);
    *fallback.to = load_policy(text_of(spec, "library"), fallback.kind, config, error);
    if (!*fallback.to)
      return false;
  }
  return true;
}

bool PolicyThread::build(Napi::Env env, const Napi::Object &options) {
  EngineConfig engine = dispatch().engine_config();
  config_.worker_count = engine.worker_count;
  config_.type_count_max = dataplane::function_count_max;
  config_.request_count_max = engine.request_count_max;
  config_.seed = engine.seed;
  if (!make(env, options, "dispatcher", SLEDGE_DISPATCHER, dispatcher_) ||
      !make(env, options, "scheduler", SLEDGE_SCHEDULER, scheduler_))
    return false;
  LiveOptions live;
  live.leads = {dispatcher_.hosted != nullptr, scheduler_.hosted != nullptr};
  live.takes_preempted =
      live.leads.dispatcher && dispatcher_.own.table()->dispatcher->preempted != nullptr;
  live.decides_preemption =
      live.leads.scheduler && scheduler_.own.table()->scheduler->preempts != nullptr;
  live.quantum_ns = live.leads.scheduler ? scheduler_.hosted->quantum_ns() : 0;
  live.dispatcher_quantum_ns = live.leads.dispatcher ? dispatcher_.hosted->quantum_ns() : 0;
  live.overdue_share_ppm = live.leads.scheduler ? scheduler_.hosted->overdue_share_ppm() : 0;
  live.decision_limit_ns = us_to_ns(number_of(options, "decisionLimitMs") * 1000);
  live.starvation_limit_ns = us_to_ns(number_of(options, "starvationLimitMs") * 1000);
  live.request_count_max = engine.request_count_max;
  live_ = std::make_shared<LivePolicy>(live);
  PolicyError error;
  engine.follows = true;
  if (load_fallbacks(options, error))
    engine_ = Engine::make(engine, std::move(dispatcher_.own), std::move(scheduler_.own), error);
  if (engine_ == nullptr) {
    throw_error(env, error.code, error.reason);
    return false;
  }
  follower_ = std::make_unique<Follower>(*engine_, live.leads);
  return true;
}

std::string PolicyThread::failure() const {
  for (const HostedPolicy *policy : {dispatcher_.hosted, scheduler_.hosted}) {
    if (policy != nullptr && !policy->failure().empty())
      return policy->failure() == thread_ended ? thread_ended : "it threw " + policy->failure();
  }
  return {};
}

/// False when it is over: the policy has failed, or drives no longer.
bool PolicyThread::check() {
  if (live_->state() != LiveState::driving)
    return false;
  const std::string reason = failure();
  if (reason.empty())
    return true;
  dispatch().eject(*live_, reason);
  return false;
}

void PolicyThread::send(size_t events) {
  std::vector<Order> &orders = follower_->orders();
  holder_->plane->carry_out(group_, *live_, orders, events);
  orders.clear();
}

/// Of both policies, so far.
uint64_t PolicyThread::calls() const {
  uint64_t calls = 0;
  for (const HostedPolicy *policy : {dispatcher_.hosted, scheduler_.hosted})
    calls += policy != nullptr ? policy->calls() : 0;
  return calls;
}

void PolicyThread::step(uint64_t until_ns) {
  const FollowedEvent *first = nullptr;
  const size_t count = live_->peek(&first, batch_max);
  const uint64_t before = calls();
  const uint64_t start_ns = dataplane::now_ns();
  for (size_t at = 0; at < count; at++) {
    follower_->follow(first[at]);
    if (!failure().empty())
      return;
  }
  if (count != 0) {
    live_->count_callbacks(calls() - before, dataplane::now_ns() - start_ns);
    return send(count);
  }
  const uint64_t now_ns = dataplane::now_ns();
  const uint64_t tick_ns = engine_->next_tick_ns();
  if (tick_ns <= now_ns) {
    follower_->tick(now_ns);
    if (!follower_->orders().empty())
      send(0);
  } else {
    live_->sleep(std::min(tick_ns, until_ns) - now_ns);
  }
}

/// Drives for so many milliseconds. False when it is over.
Napi::Value PolicyThread::run(const Napi::CallbackInfo &info) {
  const double limit_ms = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0;
  const uint64_t until_ns = dataplane::now_ns() + us_to_ns(limit_ms * 1000) + 1;
  bool goes_on = check();
  while (goes_on && dataplane::now_ns() < until_ns) {
    step(until_ns);
    goes_on = check();
  }
  return Napi::Boolean::New(info.Env(), goes_on);
}

Napi::Value PolicyThread::stats(const Napi::CallbackInfo &info) {
  Napi::Object stats = Napi::Object::New(info.Env());
  stats.Set("callbacks", Napi::Number::New(info.Env(), static_cast<double>(calls())));
  return stats;
}

} // namespace sledge::binding
