// preempt_bench.cpp - what it costs to take a worker from a sandbox, and how long it takes.
//
//   preempt_bench [polled.wasm.so unpolled.wasm.so]   one JSON object; the modules never end
//   preempt_bench gaps module.wasm.so argument        the distances of polls in `kernel`
//
// Figures are in ns: each the median of `runs` rounds, a round being the median of its samples.
// Samples during which one of the two threads waited for a core are left out.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "base/clock.hpp"
#include "poll_gaps.hpp"
#include "sandbox/preempt_timer.hpp"
#include "sandbox/slot.hpp"

namespace sledge {
namespace {

constexpr int kRounds = 11;
constexpr int kSamples = 300;

struct Clock {
  double tsc_per_ns;
  Clock() {
    const uint64_t ns = monotonic_ns();
    const uint64_t tsc = __builtin_ia32_rdtsc();
    while (monotonic_ns() - ns < 50'000'000) {
    }
    tsc_per_ns = static_cast<double>(__builtin_ia32_rdtsc() - tsc) /
                 static_cast<double>(monotonic_ns() - ns);
  }
};

void pin(size_t core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

/// ns that the calling thread has waited for a core.
class RunDelay {
 public:
  RunDelay() {
    const std::string path =
        "/proc/self/task/" + std::to_string(syscall(SYS_gettid)) + "/schedstat";
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  RunDelay(const RunDelay &) = delete;
  RunDelay &operator=(const RunDelay &) = delete;
  ~RunDelay() {
    if (file_ >= 0)
      close(file_);
  }
  /// 0 where the kernel does not say.
  uint64_t ns() const {
    char text[96] = {};
    unsigned long long waited = 0;
    if (file_ < 0 || pread(file_, text, sizeof text - 1, 0) <= 0 ||
        sscanf(text, "%*u %llu", &waited) != 1)
      return 0;
    return waited;
  }

 private:
  int file_ = -1;
};

double median(std::vector<double> &samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

bool first_figure = true;

/// `round` fills in its samples; rounds without any are not counted.
template <typename Round> void figure(const char *name, Round round) {
  std::vector<double> medians;
  for (int i = -1; i < kRounds; i++) {
    std::vector<double> samples;
    round(samples);
    if (i >= 0 && !samples.empty())
      medians.push_back(median(samples));
  }
  if (medians.size() < kRounds / 2) {
    fprintf(stderr, "%s: not measurable, the machine is busy\n", name);
    return;
  }
  const double middle = median(medians);
  printf("%s\n  { \"name\": \"%s\", \"unit\": \"ns\", \"median\": %.1f, \"min\": %.1f, "
         "\"max\": %.1f, \"runs\": %zu }",
         first_figure ? "" : ",", name, middle, medians.front(), medians.back(), medians.size());
  first_figure = false;
}

std::shared_ptr<const Module> load(const std::string &path) {
  ModuleLoadError error;
  auto module = load_module(path, {}, error);
  if (!module) {
    fprintf(stderr, "%s: %s: %s\n", path.c_str(), sledge_error_name(error.code),
            error.detail.c_str());
    exit(1);
  }
  return module;
}

std::string test_module(const char *name) {
  return std::string(SLEDGE_TEST_MODULES "/") + name + ".wasm.so";
}

enum class By { flag, signal };

/// Two threads: the worker, on core 1, and the one that decides, on core 0.
class Bench {
 public:
  Bench(const std::string &polled, const std::string &unpolled)
      : polled_(load(polled)), unpolled_(load(unpolled)), empty_(load(test_module("empty"))),
        trap_(load(test_module("trap"))), yield_(load(test_module("yield"))) {
    ModuleLoadError error;
    arena_ = make_arena({.slot_count = 8, .stack_bytes = 262144}, error);
    if (!arena_) {
      fprintf(stderr, "no arena: %s\n", error.detail.c_str());
      exit(1);
    }
    pin(0);
    worker_ = std::thread([this] { work(); });
    while (worker_id_.load() == 0)
      std::this_thread::yield();
  }
  ~Bench() {
    job_.store(Job::end);
    worker_.join();
  }

  void run() {
    printf("{ \"bench\": \"preempt-native\", \"version\": 1, \"figures\": [");
    figure("safepoint_p50", [this](auto &samples) { interrupt(By::flag, samples); });
    figure("signal_p50", [this](auto &samples) { interrupt(By::signal, samples); });
    figure("kill_overrun", [this](auto &samples) { kill(By::flag, samples); });
    figure("kill_overrun_signal", [this](auto &samples) { kill(By::signal, samples); });
    figure("timer_tick_cost", [this](auto &samples) { on_worker(Job::tick, samples); });
    figure("context_switch", [this](auto &samples) { on_worker(Job::context_switch, samples); });
    figure("trap", [this](auto &samples) { on_worker(Job::trap, samples); });
    printf("\n], \"samples\": %llu, \"discarded\": %llu }\n",
           static_cast<unsigned long long>(taken_), static_cast<unsigned long long>(discarded_));
  }

 private:
  enum class Job { none, end, be_interrupted, be_killed, tick, context_switch, trap };

  const Module &victim(By by) const { return by == By::flag ? *polled_ : *unpolled_; }
  Sandbox *start(const Module &module) {
    SandboxStart start;
    start.module = &module;
    return start_sandbox(*arena_, start);
  }
  void ask(By by, Sandbox &sandbox) const {
    if (by == By::flag)
      sandbox.request_leave();
    else
      signal_thread(worker_id_.load());
  }
  /// Gives the worker its job and waits until its sandbox has run for a while.
  Sandbox *begin(Job job, By by, uint64_t settle_ns) {
    by_ = by;
    running_.store(nullptr);
    job_.store(job);
    Sandbox *sandbox = nullptr;
    while ((sandbox = running_.load()) == nullptr) {
    }
    const uint64_t until = monotonic_ns() + settle_ns;
    while (monotonic_ns() < until) {
    }
    return sandbox;
  }
  void wait_for_worker() {
    while (job_.load() != Job::none) {
    }
  }
  void keep(std::vector<double> &samples, double value, uint64_t delay_before, RunDelay &delay) {
    taken_++;
    if (delay.ns() != delay_before || delayed_)
      discarded_++;
    else
      samples.push_back(value);
  }

  /// From the decision to the first instruction of the other sandbox.
  void interrupt(By by, std::vector<double> &samples) {
    RunDelay delay;
    for (int i = 0; i < kSamples; i++) {
      const uint64_t before = delay.ns();
      Sandbox *sandbox = begin(Job::be_interrupted, by, 20'000 + static_cast<uint64_t>(i) * 37);
      const uint64_t decided = __builtin_ia32_rdtsc();
      ask(by, *sandbox);
      wait_for_worker();
      keep(samples, static_cast<double>(first_instruction_ - decided) / clock_.tsc_per_ns, before,
           delay);
    }
  }

  /// From the limit, on which a watching thread sleeps, to the worker being free again.
  void kill(By by, std::vector<double> &samples) {
    RunDelay delay;
    for (int i = 0; i < kSamples / 10; i++) {
      const uint64_t before = delay.ns();
      Sandbox *sandbox = begin(Job::be_killed, by, 0);
      const uint64_t limit_ns = monotonic_ns() + 300'000;
      const timespec limit{static_cast<time_t>(limit_ns / 1'000'000'000u),
                           static_cast<long>(limit_ns % 1'000'000'000u)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &limit, nullptr);
      sandbox->request_kill(sandbox->generation());
      ask(by, *sandbox);
      wait_for_worker();
      keep(samples, static_cast<double>(free_ns_ - limit_ns), before, delay);
    }
  }

  void on_worker(Job job, std::vector<double> &samples) {
    constexpr int kTries = 5; // one is long enough to be disturbed
    RunDelay delay;
    for (int i = 0; i < kTries; i++) {
      job_.store(job);
      wait_for_worker();
      keep(samples, value_, delay.ns(), delay); // this thread only waits
    }
  }

  void work() {
    pin(std::thread::hardware_concurrency() > 1 ? 1 : 0);
    enter_sandbox_thread();
    RunDelay delay;
    worker_id_.store(static_cast<int32_t>(syscall(SYS_gettid)));
    for (Job job = Job::none; job != Job::end; job = job_.load()) {
      if (job == Job::none)
        continue;
      const uint64_t before = delay.ns();
      do_job(job);
      delayed_ = delay.ns() != before;
      job_.store(Job::none);
    }
    leave_sandbox_thread();
  }

  void do_job(Job job) {
    if (job == Job::be_interrupted)
      be_interrupted();
    if (job == Job::be_killed)
      be_killed();
    if (job == Job::tick)
      value_ = static_cast<double>(measure_tick_cost_ns());
    if (job == Job::context_switch)
      value_ = context_switch();
    if (job == Job::trap)
      value_ = trap();
  }

  void be_interrupted() {
    Sandbox *sandbox = start(victim(by_));
    running_.store(sandbox);
    while (sandbox->run() != Leave::preempted) {
    }
    Sandbox *urgent = start(*empty_);
    urgent->run();
    memcpy(&first_instruction_, static_cast<Slot *>(urgent)->execution.instance + 1,
           sizeof first_instruction_);
    end_sandbox(urgent);
    end_sandbox(sandbox);
  }

  void be_killed() {
    Sandbox *sandbox = start(victim(by_));
    running_.store(sandbox);
    while (sandbox->run() != Leave::killed) {
    }
    end_sandbox(sandbox);
    free_ns_ = monotonic_ns();
  }

  /// Leave at a safepoint and resume: two switches.
  double context_switch() {
    constexpr int kCount = 5'000;
    Sandbox *sandbox = start(*yield_);
    sandbox->request_leave();
    sandbox->run();
    sledge_instance *instance = static_cast<Slot *>(sandbox)->execution.instance;
    const uint64_t begin = monotonic_ns();
    for (int i = 0; i < kCount; i++) {
      pending_flag(instance).store(1, std::memory_order_relaxed);
      sandbox->run();
    }
    const uint64_t end = monotonic_ns();
    end_sandbox(sandbox);
    return static_cast<double>(end - begin) / kCount;
  }

  double trap() {
    constexpr int kCount = 200;
    const uint64_t begin = monotonic_ns();
    for (int i = 0; i < kCount; i++) {
      Sandbox *sandbox = start(*trap_);
      sandbox->run();
      end_sandbox(sandbox);
    }
    return static_cast<double>(monotonic_ns() - begin) / kCount;
  }

  Clock clock_;
  std::shared_ptr<const Module> polled_, unpolled_, empty_, trap_, yield_;
  std::shared_ptr<Arena> arena_;
  std::thread worker_;
  std::atomic<int32_t> worker_id_{0};
  std::atomic<Job> job_{Job::none};
  std::atomic<Sandbox *> running_{nullptr};
  // Written by the side that has the job, read by the other one after it has changed.
  By by_ = By::flag;
  uint64_t first_instruction_ = 0;
  uint64_t free_ns_ = 0;
  double value_ = 0;
  bool delayed_ = false;
  uint64_t taken_ = 0;
  uint64_t discarded_ = 0;
};

} // namespace
} // namespace sledge

int main(int argc, char **argv) {
  if (argc == 4 && std::string(argv[1]) == "gaps")
    return sledge::print_poll_gaps(argv[2], strtoull(argv[3], nullptr, 10));
  const bool given = argc == 3;
  sledge::Bench(given ? argv[1] : sledge::test_module("spin_polled"),
                given ? argv[2] : sledge::test_module("spin"))
      .run();
}
