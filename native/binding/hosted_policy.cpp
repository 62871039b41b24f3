#include "hosted_policy.hpp"

#include <cmath>
#include <cstddef>

#include "core/policy_loader.hpp"
#include "data_plane_options.hpp"
#include "values.hpp"

namespace sledge::binding {

namespace {

/// As CALLBACKS in core/src/policies/hosted-policy.ts.
enum Callback : uint32_t {
  on_arrive = 1,
  on_idle = 2,
  on_preempted = 4,
  on_completed = 8,
  on_removed = 16,
  on_tick = 32,
  on_rank = 64,
  on_preempts = 128,
  on_close = 256
};

/// As in core/src/policies/views.ts.
enum Shared : size_t { shared_now, shared_held_work, shared_valid_until, shared_is_overdue };
constexpr size_t shared_first_worker = 8;
constexpr size_t worker_fields = 4;

constexpr size_t word = 4;
static_assert(offsetof(sledge_request, id) == 0 * word);
static_assert(offsetof(sledge_request, type) == 2 * word);
static_assert(offsetof(sledge_request, group) == 3 * word);
static_assert(offsetof(sledge_request, tenant) == 4 * word);
static_assert(offsetof(sledge_request, state) == 5 * word);
static_assert(offsetof(sledge_request, arrival_ns) == 6 * word);
static_assert(offsetof(sledge_request, deadline_ns) == 8 * word);
static_assert(offsetof(sledge_request, estimate_ns) == 10 * word);
static_assert(offsetof(sledge_request, run_ns) == 12 * word);
static_assert(offsetof(sledge_request, remaining_ns) == 14 * word);
static_assert(offsetof(sledge_request, preemptions) == 16 * word);
static_assert(offsetof(sledge_request, worker) == 17 * word);
static_assert(offsetof(sledge_request, bound) == 18 * word);

HostedPolicy &of(void *self) {
  return *static_cast<HostedPolicy *>(self);
}

} // namespace

/// The callbacks that the engine calls.
struct HostedPolicy::Ops {
  static void arrive(void *self, sledge_request *r, sledge_workers *workers) {
    of(self).call_dispatcher(on_arrive, r, 0, workers);
  }
  static void idle(void *self, uint32_t worker, sledge_workers *workers) {
    of(self).call_dispatcher(on_idle, nullptr, worker, workers);
  }
  static void preempted(void *self, sledge_request *r, uint32_t worker, sledge_workers *workers) {
    of(self).call_dispatcher(on_preempted, r, worker, workers);
  }
  static void completed(void *self, const sledge_request *r, uint32_t worker,
                        sledge_workers *workers) {
    of(self).call_dispatcher(on_completed, r, worker, workers);
  }
  static void removed(void *self, const sledge_request *r, sledge_removal why,
                      sledge_workers *workers) {
    of(self).call_dispatcher(on_removed, r, static_cast<uint32_t>(why), workers);
  }
  static void tick(void *self, sledge_workers *workers) {
    of(self).call_dispatcher(on_tick, nullptr, 0, workers);
  }
  static sledge_rank rank(void *self, const sledge_request *r, uint64_t now_ns) {
    HostedPolicy &policy = of(self);
    const uint32_t index = policy.index_of(r);
    policy.shared_[shared_now] = static_cast<double>(now_ns);
    policy.shared_[shared_valid_until] = 0;
    policy.shared_[shared_is_overdue] = 0;
    const uint64_t key = bounded(policy.call(on_rank, index, 0));
    const bool overdue = policy.shared_[shared_is_overdue] != 0;
    return {(key & SLEDGE_RANK_KEY_MAX) | (overdue ? SLEDGE_RANK_OVERDUE : 0),
            bounded(policy.shared_[shared_valid_until])};
  }
  static int preempts(void *self, const sledge_request *candidate, const sledge_request *running,
                      uint64_t now_ns) {
    HostedPolicy &policy = of(self);
    const uint32_t index = policy.index_of(candidate);
    policy.shared_[shared_now] = static_cast<double>(now_ns);
    return policy.call(on_preempts, index, policy.index_of(running)) != 0 ? 1 : 0;
  }
};

HostedPolicy::HostedPolicy(Napi::Env env, const Napi::Object &hosted, const PolicyConfig &config)
    : env_(env), name_(text_of(hosted, "name")), callbacks_(uint_of(hosted, "callbacks")),
      worker_count_(config.worker_count),
      request_count_(std::min(config.request_count_max, RequestPool::capacity_max)),
      tick_ns_(bounded(number_of(hosted, "tickNs"))),
      quantum_ns_(bounded(number_of(hosted, "quantumNs"))),
      overdue_share_ppm_(bounded(number_of(hosted, "overdueSharePpm"))),
      shared_(shared_first_worker + worker_fields * size_t{config.worker_count}) {
  dispatcher_ops_.arrive = Ops::arrive;
  dispatcher_ops_.idle = has(on_idle) ? Ops::idle : nullptr;
  dispatcher_ops_.preempted = has(on_preempted) ? Ops::preempted : nullptr;
  dispatcher_ops_.completed = has(on_completed) ? Ops::completed : nullptr;
  dispatcher_ops_.removed = has(on_removed) ? Ops::removed : nullptr;
  dispatcher_ops_.tick = has(on_tick) ? Ops::tick : nullptr;
  scheduler_ops_.rank = Ops::rank;
  scheduler_ops_.preempts = has(on_preempts) ? Ops::preempts : nullptr;
  table_.api_version = SLEDGE_POLICY_API_VERSION;
  table_.struct_bytes = sizeof(sledge_policy_table);
  table_.name = name_.c_str();
  table_.kind = has(on_arrive) ? SLEDGE_DISPATCHER : SLEDGE_SCHEDULER;
  table_.flags = SLEDGE_POLICY_PREEMPTS;
  table_.tick_ns = [](void *self) { return of(self).tick_ns_; };
  table_.quantum_ns = [](void *self) { return of(self).quantum_ns_; };
  table_.overdue_share_ppm = [](void *self) { return of(self).overdue_share_ppm_; };
  table_.dispatcher = &dispatcher_ops_;
  table_.scheduler = &scheduler_ops_;
  napi_create_reference(env, hosted, 1, &hosted_);
  napi_create_reference(env, hosted.Get("call"), 1, &call_);
  bind(env, hosted);
}

HostedPolicy::~HostedPolicy() {
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env_, &scope);
  failure_.clear();
  if (has(on_arrive))
    call(on_close, 0, 0);
  for (napi_ref *reference : {&memory_, &shared_buffer_}) { // it must not be seen after our end
    napi_value buffer = nullptr;
    if (*reference != nullptr && napi_get_reference_value(env_, *reference, &buffer) == napi_ok)
      napi_detach_arraybuffer(env_, buffer);
  }
  for (napi_ref reference : {hosted_, call_, memory_, shared_buffer_}) {
    if (reference != nullptr)
      napi_delete_reference(env_, reference);
  }
  napi_close_handle_scope(env_, scope);
}

