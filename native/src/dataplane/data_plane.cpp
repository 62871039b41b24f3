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

} // namespace

DataPlane::DataPlane(const DataPlaneOptions &options, std::unique_ptr<Engine> engine,
                     std::shared_ptr<Runtime> runtime, OutcomeWaker &waker)
    : options_(options), table_(options.invocation_max + outcome_batch_max),
      functions_(function_count_max), inbox_(table_, waker), runtime_(std::move(runtime)),
      dispatch_(std::move(engine), table_, *this, options.external),
      watchdog_(*this, table_.count()),
      external_(options.external ? options.worker_count : 0, table_, dispatch_, inbox_, watchdog_),
      deferred_workers_(options.worker_count, false) {
  for (uint32_t id = 0; !options.external && id < options.worker_count; id++) {
    const int32_t core = id < options.worker_cores.size() ? options.worker_cores[id] : -1;
    workers_.push_back(
        std::make_unique<Worker>(WorkerOptions{id, core, options.idle, options.spin_ns},
                                 WorkerShared{table_, dispatch_, inbox_, *runtime_, watchdog_}));
  }
}

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
  if (spec.wall_time_max_ns != 0) {
    watchdog_.expect_limit(spec.wall_time_max_ns);
  }
  return functions_.add(std::move(spec));
}

