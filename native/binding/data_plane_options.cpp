#include "data_plane_options.hpp"

#include <algorithm>
#include <cstring>

#include "core/policy_loader.hpp"
#include "sandbox/preempt_timer.hpp"
#include "values.hpp"

namespace sledge::binding {

using dataplane::ArenaRuntime;
using dataplane::DataPlane;
using dataplane::DataPlaneOptions;
using dataplane::IdleKind;

std::vector<PolicyOption> policy_options(const Napi::Object &policy) {
  std::vector<PolicyOption> options;
  const Napi::Value list = policy.Get("options");
  if (!list.IsArray()) {
    return options;
  }
  const auto array = list.As<Napi::Array>();
  for (uint32_t at = 0; at < array.Length(); at++) {
    const auto entry = array.Get(at).As<Napi::Object>();
    PolicyOption option;
    option.name = text_of(entry, "name");
    option.number = number_of(entry, "number");
    option.is_text = entry.Get("text").IsString();
    option.text = text_of(entry, "text");
    options.push_back(std::move(option));
  }
  return options;
}

namespace {

/// One entry of `groups`, beside the options of the whole.
struct GroupSpec {
  Napi::Object group;
  Napi::Object options;
  uint32_t seed;
  uint32_t slot_count; ///< its share by workers; 0: it has none
};

PolicyInstance policy(const GroupSpec &of, const char *name, sledge_policy_kind kind,
                      PolicyError &error) {
  const auto spec = of.group.Get(name).As<Napi::Object>();
  PolicyConfig config;
  config.options = policy_options(spec);
  config.worker_count = uint_of(of.group, "workerCount");
  config.type_count_max = dataplane::function_count_max;
  config.request_count_max = uint_of(of.options, "maxInvocations");
  config.seed = of.seed;
  return load_policy(text_of(spec, "library"), kind, config, error);
}

/// An empty instance where the option is null; `failed` when it is named and cannot be made.
PolicyInstance optional_policy(const GroupSpec &of, const char *name, sledge_policy_kind kind,
                               bool &failed, PolicyError &error) {
  if (!of.group.Get(name).IsObject()) {
    return {};
  }
  PolicyInstance made = policy(of, name, kind, error);
  failed = failed || !made;
  return made;
}

std::unique_ptr<Engine> build_engine(const GroupSpec &of, PolicyError &error) {
  PolicyInstance dispatcher = policy(of, "dispatcher", SLEDGE_DISPATCHER, error);
  if (!dispatcher) {
    return nullptr;
  }
  PolicyInstance scheduler = policy(of, "scheduler", SLEDGE_SCHEDULER, error);
  if (!scheduler) {
    return nullptr;
  }
  bool failed = false;
  PolicyInstance estimator = optional_policy(of, "estimator", SLEDGE_ESTIMATOR, failed, error);
  PolicyInstance admission =
      failed ? PolicyInstance() : optional_policy(of, "admission", SLEDGE_ADMISSION, failed, error);
  if (failed) {
    return nullptr;
  }
  EngineConfig config;
  config.preemption = text_of(of.options, "preemption") != "none";
  config.worker_count = uint_of(of.group, "workerCount");
  config.request_count_max = uint_of(of.options, "maxInvocations");
  config.queue_length_max = uint_of(of.options, "maxQueuePerWorker");
  config.seed = of.seed;
  config.started_max = of.slot_count;
  config.migration = true; // only native workers preempt, and theirs resume anywhere
  std::unique_ptr<Engine> engine =
      Engine::make(config, std::move(dispatcher), std::move(scheduler), error);
  if (engine != nullptr) {
    engine->swap_estimator(std::move(estimator));
    engine->swap_admission(std::move(admission));
  }
  return engine;
}

/// Empty when one cannot be made.
std::vector<std::unique_ptr<Engine>> build_engines(const Napi::Object &options,
                                                   PolicyError &error) {
  std::vector<std::unique_ptr<Engine>> engines;
  const auto groups = options.Get("groups").As<Napi::Array>();
  const uint32_t seed = uint_of(options, "seed");
  uint32_t worker_count = 0;
  for (uint32_t at = 0; at < groups.Length(); at++) {
    worker_count += uint_of(groups.Get(at).As<Napi::Object>(), "workerCount");
  }
  const bool has_slots = text_of(options, "workerKind") == "native";
  for (uint32_t at = 0; at < groups.Length(); at++) {
    const auto group = groups.Get(at).As<Napi::Object>();
    const uint64_t workers = uint_of(group, "workerCount");
    const uint64_t slots = uint_of(options, "arenaSlots") * workers / std::max(worker_count, 1u);
    const auto slot_count = static_cast<uint32_t>(std::max(slots, workers));
    engines.push_back(build_engine({group, options, seed + at, has_slots ? slot_count : 0}, error));
    if (engines.back() == nullptr) {
      return {};
    }
  }
  return engines;
}

IdleKind idle_kind(const std::string &name) {
  return name == "spin" ? IdleKind::spin : name == "block" ? IdleKind::block : IdleKind::adaptive;
}

/// What a signal may cost at most is a twentieth of a worker; measured once per process.
uint64_t measured_signal_interval_ns() {
  constexpr uint64_t unmeasured_ns = 500'000;
  static const uint64_t measured_ns = [] {
    if (!enter_sandbox_thread()) {
      return unmeasured_ns;
    }
    const uint64_t cost_ns = measure_tick_cost_ns();
    leave_sandbox_thread();
    return cost_ns == 0 ? unmeasured_ns : quantum_floor_ns(cost_ns);
  }();
  return measured_ns;
}

dataplane::PreemptionOptions preemption_options(const Napi::Object &options) {
  dataplane::PreemptionOptions preemption;
  const std::string mechanism = text_of(options, "preemption");
  preemption.mechanism = mechanism == "signal"  ? dataplane::Mechanism::signal
                         : mechanism == "timer" ? dataplane::Mechanism::timer
                         : mechanism == "tsc"   ? dataplane::Mechanism::tsc
                                                : dataplane::Mechanism::safepoint;
  preemption.grace_ns = us_to_ns(number_of(options, "graceUs"));
  const double interval_us = number_of(options, "minSignalIntervalUs");
  preemption.signal_interval_min_ns =
      interval_us < 0 ? measured_signal_interval_ns() : us_to_ns(interval_us);
  return preemption;
}

std::vector<dataplane::TenantLimits> all_tenant_limits(const Napi::Object &options) {
  std::vector<dataplane::TenantLimits> tenants;
  const Napi::Value list = options.Get("tenants");
  if (list.IsArray()) {
    const auto array = list.As<Napi::Array>();
    for (uint32_t at = 0; at < array.Length(); at++) {
      const auto limits = array.Get(at).As<Napi::Object>();
      tenants.push_back(tenant_limits(limits));
    }
  }
  return tenants;
}

void promise(dataplane::DataPlane &plane, const Napi::Object &options) {
  const Napi::Value list = options.Get("tenants");
  for (uint32_t at = 0; list.IsArray() && at < list.As<Napi::Array>().Length(); at++) {
    const sledge_tenant_terms terms =
        tenant_terms(list.As<Napi::Array>().Get(at).As<Napi::Object>());
    if (terms.budget_ns != 0) {
      plane.set_terms(at, terms);
    }
  }
}

DataPlaneOptions plane_options(const Napi::Object &options) {
  DataPlaneOptions plane;
  plane.external = text_of(options, "workerKind") == "external";
  const auto groups = options.Get("groups").As<Napi::Array>();
  for (uint32_t at = 0; at < groups.Length(); at++) {
    const auto group = groups.Get(at).As<Napi::Object>();
    plane.idle.push_back({idle_kind(text_of(group, "idle")), us_to_ns(number_of(group, "spinUs"))});
  }
  plane.invocation_max = uint_of(options, "maxInvocations");
  plane.loaded_modules_max = uint_of(options, "maxLoadedModules");
  plane.tenants = all_tenant_limits(options);
  plane.queue_max = uint_of(options, "maxQueued");
  plane.record.event_max = uint_of(options, "eventsKept");
  plane.record.completion_max = uint_of(options, "completionsKept");
  const Napi::Value cores = options.Get("workerCores");
  if (cores.IsArray()) {
    const auto array = cores.As<Napi::Array>();
    for (uint32_t at = 0; at < array.Length(); at++) {
      const Napi::Value core = array.Get(at);
      plane.worker_cores.push_back(core.IsNumber() ? core.As<Napi::Number>().Int32Value() : -1);
    }
  }
  return plane;
}

bool build_runtime(Napi::Env env, const Napi::Object &options, bool external, PlaneHolder &holder) {
  if (external) {
    holder.runtime = std::make_shared<dataplane::NoRuntime>();
    return true;
  }
  ArenaOptions arena_options;
  arena_options.slot_count = uint_of(options, "arenaSlots");
  arena_options.stack_bytes = uint_of(options, "stackBytes");
  ModuleLoadError error;
  if (!install_signal_handlers(error)) {
    throw_error(env, error.code, error.detail);
    return false;
  }
  std::shared_ptr<Arena> arena = make_arena(arena_options, error);
  if (arena == nullptr) {
    throw_error(env, error.code, error.detail);
    return false;
  }
  holder.arena = arena.get();
  holder.runtime = std::make_shared<ArenaRuntime>(std::move(arena));
  return true;
}

bool load_libraries(Napi::Env env, const Napi::Object &options, PlaneHolder &holder) {
  const auto list = options.Get("hosts").As<Napi::Array>();
  for (uint32_t at = 0; at < list.Length(); at++) {
    const auto spec = list.Get(at).As<Napi::Object>();
    std::vector<HostOption> given;
    for (const PolicyOption &option : policy_options(spec)) {
      given.push_back({option.name, option.number, option.is_text, option.text});
    }
    const std::string path = text_of(spec, "library");
    std::string reason;
    std::shared_ptr<HostLibrary> library = HostLibrary::load(path, given, reason);
    if (library == nullptr) {
      throw_error(env, SLEDGE_ERR_NATIVE_HOST, path + ": " + reason);
      return false;
    }
    holder.libraries.push_back(std::move(library));
  }
  return true;
}

} // namespace

bool build_plane(Napi::Env env, const Napi::Object &options, PlaneHolder &holder) {
  if (!load_libraries(env, options, holder)) {
    return false;
  }
  PolicyError error;
  std::vector<std::unique_ptr<Engine>> engines = build_engines(options, error);
  if (engines.empty()) {
    throw_error(env, error.code, error.reason);
    return false;
  }
  DataPlaneOptions plane = plane_options(options);
  if (!build_runtime(env, options, plane.external, holder)) {
    return false;
  }
  if (!plane.external) {
    plane.preemption = preemption_options(options); // measures with the signal handlers installed
  }
  holder.plane =
      std::make_unique<DataPlane>(plane, std::move(engines), holder.runtime, holder.waker);
  promise(*holder.plane, options);
  if (const int failed = holder.plane->start()) {
    holder.plane->stop();
    throw_error(env, SLEDGE_ERR_NATIVE_THREAD, strerror(failed));
    return false;
  }
  return true;
}

std::shared_ptr<const Preopens> open_preopens(const Napi::Object &spec, std::string &error) {
  const auto list = spec.Get("preopens").As<Napi::Array>();
  std::vector<PreopenSpec> specs;
  for (uint32_t at = 0; at < list.Length(); at++) {
    const auto entry = list.Get(at).As<Napi::Object>();
    specs.push_back({text_of(entry, "name"), text_of(entry, "path")});
  }
  return specs.empty() ? nullptr : Preopens::open(specs, error);
}

dataplane::TenantLimits tenant_limits(const Napi::Object &limits) {
  dataplane::TenantLimits of;
  of.concurrent_max = uint_of(limits, "maxConcurrent");
  of.queued_max = uint_of(limits, "maxQueued");
  of.memory_bytes_max = static_cast<uint64_t>(number_of(limits, "maxMemoryBytes"));
  of.rate_per_s = number_of(limits, "maxRequestsPerSecond");
  of.burst = uint_of(limits, "burst");
  of.cpu_ns_per_s = number_of(limits, "maxCpuNsPerSecond");
  of.weight = uint_of(limits, "weight");
  return of;
}

sledge_tenant_terms tenant_terms(const Napi::Object &limits) {
  return {us_to_ns(number_of(limits, "budgetUs")), us_to_ns(number_of(limits, "periodUs"))};
}

bool check_module(dataplane::FunctionSpec &spec, ModuleLoadError &error) {
  ModuleOptions options;
  options.memory_limit_pages = spec.memory_limit_pages;
  options.libraries = spec.libraries;
  options.tenant = spec.tenant_name;
  const std::shared_ptr<const Module> module = load_module(spec.artifact_path, options, error);
  if (module == nullptr) {
    return false;
  }
  if (spec.warm != nullptr && !module_goes_on(*module)) {
    error = {SLEDGE_ERR_MODULE_WARM, ""};
    return false;
  }
  spec.artifact_file = module_file(*module);
  spec.polled = module_polled(*module);
  spec.memory_bytes_min = module_memory_bytes(*module);
  return true;
}

dataplane::FunctionSpec function_spec(const Napi::Object &spec) {
  dataplane::FunctionSpec function;
  function.name = text_of(spec, "name");
  function.tenant = uint_of(spec, "tenant");
  function.tenant_name = text_of(spec, "tenantName");
  function.group = uint_of(spec, "group");
  function.worker_group = uint_of(spec, "workerGroup");
  const uint32_t warm_instances = uint_of(spec, "warmInstances");
  const double idle_ms = number_of(spec, "warmIdleMs");
  if (warm_instances != 0)
    function.warm = std::make_shared<WarmInstances>(warm_instances, us_to_ns(idle_ms * 1000));
  function.artifact_path = text_of(spec, "artifactPath");
  function.memory_limit_pages = uint_of(spec, "memoryLimitPages");
  function.relative_deadline_ns = us_to_ns(number_of(spec, "relativeDeadlineUs"));
  function.expected_execution_ns = us_to_ns(number_of(spec, "expectedExecutionUs"));
  function.wall_time_max_ns = us_to_ns(number_of(spec, "maxWallTimeUs"));
  function.cpu_time_max_ns = us_to_ns(number_of(spec, "maxCpuTimeUs"));
  const std::string on_late = text_of(spec, "onLate");
  function.on_late = on_late == "abort"            ? dataplane::OnLate::abort
                     : on_late == "drop-unstarted" ? dataplane::OnLate::drop_unstarted
                                                   : dataplane::OnLate::run;
  function.kill_on_disconnect = text_of(spec, "onDisconnect") != "run";
  function.output_bytes_max = uint_of(spec, "maxOutputBytes");
  const uint32_t stack_bytes = uint_of(spec, "maxStackBytes");
  function.stack_bytes_max = stack_bytes == 0 ? UINT64_MAX : stack_bytes;
  function.concurrent_max = uint_of(spec, "maxConcurrent");
  function.queued_max = uint_of(spec, "maxQueued");
  function.environ = text_of(spec, "environ");
  function.environ_count =
      static_cast<uint32_t>(std::count(function.environ.begin(), function.environ.end(), '\0'));
  return function;
}

} // namespace sledge::binding
