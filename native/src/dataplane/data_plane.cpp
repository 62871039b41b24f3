#include "dataplane/data_plane.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/clock.hpp"
#include "dataplane/outcome.hpp"

namespace sledge::dataplane {

namespace {

// A sleeping worker is roused for several short requests at once: a wake-up costs more than they.
constexpr uint64_t short_function_ns = 20'000;
constexpr uint32_t deferred_max = 16;
constexpr uint64_t deferred_max_ns = 100'000;

/// Exactly `count` strings, each with its NUL: what sandboxes rely on.
bool holds_strings(std::span<const uint8_t> text, uint32_t count) {
  return (text.empty() || text.back() == 0) &&
         static_cast<uint64_t>(std::count(text.begin(), text.end(), 0)) == count;
}

std::vector<std::unique_ptr<Engine>> engines_of(std::unique_ptr<Engine> engine) {
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(std::move(engine));
  return engines;
}

} // namespace

DataPlane::DataPlane(const DataPlaneOptions &options, std::vector<std::unique_ptr<Engine>> engines,
                     std::shared_ptr<Runtime> runtime, OutcomeWaker &waker)
    : options_(options), table_(options.invocation_max + outcome_batch_max),
      functions_(function_count_max), inbox_(table_, waker), runtime_(std::move(runtime)),
      groups_(std::move(engines), table_, *this, options.external),
      watchdog_(*this, table_.count()),
      external_(options.external ? groups_.worker_count() : 0, table_, groups_, inbox_, watchdog_),
      deferred_workers_(groups_.worker_count(), false) {
  for (const TenantLimits &limits : options.tenants) {
    const bool limited = limits.concurrent_max != 0 || limits.queued_max != 0;
    tenants_.push_back(limited ? std::make_unique<Tenant>(limits) : nullptr);
  }
  for (uint32_t id = 0; !options.external && id < groups_.worker_count(); id++) {
    const int32_t core = id < options.worker_cores.size() ? options.worker_cores[id] : -1;
    const uint32_t group = groups_.group_of(id);
    const IdleOptions idle = group < options.idle.size() ? options.idle[group] : IdleOptions();
    workers_.push_back(std::make_unique<Worker>(
        WorkerOptions{id, core, idle.kind, idle.spin_ns, options.preemption},
        WorkerShared{table_, groups_.at(group), inbox_, *runtime_, watchdog_}));
  }
}

DataPlane::DataPlane(const DataPlaneOptions &options, std::unique_ptr<Engine> engine,
                     std::shared_ptr<Runtime> runtime, OutcomeWaker &waker)
    : DataPlane(options, engines_of(std::move(engine)), std::move(runtime), waker) {}

DataPlane::~DataPlane() {
  stop();
}

int DataPlane::start() {
  int failed = watchdog_.start();
  for (size_t at = 0; failed == 0 && at < workers_.size(); at++) {
    failed = workers_[at]->start();
  }
  return failed;
}

Function *DataPlane::add_function(FunctionSpec spec) {
  if (spec.worker_group >= groups_.count()) {
    return nullptr;
  }
  for (const uint64_t limit_ns : {spec.wall_time_max_ns, spec.cpu_time_max_ns}) {
    if (limit_ns != 0) {
      watchdog_.expect_limit(limit_ns);
    }
  }
  Function *function = functions_.add(std::move(spec));
  if (function != nullptr) {
    const uint32_t tenant = function->spec.tenant;
    function->tenant = tenant < tenants_.size() ? tenants_[tenant].get() : nullptr;
    groups_.at(function->spec.worker_group).forget_type(function->id);
  }
  return function;
}

int64_t DataPlane::reject(Rejection why, sledge_error error) {
  rejected_[why]++;
  return -static_cast<int64_t>(error);
}

/// 0, or why it is one too many.
int64_t DataPlane::check_limits(const Function &function) {
  const auto is_over = [](uint32_t limit, const std::atomic<uint32_t> &count) {
    return limit != 0 && count.load(std::memory_order_relaxed) >= limit;
  };
  if (is_over(function.spec.concurrent_max, function.alive)) {
    return reject(concurrency, SLEDGE_ERR_INVOKE_CONCURRENCY);
  }
  if (is_over(function.spec.queued_max, function.queued)) {
    return reject(function_queue, SLEDGE_ERR_INVOKE_FUNCTION_QUEUE);
  }
  if (const Tenant *tenant = function.tenant) {
    if (is_over(tenant->limits.concurrent_max, tenant->alive)) {
      return reject(tenant_concurrency, SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY);
    }
    if (is_over(tenant->limits.queued_max, tenant->queued)) {
      return reject(tenant_queue, SLEDGE_ERR_INVOKE_TENANT_QUEUE);
    }
  }
  return 0;
}

int64_t DataPlane::submit(const Submission &submission, bool may_defer) {
  if (!intake_open_) [[unlikely]] {
    return reject(draining, stopped_ ? SLEDGE_ERR_NATIVE_STOPPED : SLEDGE_ERR_INVOKE_DRAINING);
  }
  Function *function = functions_.find(submission.function);
  if (function == nullptr) [[unlikely]] {
    return reject(gone, SLEDGE_ERR_INVOKE_FUNCTION_GONE);
  }
  if (!holds_strings(submission.argv, submission.argc) ||
      !holds_strings(submission.environ, submission.envc)) [[unlikely]] {
    return reject(malformed, SLEDGE_ERR_NATIVE_ARGUMENT);
  }
  if (const int64_t over = check_limits(*function)) [[unlikely]] {
    return over;
  }
  Invocation *invocation = alive_ < options_.invocation_max ? table_.acquire() : nullptr;
  if (invocation == nullptr) {
    return reject(table, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  }
  invocation->function = function;
  if (!fill(*invocation, submission)) {
    table_.recycle(*invocation);
    return reject(memory, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  }
  const uint64_t estimate_ns = function->estimate_ns();
  const bool defer = may_defer && estimate_ns != 0 && estimate_ns <= short_function_ns;
  ActionTarget &target = defer ? static_cast<ActionTarget &>(later_) : *this;
  const uint64_t arrival_ns = invocation->arrival_ns;
  const uint32_t index = invocation->index;
  function->count_accepted();
  const Admission admission = groups_.at(function->spec.worker_group).submit(*invocation, target);
  if (admission.error != SLEDGE_OK) {
    function->count_started();
    function->count_reaped();
    table_.recycle(*invocation);
    retry_after_ns_ = admission.retry_after_ns;
    return reject(admission.error == SLEDGE_ERR_INVOKE_NOT_ADMITTED ? not_admitted : queue,
                  admission.error);
  }
  alive_++;
  accepted_++;
  if (deferred_ != 0) {
    deferred_since_ns_ = deferred_since_ns_ == 0 ? arrival_ns : deferred_since_ns_;
    if (!defer || ++deferred_ > deferred_max || arrival_ns - deferred_since_ns_ > deferred_max_ns) {
      kick();
    }
  }
  return index;
}

bool DataPlane::fill(Invocation &invocation, const Submission &submission) {
  const std::string &name = invocation.function->spec.name;
  const uint64_t name_bytes = name.size() + 1;
  const uint64_t bytes =
      name_bytes + submission.argv.size() + submission.environ.size() + submission.input.size();
  if (!invocation.reserve(bytes)) {
    return false;
  }
  uint8_t *to = invocation.buffer;
  memcpy(to, name.c_str(), name_bytes);
  to += name_bytes;
  for (const auto &part : {submission.argv, submission.environ, submission.input}) {
    if (!part.empty()) {
      memcpy(to, part.data(), part.size());
      to += part.size();
    }
  }
  invocation.argc = submission.argc + 1;
  invocation.envc = submission.envc;
  invocation.argv_bytes = name_bytes + submission.argv.size();
  invocation.environ_bytes = submission.environ.size();
  invocation.input_bytes = submission.input.size();
  invocation.output_bytes = 0;
  invocation.log_bytes = 0;
  invocation.sandbox.store(nullptr, std::memory_order_relaxed);
  invocation.worker_group.store(invocation.function->spec.worker_group, std::memory_order_relaxed);
  set_times(invocation, submission);
  invocation.start_ns = 0;
  invocation.run_ns = 0;
  invocation.status = Status::completed;
  invocation.detail = 0;
  return true;
}

void DataPlane::set_times(Invocation &invocation, const Submission &submission) {
  const FunctionSpec &spec = invocation.function->spec;
  const uint64_t now = now_ns();
  invocation.arrival_ns = submission.arrival_ns != 0 ? std::min(submission.arrival_ns, now) : now;
  const uint64_t relative_ns = submission.relative_deadline_ns != 0
                                   ? submission.relative_deadline_ns
                                   : spec.relative_deadline_ns;
  const uint64_t deadline_ns =
      relative_ns == 0 ? SLEDGE_NO_DEADLINE : invocation.arrival_ns + relative_ns;
  const bool drops = deadline_ns != SLEDGE_NO_DEADLINE && spec.on_late != OnLate::run;
  const bool aborts = drops && spec.on_late == OnLate::abort;
  invocation.deadline_ns = deadline_ns;
  invocation.drop_ns.store(drops ? deadline_ns : UINT64_MAX, std::memory_order_relaxed);
  invocation.abort_ns.store(aborts ? deadline_ns : UINT64_MAX, std::memory_order_relaxed);
  invocation.wall_end_ns.store(UINT64_MAX, std::memory_order_relaxed);
  invocation.limit_ns.store(UINT64_MAX, std::memory_order_relaxed);
  if (drops) {
    constexpr uint64_t grain_ns = 1'000'000; // many deadlines, few looks
    const uint64_t due_ns = deadline_ns - deadline_ns % grain_ns + grain_ns;
    watchdog_.watch({due_ns, invocation.index, invocation.load().generation()});
  }
}

void DataPlane::wake(uint32_t worker) {
  if (options_.external) {
    external_.wake(worker);
  } else {
    workers_[worker]->doorbell().ring();
  }
}

void DataPlane::wake_later(uint32_t worker) {
  if (options_.external) {
    external_.wake(worker);
  } else if (workers_[worker]->doorbell().knock()) {
    deferred_workers_[worker] = true;
    deferred_ += deferred_ == 0 ? 1 : 0;
  }
}

void DataPlane::kick() {
  for (size_t worker = 0; deferred_ != 0 && worker < deferred_workers_.size(); worker++) {
    if (deferred_workers_[worker]) {
      deferred_workers_[worker] = false;
      workers_[worker]->doorbell().rouse();
    }
  }
  deferred_ = 0;
  deferred_since_ns_ = 0;
}

void DataPlane::interrupt(uint32_t worker, uint64_t request_id) {
  if (!options_.external) {
    const uint64_t now = now_ns();
    const uint64_t look_ns = workers_[worker]->interrupt(request_id, now);
    if (!interrupted_.load(std::memory_order_relaxed)) {
      interrupted_.store(true, std::memory_order_relaxed);
    }
    if (!watchdog_.polled() || !workers_[worker]->answers_flags()) {
      watchdog_.started(look_ns);
    }
  }
}

void DataPlane::end_by_owner(uint32_t index, Kill why) {
  if (index < table_.count()) {
    Invocation &invocation = table_.at(index);
    end(invocation, invocation.load().generation(), why);
  }
}

void DataPlane::end_all() {
  kick();
  for (uint32_t index = 0; index < table_.count(); index++) {
    end_by_owner(index, Kill::shutdown);
  }
}

Invocation *DataPlane::reap() {
  if (reaped_next_ == no_invocation) {
    reaped_next_ = inbox_.take_all();
    if (reaped_next_ == no_invocation) {
      return nullptr;
    }
  }
  Invocation &invocation = table_.at(reaped_next_);
  reaped_next_ = invocation.next.load(std::memory_order_relaxed);
  count_end(invocation);
  invocation.function->count_reaped();
  alive_--;
  return &invocation;
}

void DataPlane::count_end(const Invocation &invocation) {
  FunctionCounters &counters = invocation.function->counters;
  const bool has_deadline = invocation.deadline_ns != SLEDGE_NO_DEADLINE;
  const bool late = has_deadline && invocation.end_ns > invocation.deadline_ns;
  ended_[static_cast<size_t>(invocation.status)]++;
  deadlines_missed_ += late ? 1 : 0;
  if (invocation.status == Status::completed) {
    deadlines_met_ += has_deadline && !late ? 1 : 0;
    (late           ? counters.completed_late
     : has_deadline ? counters.completed_in_time
                    : counters.completed_without_deadline)++;
  } else {
    (invocation.detail == SLEDGE_ERR_INVOKE_DEADLINE ? counters.ended_by_deadline
                                                     : counters.ended_otherwise)++;
  }
}

void DataPlane::recycle(Invocation &invocation) {
  table_.recycle(invocation);
}

bool DataPlane::stop() {
  if (stopped_) {
    return true;
  }
  intake_open_ = false;
  stopped_ = true;
  const uint64_t deadline_ns = now_ns() + options_.stop_limit_ns;
  end_all();
  external_.close();
  for (const auto &worker : workers_) {
    worker->request_stop();
  }
  bool all_joined = true;
  for (const auto &worker : workers_) {
    if (!worker->join(deadline_ns)) {
      abandon(*worker);
      all_joined = false;
    }
  }
  watchdog_.stop();
  return all_joined;
}

/// Its thread is stuck outside the sandbox: what it ran is lost, and so is the worker.
void DataPlane::abandon(Worker &worker) {
  const uint32_t index = worker.current();
  if (index == no_invocation) {
    return;
  }
  Invocation &invocation = table_.at(index);
  if (invocation.claim_end(invocation.load().generation())) {
    invocation.status = Status::failed;
    invocation.detail = SLEDGE_ERR_INVOKE_WORKER_LOST;
    invocation.output_bytes = 0;
    invocation.end_ns = now_ns();
    inbox_.push(invocation);
    inbox_.notify();
  }
}

} // namespace sledge::dataplane
