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
      runtime_(std::move(runtime)), modules_(options.loaded_modules_max, *runtime_),
      functions_(function_count_max, modules_), own_(table_, waker),
      groups_(std::move(engines), *this, options.external),
      recorder_(Recorder::make(options.record, groups_.count(), groups_.worker_count())),
      completions_(recorder_ != nullptr && recorder_->keeps_completions() ? recorder_.get()
                                                                          : nullptr),
      watchdog_(*this, table_.count()), external_(options.external ? groups_.worker_count() : 0,
                                                  table_, groups_, watchdog_, completions_),
      deferred_workers_(groups_.worker_count(), false) {
  for (const TenantLimits &limits : options.tenants) {
    tenants_.push_back(limits.any() ? std::make_unique<Tenant>(limits) : nullptr);
  }
  for (uint32_t group = 0; group < groups_.count(); group++) {
    groups_.at(group).record_with(recorder_.get());
  }
  for (uint32_t id = 0; !options.external && id < groups_.worker_count(); id++) {
    const int32_t core = id < options.worker_cores.size() ? options.worker_cores[id] : -1;
    const uint32_t group = groups_.group_of(id);
    const IdleOptions idle = group < options.idle.size() ? options.idle[group] : IdleOptions();
    workers_.push_back(std::make_unique<Worker>(
        WorkerOptions{id, core, idle.kind, idle.spin_ns, options.preemption},
        WorkerShared{table_, groups_.at(group), *runtime_, modules_, watchdog_, completions_}));
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
  Tenant *tenant = spec.tenant < tenants_.size() ? tenants_[spec.tenant].get() : nullptr;
  Function *function = functions_.add(std::move(spec), tenant);
  if (function != nullptr) {
    groups_.at(function->spec.worker_group).forget_type(function->id);
    own_.forget(function->id);
    for (uint32_t at = 1; at < intake_count_.load(std::memory_order_relaxed); at++) {
      more_intakes_[at - 1]->forget(function->id);
    }
  }
  return function;
}

Intake *DataPlane::add_intake(std::shared_ptr<OutcomeWaker> waker) {
  const uint32_t count = intake_count_.load(std::memory_order_relaxed);
  if (count == intake_count_max || stopped_) {
    return nullptr;
  }
  auto &place = more_intakes_[count - 1];
  place = std::make_unique<Intake>(table_, std::move(waker));
  if (!own_.is_open()) {
    place->close();
  }
  intake_count_.store(count + 1, std::memory_order_release);
  return place.get();
}

void DataPlane::close_intake() {
  own_.close();
  for (uint32_t at = 1; at < intake_count_.load(std::memory_order_relaxed); at++) {
    more_intakes_[at - 1]->close();
  }
}

uint32_t DataPlane::in_flight() const {
  uint32_t alive = own_.alive();
  for (uint32_t at = 1; at < intake_count_.load(std::memory_order_acquire); at++) {
    alive += more_intakes_[at - 1]->alive();
  }
  return alive;
}

int64_t DataPlane::submit(const Submission &submission, bool may_defer) {
  if (!own_.is_open()) [[unlikely]] {
    return own_.reject(Rejection::draining, closed_error());
  }
  return accept(own_, submission, may_defer);
}

int64_t DataPlane::submit(Intake &intake, const Submission &submission) {
  if (!intake.enter()) [[unlikely]] {
    return intake.reject(Rejection::draining, closed_error());
  }
  const int64_t result = accept(intake, submission, false);
  intake.leave();
  if (result >= 0) {
    rouse_deferred();
  }
  return result;
}

/// The function stays pinned for what is accepted.
int64_t DataPlane::accept(Intake &intake, const Submission &submission, bool may_defer) {
  Function *function = functions_.pin(submission.function);
  if (function == nullptr) [[unlikely]] {
    return intake.reject(Rejection::gone, SLEDGE_ERR_INVOKE_FUNCTION_GONE);
  }
  const int64_t result = take_in(intake, *function, submission, may_defer);
  if (result < 0) [[unlikely]] {
    function->unpin();
  }
  return result;
}

int64_t DataPlane::take_in(Intake &intake, Function &function, const Submission &submission,
                           bool may_defer) {
  if (!holds_strings(submission.argv, submission.argc) ||
      !holds_strings(submission.environ, submission.envc)) [[unlikely]] {
    return intake.reject(function, Rejection::malformed, SLEDGE_ERR_NATIVE_ARGUMENT);
  }
  switch (function.count_accepted()) {
  case Limit::none:
    break;
  case Limit::concurrency:
    return intake.reject(function, Rejection::concurrency, SLEDGE_ERR_INVOKE_CONCURRENCY);
  case Limit::queued:
    return intake.reject(function, Rejection::function_queue, SLEDGE_ERR_INVOKE_FUNCTION_QUEUE);
  case Limit::tenant_concurrency:
    return intake.reject(function, Rejection::tenant_concurrency,
                         SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY);
  case Limit::tenant_queued:
    return intake.reject(function, Rejection::tenant_queue, SLEDGE_ERR_INVOKE_TENANT_QUEUE);
  }
  const int64_t result = place(intake, function, submission, may_defer);
  if (result < 0) {
    function.count_started();
    function.count_left();
  }
  return result;
}

int64_t DataPlane::place(Intake &intake, Function &function, const Submission &submission,
                         bool may_defer) {
  Invocation *invocation = in_flight() < options_.invocation_max ? table_.acquire() : nullptr;
  if (invocation == nullptr) {
    return intake.reject(function, Rejection::table, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  }
  invocation->function = &function;
  invocation->intake = &intake;
  if (!fill(*invocation, submission)) {
    table_.recycle(*invocation);
    return intake.reject(function, Rejection::memory, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  }
  const uint64_t estimate_ns = function.estimate_ns();
  const bool defer = may_defer && estimate_ns != 0 && estimate_ns <= short_function_ns;
  ActionTarget &target = defer ? static_cast<ActionTarget &>(later_) : *this;
  const uint64_t arrival_ns = invocation->arrival_ns;
  const uint32_t index = invocation->index;
  const Admission admission = groups_.at(function.spec.worker_group).submit(*invocation, target);
  if (admission.error != SLEDGE_OK) {
    table_.recycle(*invocation);
    intake.retry_after_ns_ = admission.retry_after_ns;
    return intake.reject(function,
                         admission.error == SLEDGE_ERR_INVOKE_NOT_ADMITTED ? Rejection::not_admitted
                                                                           : Rejection::queue,
                         admission.error);
  }
  intake.count_accepted(function);
  if (&intake == &own_ && deferred_ != 0) {
    keep_deferring(defer, arrival_ns);
  }
  return index;
}

void DataPlane::keep_deferring(bool deferred, uint64_t arrival_ns) {
  deferred_since_ns_ = deferred_since_ns_ == 0 ? arrival_ns : deferred_since_ns_;
  if (!deferred || ++deferred_ > deferred_max ||
      arrival_ns - deferred_since_ns_ > deferred_max_ns) {
    kick();
  }
}

bool DataPlane::fill(Invocation &invocation, const Submission &submission) {
  const std::string &name = invocation.function->spec.name;
  const uint64_t name_bytes = name.size() + 1;
  const uint64_t bytes = name_bytes + submission.argv.size() + submission.environ.size() +
                         submission.input.size() + invocation.function->spec.environ.size();
  if (!invocation.reserve(bytes)) {
    return false;
  }
  uint8_t *to = invocation.buffer;
  memcpy(to, name.c_str(), name_bytes);
  to += name_bytes;
  const std::string &own = invocation.function->spec.environ;
  const std::span<const uint8_t> own_environ{reinterpret_cast<const uint8_t *>(own.data()),
                                             own.size()};
  invocation.holds_secrets = !own.empty();
  for (const auto &part : {submission.argv, submission.environ, own_environ, submission.input}) {
    if (!part.empty()) {
      memcpy(to, part.data(), part.size());
      to += part.size();
    }
  }
  invocation.argc = submission.argc + 1;
  invocation.envc = submission.envc + invocation.function->spec.environ_count;
  invocation.argv_bytes = name_bytes + submission.argv.size();
  invocation.environ_bytes = submission.environ.size() + own.size();
  invocation.input_bytes = submission.input.size();
  invocation.output_bytes = 0;
  invocation.log_bytes = 0;
  invocation.sandbox.store(nullptr, std::memory_order_relaxed);
  invocation.worker_group.store(invocation.function->spec.worker_group, std::memory_order_relaxed);
  set_times(invocation, submission);
  invocation.start_ns = 0;
  invocation.run_ns = 0;
  invocation.noted = {};
  invocation.preemptions = 0;
  invocation.memory_bytes = 0;
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
    deferring_.store(true, std::memory_order_seq_cst);
    if (hasty_.exchange(false, std::memory_order_seq_cst)) {
      kick();
    }
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
  deferring_.store(false, std::memory_order_relaxed);
}

/// A worker that the owner will wake some time gets no second knock from the engine: what another
/// source submits must not wait for that. Whoever of both comes second wakes it.
void DataPlane::rouse_deferred() {
  hasty_.store(true, std::memory_order_seq_cst);
  if (!deferring_.load(std::memory_order_seq_cst)) {
    return;
  }
  for (const auto &worker : workers_) {
    if (worker->doorbell().asleep()) {
      worker->doorbell().rouse();
    }
  }
}

void DataPlane::interrupt(uint32_t worker, uint64_t request_id) {
  if (!options_.external) {
    const uint64_t look_ns = workers_[worker]->interrupt(request_id, now_ns());
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

void DataPlane::recycle(Invocation &invocation) {
  table_.recycle(invocation);
}

bool DataPlane::stop() {
  if (stopped_) {
    return true;
  }
  stopped_ = true;
  close_intake();
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

} // namespace sledge::dataplane
