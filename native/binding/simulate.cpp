#include "simulate.hpp"

#include <functional>
#include <string>
#include <vector>

#include "hosted_placing.hpp"
#include "hosted_policy.hpp"
#include "lab/simulation.hpp"
#include "values.hpp"

namespace sledge::binding {

using namespace sledge::lab;

std::vector<double> numbers_of(const Napi::Object &object, const char *name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsTypedArray())
    return {};
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_float64_array)
    return {};
  const auto doubles = array.As<Napi::Float64Array>();
  return {doubles.Data(), doubles.Data() + doubles.ElementLength()};
}

/// A whole number of at most 2^53; anything else is 0.
uint64_t whole_of(const Napi::Object &object, const char *name) {
  const double value = number_of(object, name);
  return value > 0 && value < 9007199254740992.0 ? static_cast<uint64_t>(value) : 0;
}

static Shape shape_of(const std::string &name) {
  static constexpr const char *names[] = {"deterministic", "exponential",    "lognormal",
                                          "bimodal",       "bounded-pareto", "empirical"};
  for (uint8_t at = 0; at < 6; at++)
    if (name == names[at])
      return static_cast<Shape>(at);
  return Shape::deterministic;
}

Distribution distribution_of(const Napi::Object &object) {
  return {shape_of(text_of(object, "shape")), numbers_of(object, "values")};
}