/// The requests' memory, once the first one is seen.
void HostedPolicy::attach(const Request *base) {
  base_ = base;
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env_, &scope);
  napi_value hosted = nullptr;
  napi_value function = nullptr;
  napi_value args[2] = {nullptr, nullptr};
  napi_value result = nullptr;
  napi_get_reference_value(env_, hosted_, &hosted);
  napi_get_named_property(env_, hosted, "attach", &function);
  napi_create_external_arraybuffer(env_, const_cast<Request *>(base),
                                   sizeof(Request) * size_t{request_count_}, nullptr, nullptr,
                                   &args[0]);
  napi_create_reference(env_, args[0], 1, &memory_);
  napi_create_uint32(env_, sizeof(Request) / word, &args[1]);
  if (napi_call_function(env_, hosted, function, 2, args, &result) != napi_ok)
    fail("attach");
  napi_close_handle_scope(env_, scope);
}

uint32_t HostedPolicy::index_of(const sledge_request *r) {
  const auto *request = static_cast<const Request *>(r);
  if (base_ == nullptr) [[unlikely]]
    attach(request - request->index);
  return request->index;
}

sledge_request *HostedPolicy::find(double index, double id) {
  if (base_ == nullptr || !(index >= 0 && index < request_count_))
    return nullptr;
  const Request *request = base_ + static_cast<uint32_t>(index);
  return static_cast<double>(request->id) == id ? const_cast<Request *>(request) : nullptr;
}

