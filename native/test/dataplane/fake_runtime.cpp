#include "fake_runtime.hpp"

#include <chrono>
#include <sched.h>

#include "base/clock.hpp"
#include "core/policy_loader.hpp"

namespace sledge::dataplane::testing {

void FakeSandbox::begin(const SandboxStart &start) {
  name_ = start.payload.argv.data();
  output_.assign(start.payload.input.begin(), start.payload.input.end());
  turn_ = 0;
  signals_at_begin_ = signals_->load();
  memory_budget_ = start.memory_budget;
  memory_bytes_ = fake_memory_bytes;
  generation_.fetch_add(1);
}

void FakeSandbox::return_memory() {
  if (memory_budget_ != nullptr) {
    memory_budget_->give_back(memory_bytes_);
    memory_budget_ = nullptr;
  }
}

/// As memory.grow by `fake_memory_bytes` would.
void FakeSandbox::grow() {
  const bool grown = memory_budget_ == nullptr || memory_budget_->take(fake_memory_bytes);
  memory_bytes_ += grown ? fake_memory_bytes : 0;
  output_.assign(1, grown ? 'y' : 'n');
}

Leave FakeSandbox::run() {
  if (name_ == "deaf" && turn_++ == 0) {
    const uint64_t end_ns = monotonic_ns() + 5'000'000;
    while (monotonic_ns() < end_ns) {
    }
    return Leave::completed;
  }
  if (name_ == "stone") {
    const uint64_t end_ns = monotonic_ns() + 20'000'000;
    while (monotonic_ns() < end_ns) {
      sched_yield();
    }
  }
  while ((name_ == "loop" || name_ == "stone") && !killed()) {
    sched_yield();
  }
  while (name_ == "mute" && !(killed() && signalled())) {
    sched_yield();
  }
  while (name_ == "stubborn" && !signalled()) {
    sched_yield();
  }
  if (killed()) {
    return Leave::killed;
  }
  if (name_ == "grow") {
    grow();
  }
  if (name_ == "yield" && turn_++ < 3) {
    return Leave::preempted;
  }
  if ((name_ == "wait" || name_ == "asleep") && turn_++ == 0) {
    wake_at_ns_ = monotonic_ns() + (name_ == "wait" ? 200'000u : 3'600'000'000'000u);
    return Leave::blocked;
  }
  return name_ == "trap" ? Leave::trapped : name_ == "exit" ? Leave::exited : Leave::completed;
}

FakeRuntime::FakeRuntime(size_t slots) : slots_(slots) {
  for (FakeSandbox &slot : slots_) {
    slot.set_signals(&signals);
  }
}

Sandbox *FakeRuntime::start(const SandboxStart &start) {
  const std::lock_guard<std::mutex> guard(lock_);
  for (FakeSandbox &slot : slots_) {
    if (!slot.in_use) {
      slot.in_use = true;
      slot.begin(start);
      return &slot;
    }
  }
  return nullptr;
}

void FakeRuntime::end(Sandbox *sandbox) {
  const std::lock_guard<std::mutex> guard(lock_);
  sandbox->return_memory();
  static_cast<FakeSandbox *>(sandbox)->in_use = false;
}

size_t FakeRuntime::slots_in_use() {
  const std::lock_guard<std::mutex> guard(lock_);
  size_t count = 0;
  for (const FakeSandbox &slot : slots_) {
    count += slot.in_use ? 1 : 0;
  }
  return count;
}

void TestWaker::wake() {
  const std::lock_guard<std::mutex> guard(lock_);
  is_woken_ = true;
  woken_.notify_one();
}

bool TestWaker::wait(int milliseconds) {
  std::unique_lock<std::mutex> guard(lock_);
  const auto limit = std::chrono::system_clock::now() + std::chrono::milliseconds(milliseconds);
  const bool woken = woken_.wait_until(guard, limit, [this] { return is_woken_; });
  is_woken_ = false;
  return woken;
}

PolicyInstance policy(const char *path, sledge_policy_kind kind, const BenchOptions &options,
                      double quantum_us) {
  PolicyConfig config;
  if (quantum_us > 0) {
    config.options.push_back({"quantumUs", quantum_us, "", false});
  }
  config.worker_count = options.worker_count;
  config.type_count_max = function_count_max;
  config.request_count_max = options.invocation_max;
  PolicyError error;
  return load_policy(path, kind, config, error);
}

Bench::Bench(const BenchOptions &options, size_t slots, double quantum_us)
    : Bench(options, std::make_shared<FakeRuntime>(slots), quantum_us) {}

Bench::Bench(const BenchOptions &options, std::shared_ptr<Runtime> of, double quantum_us)
    : runtime(std::dynamic_pointer_cast<FakeRuntime>(of)) {
  EngineConfig config;
  config.worker_count = options.worker_count;
  config.request_count_max = options.invocation_max;
  config.queue_length_max = options.invocation_max;
  config.migration = true;
  PolicyError error;
  std::vector<std::unique_ptr<Engine>> engines;
  for (uint32_t group = 0; group < options.group_count; group++) {
    engines.push_back(Engine::make(config, policy(options.dispatcher, SLEDGE_DISPATCHER, options),
                                   policy(TEST_SCHEDULER, SLEDGE_SCHEDULER, options, quantum_us),
                                   error));
  }
  plane = std::make_unique<DataPlane>(options, std::move(engines), std::move(of), waker);
  submission_of_.resize(plane->invocation_count());
  plane->start();
}

Bench::~Bench() {
  plane->stop();
}

uint32_t Bench::add(const std::string &name, uint64_t wall_time_max_ns, uint32_t concurrent_max,
                    uint32_t queued_max) {
  FunctionSpec spec;
  spec.name = name;
  spec.wall_time_max_ns = wall_time_max_ns;
  spec.concurrent_max = concurrent_max;
  spec.queued_max = queued_max;
  return add(std::move(spec));
}

int64_t Bench::submit(uint32_t function, const std::string &input, uint64_t relative_deadline_ns) {
  Submission submission;
  submission.relative_deadline_ns = relative_deadline_ns;
  submission.function = function;
  submission.input = {reinterpret_cast<const uint8_t *>(input.data()), input.size()};
  const int64_t index = plane->submit(submission, true);
  if (index < 0) {
    return index;
  }
  submission_of_[static_cast<size_t>(index)] = endings.size();
  index_of_.push_back(static_cast<uint32_t>(index));
  endings.emplace_back();
  ended_count.push_back(0);
  open_++;
  return static_cast<int64_t>(endings.size() - 1);
}

void Bench::cancel(size_t submission) {
  if (ended_count[submission] == 0) {
    plane->cancel(index_of_[submission]);
  }
}

void Bench::reap() {
  plane->kick();
  plane->begin_reaping();
  while (Invocation *invocation = plane->reap()) {
    const size_t submission = submission_of_[invocation->index];
    ended_count[submission]++;
    const auto *bytes = reinterpret_cast<const char *>(invocation->buffer);
    endings[submission] = {invocation->status, invocation->detail,
                           std::string(bytes, invocation->output_bytes),
                           std::string(bytes + invocation->output_bytes, invocation->log_bytes)};
    open_--;
    plane->recycle(*invocation);
  }
}

double Bench::statistic(std::string_view name) {
  for (const Statistic &one : plane->statistics()) {
    if (name == one.name) {
      return one.value;
    }
  }
  return -1;
}

bool Bench::settle(int seconds) {
  const uint64_t limit_ns = monotonic_ns() + static_cast<uint64_t>(seconds) * 1'000'000'000u;
  for (reap(); open_ != 0 && monotonic_ns() < limit_ns; reap()) {
    waker.wait(seconds * 1000);
  }
  return open_ == 0;
}

} // namespace sledge::dataplane::testing