int64_t DataPlane::reject(Rejection why, sledge_error error) {
  rejected_[why]++;
  return -static_cast<int64_t>(error);
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
  const FunctionSpec &spec = function->spec;
  if (spec.concurrent_max != 0 &&
      function->alive.load(std::memory_order_relaxed) >= spec.concurrent_max) {
    return reject(concurrency, SLEDGE_ERR_INVOKE_CONCURRENCY);
  }
  if (spec.queued_max != 0 && function->queued.load(std::memory_order_relaxed) >= spec.queued_max) {
    return reject(function_queue, SLEDGE_ERR_INVOKE_QUEUE_FULL);
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
  const uint64_t relative_ns = submission.relative_deadline_ns != 0
                                   ? submission.relative_deadline_ns
                                   : spec.relative_deadline_ns;
  function->alive.fetch_add(1, std::memory_order_relaxed);
  function->queued.fetch_add(1, std::memory_order_relaxed);
  const uint64_t estimate_ns = function->estimate_ns();
  const bool defer = may_defer && estimate_ns != 0 && estimate_ns <= short_function_ns;
  ActionTarget &target = defer ? static_cast<ActionTarget &>(later_) : *this;
  const uint64_t arrival_ns = invocation->arrival_ns;
  const uint32_t index = invocation->index;
  if (!dispatch_.submit(*invocation,
                        relative_ns == 0 ? SLEDGE_NO_DEADLINE : arrival_ns + relative_ns, target)) {
    function->alive.fetch_sub(1, std::memory_order_relaxed);
    function->queued.fetch_sub(1, std::memory_order_relaxed);
    table_.recycle(*invocation);
    return reject(queue, SLEDGE_ERR_INVOKE_QUEUE_FULL);
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
  invocation.limit_ns.store(UINT64_MAX, std::memory_order_relaxed);
  invocation.arrival_ns = now_ns();
  invocation.start_ns = 0;
  invocation.run_ns = 0;
  invocation.status = Status::completed;
  invocation.detail = 0;
  return true;
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
    workers_[worker]->interrupt(request_id);
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

/// Any thread.
void DataPlane::end(Invocation &invocation, uint32_t generation, Kill why) {
  Sandbox *sandbox = nullptr;
  switch (dispatch_.end(invocation, generation, why)) {
  case Ended::gone:
    return;
  case Ended::running:
    return kill_running(invocation, generation);
  case Ended::unstarted:
    invocation.function->queued.fetch_sub(1, std::memory_order_relaxed);
    set_unstarted(invocation, why);
    break;
  case Ended::suspended:
    sandbox = invocation.sandbox.load(std::memory_order_acquire);
    set_killed(invocation, why);
    take_output(invocation, *sandbox);
    break;
  case Ended::taken:
    set_killed(invocation, why);
    external_.revoke(invocation.worker.load(std::memory_order_relaxed), invocation.index);
    break;
  }
  invocation.end_ns = now_ns();
  if (options_.external && invocation.start_ns != 0) {
    invocation.run_ns = invocation.end_ns - invocation.start_ns;
  }
  inbox_.push(invocation);
  inbox_.notify();
  if (sandbox != nullptr) {
    runtime_->end(sandbox);
  }
}

/// It is marked; now its sandbox must notice. The watchdog repeats the signal until it has.
void DataPlane::kill_running(Invocation &invocation, uint32_t generation) {
  Sandbox *sandbox = invocation.sandbox.load(std::memory_order_seq_cst);
  const uint64_t sandbox_generation = invocation.sandbox_generation.load(std::memory_order_relaxed);
  const uint32_t worker = invocation.worker.load(std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_acquire);
  if (invocation.load().generation() != generation || sandbox == nullptr) {
    return;
  }
  sandbox->request_kill(sandbox_generation);
  sandbox->request_leave();
  if (workers_[worker]->current() == invocation.index) {
    runtime_->signal_thread(workers_[worker]->thread_id());
  }
  watchdog_.look_now();
}

uint64_t DataPlane::watch_one(Invocation &invocation, int32_t thread_id, uint64_t now_ns) {
  constexpr uint64_t repeat_ns = 1'000'000;
  const Life life = invocation.load();
  const uint64_t limit_ns = invocation.limit_ns.load(std::memory_order_relaxed);
  if (life.state() != State::running) {
    return now_ns + repeat_ns;
  }
  if (life.kill() != Kill::none) {
    if (thread_id != 0) {
      runtime_->signal_thread(thread_id);
    }
    return now_ns + repeat_ns;
  }
  if (limit_ns > now_ns) {
    return limit_ns;
  }
  end(invocation, life.generation(), Kill::time_limit);
  return now_ns + repeat_ns;
}

uint64_t DataPlane::watch_running(uint64_t now_ns) {
  uint64_t next_ns = UINT64_MAX;
  for (const auto &worker : workers_) {
    const uint32_t index = worker->current();
    if (index != no_invocation) {
      next_ns = std::min(next_ns, watch_one(table_.at(index), worker->thread_id(), now_ns));
    }
  }
  for (uint32_t worker = 0; worker < external_.count(); worker++) {
    const uint32_t index = external_.current(worker);
    if (index != no_invocation) {
      next_ns = std::min(next_ns, watch_one(table_.at(index), 0, now_ns));
    }
  }
  return next_ns;
}

uint64_t DataPlane::watch_due(const Watch &watch, uint64_t now_ns) {
  constexpr uint64_t busy_look_ns = 1'000'000;
  Invocation &invocation = table_.at(watch.index);
  const Life life = invocation.load();
  if (life.generation() != watch.generation || life.state() == State::ended ||
      life.state() == State::free) {
    return UINT64_MAX;
  }
  const uint64_t limit_ns = invocation.limit_ns.load(std::memory_order_relaxed);
  if (life.state() == State::running) {
    return now_ns + busy_look_ns;
  }
  if (limit_ns <= now_ns) {
    end(invocation, watch.generation, Kill::time_limit);
    return UINT64_MAX;
  }
  if (life.state() == State::blocked) {
    const uint64_t wake_ns = invocation.wake_ns.load(std::memory_order_relaxed);
    if (wake_ns > now_ns) {
      return std::min(wake_ns, limit_ns);
    }
    dispatch_.unblock(invocation, watch.generation);
  }
  return limit_ns;
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
  invocation.function->alive.fetch_sub(1, std::memory_order_release);
  ended_[static_cast<size_t>(invocation.status)]++;
  alive_--;
  return &invocation;
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
