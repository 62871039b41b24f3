#include "policy_trial.hpp"

#include <cmath>
#include <string>

#include "core/event_log.hpp"
#include "core/trial.hpp"
#include "hosted_policy.hpp"
#include "values.hpp"

namespace sledge::binding {

namespace {

constexpr size_t log_fields = 11;
constexpr size_t log_entry_max = 8u << 20;

/// An engine with policies of either form, on this thread.
struct Stage {
  const HostedPolicy *dispatcher = nullptr;
  const HostedPolicy *scheduler = nullptr;
  std::unique_ptr<Engine> engine;

  std::string failure() const {
    for (const HostedPolicy *policy : {dispatcher, scheduler}) {
      if (policy != nullptr && !policy->failure().empty())
        return policy->failure();
    }
    return {};
  }
  uint64_t calls() const {
    return (dispatcher != nullptr ? dispatcher->calls() : 0) +
           (scheduler != nullptr ? scheduler->calls() : 0);
  }
};

bool set_stage(Napi::Env env, const Napi::Object &options, Stage &stage) {
  EngineConfig config;
  config.worker_count = uint_of(options, "workers");
  config.request_count_max = uint_of(options, "maxRequests");
  config.queue_length_max = uint_of(options, "queuePerWorker");
  config.preemption = options.Get("preemption").ToBoolean();
  config.migration = options.Get("migration").ToBoolean();
  config.seed = uint_of(options, "seed");
  config.terms = {{20'000, 100'000}, {50'000, 400'000}}; // of tenants 0 and 1; others have none
  PolicyConfig policy;
  policy.worker_count = config.worker_count;
  policy.type_count_max = uint_of(options, "types");
  policy.request_count_max = config.request_count_max;
  policy.seed = config.seed;
  PolicyError error;
  PolicyInstance dispatcher = make_policy(env, options.Get("dispatcher").As<Napi::Object>(),
                                          SLEDGE_DISPATCHER, policy, error, &stage.dispatcher);
  PolicyInstance scheduler;
  if (dispatcher)
    scheduler = make_policy(env, options.Get("scheduler").As<Napi::Object>(), SLEDGE_SCHEDULER,
                            policy, error, &stage.scheduler);
  if (dispatcher && scheduler)
    stage.engine = Engine::make(config, std::move(dispatcher), std::move(scheduler), error);
  if (stage.engine != nullptr)
    return true;
  throw_error(env, error.code, error.reason);
  return false;
}

Napi::Value write_log(Napi::Env env, const std::vector<LogEntry> &entries) {
  Napi::Float64Array log = Napi::Float64Array::New(env, entries.size() * log_fields);
  double *to = log.Data();
  for (const LogEntry &entry : entries) {
    const bool endless = entry.deadline_ns == SLEDGE_NO_DEADLINE;
    const double fields[log_fields] = {static_cast<double>(entry.kind),
                                       entry.worker == SLEDGE_NO_WORKER ? -1.0 : entry.worker,
                                       static_cast<double>(entry.extra),
                                       static_cast<double>(entry.now_ns),
                                       static_cast<double>(entry.id),
                                       static_cast<double>(entry.type),
                                       static_cast<double>(entry.group),
                                       static_cast<double>(entry.tenant),
                                       static_cast<double>(entry.arrival_ns),
                                       endless ? INFINITY : static_cast<double>(entry.deadline_ns),
                                       static_cast<double>(entry.estimate_ns)};
    to = std::copy(std::begin(fields), std::end(fields), to);
  }
  return log;
}

uint64_t whole(double value) {
  return value > 0 && value < 9007199254740992.0 ? static_cast<uint64_t>(value) : 0;
}

std::vector<LogEntry> read_log(const Napi::Float64Array &log) {
  std::vector<LogEntry> entries(log.ElementLength() / log_fields);
  const double *from = log.Data();
  for (LogEntry &entry : entries) {
    entry.kind = static_cast<EventKind>(whole(from[0]) & 0xff);
    entry.worker = from[1] < 0 ? SLEDGE_NO_WORKER : static_cast<uint32_t>(whole(from[1]));
    entry.extra = static_cast<uint32_t>(whole(from[2]));
    entry.now_ns = whole(from[3]);
    entry.id = whole(from[4]);
    entry.type = static_cast<uint32_t>(whole(from[5]));
    entry.group = static_cast<uint32_t>(whole(from[6]));
    entry.tenant = static_cast<uint32_t>(whole(from[7]));
    entry.arrival_ns = whole(from[8]);
    entry.deadline_ns = std::isinf(from[9]) ? SLEDGE_NO_DEADLINE : whole(from[9]);
    entry.estimate_ns = whole(from[10]);
    from += log_fields;
  }
  return entries;
}

TrialConfig trial_config(const Napi::Object &options) {
  TrialConfig config;
  config.request_count = uint_of(options, "requests");
  config.seed = uint_of(options, "seed");
  config.load = number_of(options, "load");
  config.type_count = uint_of(options, "types");
  config.with_deadlines = options.Get("withDeadlines").ToBoolean();
  config.work_conserving = options.Get("isWorkConserving").ToBoolean();
  config.fifo_within_type = options.Get("isFifoWithinType").ToBoolean();
  config.deadline_order = options.Get("ordersByDeadline").ToBoolean();
  if (!options.Get("withInterruptions").ToBoolean())
    config.removed_share = config.blocked_share = 0;
  return config;
}

bool in_bounds(Napi::Env env, const TrialConfig &config) {
  if (config.load > 0 && config.load <= 100 && config.type_count >= 1 && config.type_count <= 32768)
    return true;
  throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "load or types are out of bounds");
  return false;
}

} // namespace

Napi::Value policy_trial(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "policyTrial(options)");
    return env.Undefined();
  }
  const auto options = info[0].As<Napi::Object>();
  const TrialConfig config = trial_config(options);
  Stage stage;
  if (!in_bounds(env, config) || !set_stage(env, options, stage))
    return env.Undefined();
  EventLog log(options.Get("isRecorded").ToBoolean() ? log_entry_max : 0);
  stage.engine->observe_with(&log);
  const TrialResult trial = Trial(*stage.engine, config).run();
  stage.engine->observe_with(nullptr);
  const EngineCounters &counters = stage.engine->counters();
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char *name, uint64_t value) {
    result.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("finished", trial.finished);
  set("refused", trial.refused);
  set("removed", trial.removed);
  set("left", trial.left);
  set("endNs", trial.end_ns);
  set("preemptions", counters.preemptions);
  set("ignored", counters.actions_ignored);
  set("interrupts", counters.interrupts);
  set("calls", stage.calls());
  result.Set("violation", trial.violation);
  result.Set("failure", stage.failure());
  result.Set("log", write_log(env, log.entries()));
  return result;
}

Napi::Value policy_replay(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject() || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, "policyReplay(options, log)");
    return env.Undefined();
  }
  Stage stage;
  if (!set_stage(env, info[0].As<Napi::Object>(), stage))
    return env.Undefined();
  const ReplayResult replayed =
      sledge::replay(read_log(info[1].As<Napi::Float64Array>()), *stage.engine);
  Napi::Object result = Napi::Object::New(env);
  result.Set("inputs", Napi::Number::New(env, static_cast<double>(replayed.inputs)));
  result.Set("decisions", Napi::Number::New(env, static_cast<double>(replayed.decisions)));
  result.Set("difference", replayed.difference);
  result.Set("failure", stage.failure());
  return result;
}

} // namespace sledge::binding