void HostedPolicy::fill_row(uint32_t worker) {
  const sledge_worker_view *view = workers_->at(workers_, worker);
  if (view == nullptr)
    return;
  double *row = shared_.data() + shared_first_worker + worker_fields * size_t{worker};
  row[0] = view->queue_length;
  row[1] = view->running != nullptr ? static_cast<double>(index_of(view->running)) : -1.0;
  row[2] = static_cast<double>(view->running_since_ns);
  row[3] = static_cast<double>(view->queued_work_ns);
}

double HostedPolicy::call_dispatcher(uint32_t code, const sledge_request *r, uint32_t other,
                                     sledge_workers *workers) {
  const uint32_t index = r != nullptr ? index_of(r) : 0;
  shared_[shared_now] = static_cast<double>(workers->now_ns);
  shared_[shared_held_work] = static_cast<double>(workers->held_work_ns);
  workers_ = workers;
  const double answer = call(code, index, other);
  workers_ = nullptr;
  return answer;
}

double HostedPolicy::call(uint32_t code, uint32_t index, uint32_t other) {
  if (!failure_.empty()) [[unlikely]]
    return 0;
  calls_++;
  napi_handle_scope scope = nullptr;
  napi_value hosted = nullptr;
  napi_value function = nullptr;
  napi_value args[3] = {nullptr, nullptr, nullptr};
  napi_value result = nullptr;
  double answer = 0;
  napi_open_handle_scope(env_, &scope);
  napi_get_reference_value(env_, hosted_, &hosted);
  napi_get_reference_value(env_, call_, &function);
  napi_create_uint32(env_, code, &args[0]);
  napi_create_uint32(env_, index, &args[1]);
  napi_create_uint32(env_, other, &args[2]);
  if (napi_call_function(env_, hosted, function, 3, args, &result) == napi_ok)
    napi_get_value_double(env_, result, &answer);
  else
    fail(nullptr);
  napi_close_handle_scope(env_, scope);
  return answer;
}

/// Keeps what was thrown, as text.
void HostedPolicy::fail(const char *doing) {
  napi_value error = nullptr;
  failure_ = doing != nullptr ? std::string(doing) + ": " : std::string();
  bool pending = false;
  napi_is_exception_pending(env_, &pending);
  if (!pending || napi_get_and_clear_last_exception(env_, &error) != napi_ok) {
    failure_ = thread_ended;
    return;
  }
  napi_value text = nullptr;
  if (napi_coerce_to_string(env_, error, &text) == napi_ok)
    failure_ += Napi::String(env_, text).Utf8Value();
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending)
    napi_get_and_clear_last_exception(env_, &error);
  if (failure_.empty())
    failure_ = thread_ended; // what ends a thread has no text
}

PolicyInstance host_policy(Napi::Env env, const Napi::Object &hosted, sledge_policy_kind kind,
                           const PolicyConfig &config, PolicyError &error,
                           const HostedPolicy **out) {
  auto policy = std::make_shared<HostedPolicy>(env, hosted, config);
  if (policy->table()->kind != kind || !hosted.Get("call").IsFunction()) {
    error = {SLEDGE_ERR_NATIVE_POLICY_LOAD, "it is not a hosted policy of this kind"};
    return {};
  }
  error = {};
  if (out != nullptr)
    *out = policy.get();
  HostedPolicy *self = policy.get();
  return {self->table(), self, std::move(policy)};
}

PolicyInstance make_policy(Napi::Env env, const Napi::Object &spec, sledge_policy_kind kind,
                           PolicyConfig config, PolicyError &error, const HostedPolicy **out) {
  if (spec.Get("call").IsFunction())
    return host_policy(env, spec, kind, config, error, out);
  config.options = policy_options(spec);
  return load_policy(text_of(spec, "library"), kind, config, error);
}

} // namespace sledge::binding