namespace {

/// Drawn at once: 320 MB of numbers.
constexpr uint64_t jobs_max = 10'000'000;

RequestClass class_of(const Napi::Object &given) {
  RequestClass one;
  one.share = number_of(given, "share");
  one.service = distribution_of(given);
  one.group = uint_of(given, "group");
  one.tenant = uint_of(given, "tenant");
  one.deadline_ns = number_of(given, "deadlineNs");
  one.deadline_of_service = number_of(given, "deadlineOfService");
  one.expected_ns = number_of(given, "expectedNs");
  one.drop_late = given.Get("dropLate").ToBoolean();
  return one;
}

void read_recording(const Napi::Object &given, Recording &recording) {
  recording.at_ns = numbers_of(given, "atNs");
  recording.service_ns = numbers_of(given, "serviceNs");
  for (const double type : numbers_of(given, "type"))
    recording.type.push_back(type >= 0 && type < 1e6 ? static_cast<uint32_t>(type) : UINT32_MAX);
}

void read_workload(const Napi::Object &options, WorkloadSpec &workload) {
  const auto given = options.Get("workload").As<Napi::Object>();
  const auto classes = given.Get("classes").As<Napi::Array>();
  for (uint32_t at = 0; at < classes.Length(); at++)
    workload.classes.push_back(class_of(classes.Get(at).As<Napi::Object>()));
  const std::string arrivals = text_of(given, "arrivals");
  workload.arrivals = arrivals == "mmpp"       ? ArrivalKind::mmpp
                      : arrivals == "uniform"  ? ArrivalKind::uniform
                      : arrivals == "recorded" ? ArrivalKind::recorded
                                               : ArrivalKind::poisson;
  workload.values = numbers_of(given, "arrivalValues");
  if (workload.arrivals == ArrivalKind::recorded)
    read_recording(given.Get("recording").As<Napi::Object>(), workload.recording);
  workload.requests = whole_of(options, "requests");
  workload.seed = whole_of(options, "seed");
}

Costs costs_of(const Napi::Object &given) {
  Costs costs;
  costs.network_ns = whole_of(given, "networkNs");
  costs.dispatch_ns = whole_of(given, "dispatchNs");
  costs.wake_ns = whole_of(given, "wakeNs");
  costs.start_ns = whole_of(given, "startNs");
  costs.finish_ns = whole_of(given, "finishNs");
  costs.switch_ns = whole_of(given, "switchNs");
  costs.notice_ns = whole_of(given, "noticeNs");
  costs.interrupt_ns = whole_of(given, "interruptNs");
  costs.granularity_ns = whole_of(given, "granularityNs");
  costs.timer_ns = whole_of(given, "timerNs");
  costs.inflation = number_of(given, "inflation");
  return costs;
}

std::vector<sledge_tenant_terms> terms_of(const Napi::Object &options) {
  std::vector<sledge_tenant_terms> terms;
  const auto list = options.Get("workload").As<Napi::Object>().Get("tenants").As<Napi::Array>();
  for (uint32_t at = 0; at < list.Length(); at++) {
    const auto given = list.Get(at).As<Napi::Object>();
    terms.push_back({whole_of(given, "budgetNs"), whole_of(given, "periodNs")});
  }
  return terms;
}

SimulationSpec spec_of(const Napi::Object &options) {
  SimulationSpec spec;
  read_workload(options, spec.workload);
  spec.costs = costs_of(options.Get("costs").As<Napi::Object>());
  spec.worker_count = uint_of(options, "workers");
  spec.group_count = uint_of(options, "groups");
  spec.spread = text_of(options, "spread") == "turns" ? Spread::turns : Spread::random;
  spec.preemption = options.Get("preemption").ToBoolean();
  spec.migration = options.Get("migration").ToBoolean();
  spec.request_count_max = uint_of(options, "maxRequests");
  spec.queue_length_max = uint_of(options, "queuePerWorker");
  spec.warmup = whole_of(options, "warmup");
  spec.terms = terms_of(options);
  spec.record_max = whole_of(options, "recordMax");
  spec.series = options.Get("series").ToBoolean();
  const double load = number_of(options, "load");
  if (load > 0)
    spec.workload.scale_to(load * spec.worker_count);
  return spec;
}

struct Hosted {
  std::vector<const HostedPolicy *> policies;
  std::string failure() const {
    for (const HostedPolicy *policy : policies)
      if (policy != nullptr && !policy->failure().empty())
        return policy->failure();
    return {};
  }
};

/// False, with `error`, when one of them cannot be made.
bool make_group(const Napi::Object &options, const SimulationSpec &spec, GroupPolicies &group,
                Hosted &hosted, PolicyError &error) {
  PolicyConfig config;
  config.worker_count = spec.worker_count / spec.group_count;
  config.type_count_max =
      std::max<uint32_t>(static_cast<uint32_t>(spec.workload.classes.size()), 1);
  config.request_count_max = (spec.request_count_max + spec.group_count - 1) / spec.group_count;
  config.seed = spec.workload.seed;
  const struct {
    const char *name;
    sledge_policy_kind kind;
    PolicyInstance &place;
  } wanted[] = {{"dispatcher", SLEDGE_DISPATCHER, group.dispatcher},
                {"scheduler", SLEDGE_SCHEDULER, group.scheduler},
                {"estimator", SLEDGE_ESTIMATOR, group.estimator},
                {"admission", SLEDGE_ADMISSION, group.admission}};
  for (const auto &one : wanted) {
    const Napi::Value given = options.Get(one.name);
    if (!given.IsObject())
      continue; // the engine refuses to be without what it needs
    const HostedPolicy *policy = nullptr;
    one.place =
        make_policy(options.Env(), given.As<Napi::Object>(), one.kind, config, error, &policy);
    if (!one.place)
      return false;
    hosted.policies.push_back(policy);
  }
  return true;
}

Napi::Float64Array buckets_of(Napi::Env env, const Histogram &histogram) {
  std::vector<double> list;
  histogram.each([&](uint64_t value, uint64_t count) {
    list.push_back(static_cast<double>(value));
    list.push_back(static_cast<double>(count));
  });
  Napi::Float64Array array = Napi::Float64Array::New(env, list.size());
  std::copy(list.begin(), list.end(), array.Data());
  return array;
}

void set(Napi::Object &object, const char *name, double value) {
  object.Set(name, Napi::Number::New(object.Env(), value));
}

void set(Napi::Object &object, const char *name, uint64_t value) {
  set(object, name, static_cast<double>(value));
}

Napi::Object class_result(Napi::Env env, const ClassResult &result) {
  Napi::Object object = Napi::Object::New(env);
  set(object, "arrived", result.arrived);
  set(object, "finished", result.finished);
  set(object, "refused", result.refused);
  set(object, "dropped", result.dropped);
  set(object, "withDeadline", result.with_deadline);
  set(object, "missed", result.missed);
  set(object, "serviceNs", result.service_ns);
  set(object, "sojournNs", result.sojourn_ns);
  set(object, "slowdown", result.slowdown);
  object.Set("sojourns", buckets_of(env, result.sojourns));
  object.Set("slowdowns", buckets_of(env, result.slowdowns));
  return object;
}

Napi::Object totals_of(Napi::Env env, const Simulation &simulation) {
  const RunTotals &totals = simulation.totals();
  Napi::Object object = Napi::Object::New(env);
  set(object, "endNs", totals.end_ns);
  set(object, "inSystemArea", totals.in_system_area);
  set(object, "sojournNs", totals.sojourn_ns);
  set(object, "busyArea", totals.busy_area);
  set(object, "serviceNs", totals.service_ns);
  set(object, "finished", totals.finished);
  set(object, "refused", totals.refused);
  set(object, "dropped", totals.dropped);
  set(object, "lost", totals.lost);
  set(object, "events", totals.events);
  const EngineCounters counters = simulation.counters();
  set(object, "preemptions", counters.preemptions);
  set(object, "quantumEnds", counters.quantum_ends);
  set(object, "interrupts", counters.interrupts);
  set(object, "wakes", counters.wakes);
  set(object, "notAdmitted", counters.not_admitted);
  set(object, "actionsIgnored", counters.actions_ignored);
  return object;
}

Napi::Object result_of(Napi::Env env, const Simulation &simulation,
                       const std::vector<ClassResult> &of_classes) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array classes = Napi::Array::New(env);
  for (const ClassResult &one : of_classes)
    classes.Set(classes.Length(), class_result(env, one));
  object.Set("classes", classes);
  object.Set("totals", totals_of(env, simulation));
  const Window &window = simulation.window();
  Napi::Object measured = Napi::Object::New(env);
  set(measured, "fromNs", window.from_ns);
  set(measured, "toNs", window.to_ns);
  set(measured, "inSystemArea", window.in_system_area);
  set(measured, "busyArea", window.busy_area);
  set(measured, "arrived", window.arrived);
  object.Set("window", measured);
  const EventRecord &record = simulation.record();
  Napi::Float64Array events =
      Napi::Float64Array::New(env, record.events().size() * RecordedEvent::fields);
  record.write(events.Data());
  object.Set("record", events);
  set(object, "recordMissed", record.missed());
  const Series &series = simulation.series();
  Napi::Float64Array points = Napi::Float64Array::New(env, series.size() * Series::fields);
  series.write(points.Data());
  object.Set("series", points);
  return object;
}

