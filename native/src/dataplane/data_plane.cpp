#include "dataplane/data_plane.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/clock.hpp"
#include "dataplane/outcome.hpp"

namespace sledge::dataplane {

namespace {

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
      deferred_workers_(groups_.worker_count(), false),
      queue_max_(options.queue_max == 0 ? options.invocation_max
                                        : std::min(options.queue_max, options.invocation_max)) {
  for (uint32_t at = 0; at < options.tenants.size(); at++) {
    set_tenant(at, options.tenants[at]);
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

/// Null: there are no such numbers.
Tenant *DataPlane::tenant_at(uint32_t index) {
  if (index >= tenant_count_max) {
    return nullptr;
  }
  if (tenants_[index] == nullptr) {
    tenants_[index] = std::make_unique<Tenant>(TenantLimits());
    tenants_used_.fetch_add(1, std::memory_order_relaxed);
  }
  return tenants_[index].get();
}

bool DataPlane::set_tenant(uint32_t tenant, const TenantLimits &limits) {
  Tenant *of = tenant_at(tenant);
  if (of != nullptr) {
    of->set(limits);
  }
  return of != nullptr;
}

void DataPlane::begin_tenant(uint32_t tenant) {
  if (Tenant *of = tenant_at(tenant)) {
    of->begin();
  }
}

bool DataPlane::set_terms(uint32_t tenant, const sledge_tenant_terms &terms) {
  for (uint32_t group = 0; group < groups_.count(); group++) {
    sledge_tenant_terms part = terms;
    part.budget_ns =
        terms.budget_ns * groups_.at(group).engine_config().worker_count / groups_.worker_count();
    if (!groups_.at(group).set_terms(tenant, part)) {
      return false;
    }
  }
  return true;
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
  Tenant *tenant = tenant_at(spec.tenant);
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
