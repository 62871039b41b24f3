// sandbox_bench.cpp - what one invocation costs on a worker, without queues and without Node.
// Prints one JSON object: figures in ns, each the median, minimum and maximum of the rounds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/clock.hpp"
#include "base/pages.hpp"
#include "sandbox/slot.hpp"

namespace sledge {
namespace {

constexpr int kRounds = 11;

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

std::shared_ptr<const Module> load_file(const std::string &path) {
  ModuleLoadError error;
  auto module = load_module(path, {}, error);
  if (!module) {
    fprintf(stderr, "%s: %s\n", sledge_error_name(error.code), error.detail.c_str());
    exit(1);
  }
  return module;
}

std::shared_ptr<const Module> load(const char *name) {
  return load_file(std::string(SLEDGE_TEST_MODULES "/") + name + ".wasm.so");
}

double median(std::vector<double> &samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

bool first_figure = true;

/// `round` answers ns per operation.
template <typename Round> void figure(const char *name, Round round) {
  round();
  std::vector<double> samples;
  for (int i = 0; i < kRounds; i++)
    samples.push_back(round());
  const double middle = median(samples);
  printf("%s\n  { \"name\": \"%s\", \"unit\": \"ns\", \"median\": %.1f, \"min\": %.1f, "
         "\"max\": %.1f, \"runs\": %d }",
         first_figure ? "" : ",", name, middle, samples.front(), samples.back(), kRounds);
  first_figure = false;
}

class Bench {
 public:
  void run() {
    printf("{ \"bench\": \"sandbox-native\", \"version\": 1, \"figures\": [");
    figure("context_switch", [this] { return context_switch(); });
    figure("slot_to_first_instruction", [this] { return slot_to_first_instruction(); });
    figure("reset_128kib", [this] { return reset_128kib(); });
    figure("empty_on_worker", [this] { return whole(*function_); });
    figure("trap", [this] { return whole(*trap_); });
    figure("load_module", [] { return load_and_unload(); });
    printf("\n] }\n");
  }

  void run_snapshots() {
    printf("{ \"bench\": \"sandbox-snapshots\", \"version\": 1, \"figures\": [");
    snapshots();
    printf("\n] }\n");
  }

  /// `empty_path`: what empty_on_worker runs; null: the module of the tests, with two pages.
  explicit Bench(const char *empty_path) {
    ModuleLoadError error;
    arena_ = make_arena({.slot_count = 8, .stack_bytes = 262144}, error);
    if (!arena_ || !enter_sandbox_thread()) {
      fprintf(stderr, "no arena or thread: %s\n", error.detail.c_str());
      exit(1);
    }
    empty_ = load("empty");
    function_ = empty_path != nullptr ? load_file(empty_path) : empty_;
    trap_ = load("trap");
    yield_ = load("yield");
    touch_ = load("touch_128kib");
  }
  ~Bench() { leave_sandbox_thread(); }

 private:
  Sandbox *start(const Module &module) {
    SandboxStart start;
    start.module = &module;
    return start_sandbox(*arena_, start);
  }

  /// Leave at a safepoint and resume: two switches.
  double context_switch() {
    constexpr int kBatches = 101;
    constexpr int kBatch = 1000;
    Sandbox *sandbox = start(*yield_);
    sandbox->request_leave();
    sandbox->run();
    sledge_instance *instance = static_cast<Slot *>(sandbox)->execution.instance;
    std::vector<double> samples;
    for (int b = 0; b < kBatches; b++) {
      const uint64_t begin = monotonic_ns();
      for (int i = 0; i < kBatch; i++) {
        pending_flag(instance).store(1, std::memory_order_relaxed);
        sandbox->run();
      }
      samples.push_back(static_cast<double>(monotonic_ns() - begin) / kBatch);
    }
    end_sandbox(sandbox);
    return median(samples);
  }

  /// Of modules whose memory begins with an image of this size, as a snapshot leaves it.
  void snapshots() {
    for (const char *size : {"64kib", "256kib", "768kib"}) {
      const auto module = load((std::string("image_") + size).c_str());
      figure((std::string("snapshot_to_first_instruction_") + size).c_str(),
             [&] { return to_first_instruction(*module); });
      figure((std::string("snapshot_reset_") + size).c_str(), [&] { return reset(*module, 16); });
    }
  }

  double slot_to_first_instruction() { return to_first_instruction(*empty_); }

  /// Until its first instruction has run, of a slot that is bound to the module.
  double to_first_instruction(const Module &module) {
    constexpr int kCount = 20001;
    std::vector<double> samples;
    for (int i = 0; i < kCount; i++) {
      const uint64_t begin = __builtin_ia32_rdtsc();
      Sandbox *sandbox = start(module);
      sandbox->run();
      uint64_t first = 0;
      memcpy(&first, static_cast<Slot *>(sandbox)->execution.instance + 1, sizeof first);
      samples.push_back(static_cast<double>(first - begin) / clock_.tsc_per_ns);
      end_sandbox(sandbox);
    }
    return median(samples);
  }

  double reset_128kib() { return reset(*touch_, 0); }

  /// `dirty_pages` of its memory are written to beside what the module itself does.
  double reset(const Module &module, uint32_t dirty_pages) {
    constexpr int kCount = 2001;
    std::vector<double> samples;
    for (int i = 0; i < kCount; i++) {
      Sandbox *sandbox = start(module);
      sandbox->run();
      uint8_t *memory = static_cast<Slot *>(sandbox)->memory.memory();
      for (uint32_t page = 0; page < dirty_pages; page++)
        memory[page * kPageBytes]++;
      const uint64_t begin = __builtin_ia32_rdtsc();
      end_sandbox(sandbox);
      samples.push_back(static_cast<double>(__builtin_ia32_rdtsc() - begin) / clock_.tsc_per_ns);
    }
    return median(samples);
  }

  /// Median over batches, which other processes of the machine disturb less than the mean.
  double whole(const Module &module) {
    constexpr int kBatches = 501;
    constexpr int kBatch = 40;
    std::vector<double> samples;
    for (int b = 0; b < kBatches; b++) {
      const uint64_t begin = monotonic_ns();
      for (int i = 0; i < kBatch; i++) {
        Sandbox *sandbox = start(module);
        sandbox->run();
        end_sandbox(sandbox);
      }
      samples.push_back(static_cast<double>(monotonic_ns() - begin) / kBatch);
    }
    return median(samples);
  }

  /// Open, check, initialise once, take the images; and unload.
  static double load_and_unload() {
    constexpr int kCount = 51;
    std::vector<double> samples;
    for (int i = 0; i < kCount; i++) {
      const uint64_t begin = monotonic_ns();
      load("registers");
      samples.push_back(static_cast<double>(monotonic_ns() - begin));
    }
    return median(samples);
  }

  Clock clock_;
  std::shared_ptr<Arena> arena_;
  std::shared_ptr<const Module> empty_, function_, trap_, yield_, touch_;
};

} // namespace
} // namespace sledge

int main(int argc, char **argv) {
  // As workers are by default: pinned to the last core.
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN) - 1), &cores);
  sched_setaffinity(0, sizeof cores, &cores);
  const std::string argument = argc > 1 ? argv[1] : "";
  if (argument == "--snapshots")
    sledge::Bench(nullptr).run_snapshots();
  else
    sledge::Bench(argc > 1 ? argv[1] : nullptr).run();
}