/// What is called now and then: false ends the run.
std::function<bool(uint64_t)> progress_of(Napi::Env env, const Napi::Value &callback,
                                          const std::function<std::string()> &failure) {
  return [env, callback, failure](uint64_t arrivals) {
    const Napi::HandleScope scope(env);
    if (!failure().empty())
      return false;
    if (!callback.IsFunction())
      return true;
    const Napi::Value go_on =
        callback.As<Napi::Function>().Call({Napi::Number::New(env, static_cast<double>(arrivals))});
    return !env.IsExceptionPending() && go_on.ToBoolean();
  };
}

/// Throws what failed. @returns the result, or null when the run was ended.
Napi::Value ended_as(Napi::Env env, const std::string &failure, bool has_ended,
                     const std::function<Napi::Object()> &result) {
  if (failure.empty())
    return has_ended ? result().As<Napi::Value>() : env.Null();
  throw_error(env, SLEDGE_ERR_NATIVE_POLICY_CREATE, failure);
  return env.Undefined();
}

Napi::Value run_cluster(const Napi::CallbackInfo &info, const SimulationSpec &spec,
                        std::vector<GroupPolicies> groups, const Hosted &hosted) {
  const Napi::Env env = info.Env();
  const auto given = info[0].As<Napi::Object>().Get("cluster").As<Napi::Object>();
  const ClusterSpec cluster_spec = cluster_of(given, spec.group_count);
  PolicyError error;
  if (!cluster_spec.check(error.reason)) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, error.reason);
    return env.Undefined();
  }
  HostedPlacing placing(given.Get("placement").As<Napi::Object>(),
                        Cluster::table_size(cluster_spec));
  const auto cluster =
      Cluster::make(spec, cluster_spec, std::move(groups), placing, placing.table(), error);
  if (cluster == nullptr) {
    throw_error(env, error.code, error.reason);
    return env.Undefined();
  }
  const auto failure = [&] { return placing.failure() + hosted.failure(); };
  const bool has_ended = cluster->run(progress_of(env, info[1], failure));
  return ended_as(env, failure(), has_ended, [&] {
    Napi::Object result = result_of(env, cluster->simulation(), cluster->classes());
    result.Set("cluster", cluster_result(env, *cluster));
    return result;
  });
}

} // namespace

Napi::Value simulate(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  const SimulationSpec spec = spec_of(options);
  PolicyError error;
  error.code = SLEDGE_ERR_NATIVE_ARGUMENT;
  if (!Simulation::check(spec, error.reason)) {
    throw_error(env, error.code, error.reason);
    return env.Undefined();
  }
  Hosted hosted;
  std::vector<GroupPolicies> groups(spec.group_count);
  for (GroupPolicies &group : groups) {
    if (!make_group(options, spec, group, hosted, error)) {
      throw_error(env, error.code, error.reason);
      return env.Undefined();
    }
  }
  if (options.Get("cluster").IsObject())
    return run_cluster(info, spec, std::move(groups), hosted);
  const std::unique_ptr<Simulation> simulation = Simulation::make(spec, std::move(groups), error);
  if (simulation == nullptr) {
    throw_error(env, error.code, error.reason);
    return env.Undefined();
  }
  const auto failure = [&] { return hosted.failure(); };
  const bool has_ended = simulation->run(progress_of(env, info[1], failure));
  return ended_as(env, failure(), has_ended,
                  [&] { return result_of(env, *simulation, simulation->classes()); });
}

Napi::Value draw_jobs(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  WorkloadSpec spec;
  read_workload(options, spec);
  spec.requests = std::min(spec.requests, jobs_max);
  const double load = number_of(options, "load");
  if (load > 0)
    spec.scale_to(load * uint_of(options, "workers"));
  std::string reason;
  if (!spec.check(reason)) {
    throw_error(env, SLEDGE_ERR_NATIVE_ARGUMENT, reason);
    return env.Undefined();
  }
  std::vector<double> list;
  Workload workload(spec);
  for (Job job; workload.next(job);) {
    const bool has_deadline = job.deadline_ns != SLEDGE_NO_DEADLINE;
    const uint64_t relative_ns = has_deadline ? job.deadline_ns - job.arrival_ns : 0;
    for (const uint64_t value : {job.arrival_ns, uint64_t{job.type}, job.service_ns, relative_ns})
      list.push_back(static_cast<double>(value));
  }
  Napi::Float64Array array = Napi::Float64Array::New(env, list.size());
  std::copy(list.begin(), list.end(), array.Data());
  return array;
}

} // namespace sledge::binding
