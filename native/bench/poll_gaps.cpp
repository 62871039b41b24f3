#include "poll_gaps.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "sandbox/host_function.hpp"
#include "sandbox/slot.hpp"

namespace sledge {
namespace {

constexpr int kRuns = 9;
constexpr size_t kLooksMax = 4u << 20;

/// Of the one run that is under way.
struct Looks {
  std::vector<uint64_t> gaps; ///< in TSC cycles, the smallest of the runs so far
  size_t index = 0;
  uint64_t last = 0;
  bool differ = false;
};
Looks looks;

void note_gap(uint64_t now) {
  const uint64_t gap = now - looks.last;
  if (looks.index < looks.gaps.size())
    looks.gaps[looks.index] = std::min(looks.gaps[looks.index], gap);
  else if (looks.gaps.size() < kLooksMax)
    looks.gaps.push_back(gap);
  looks.index++;
}

void note_look(sledge_instance *) {
  note_gap(__builtin_ia32_rdtsc());
  looks.last = __builtin_ia32_rdtsc();
}

struct Kernel {
  sledge_invoke invoke = nullptr;
  uint64_t argument = 0;
};

void run_kernel(Execution &execution) {
  const Kernel &kernel = *static_cast<const Kernel *>(execution.entry_argument);
  sledge_value params[1] = {};
  sledge_value results[1] = {};
  params[0].i64 = kernel.argument;
  looks.index = 0;
  looks.last = __builtin_ia32_rdtsc();
  kernel.invoke(execution.instance, params, results);
  note_gap(__builtin_ia32_rdtsc());
}

sledge_invoke find_kernel(const sledge_module_descriptor &descriptor) {
  for (const sledge_export &item : std::span(descriptor.exports, descriptor.export_count)) {
    if (item.kind == SLEDGE_KIND_FUNC && text_of(item.name) == "kernel")
      return item.invoke;
  }
  return nullptr;
}

/// One instance, kept for all runs: the first one meets its page faults.
class Instance {
 public:
  bool open(const LoadedObject &object, Kernel &kernel, const sledge_host &host) {
    const sledge_module_descriptor &descriptor = object.descriptor();
    const uint64_t bytes = descriptor.memory_min_pages * SLEDGE_PAGE_BYTES;
    if (!slot_.reserve(kStackBytesDefault) || !slot_->commit(bytes))
      return false;
    sledge_instance *instance = slot_->instance(descriptor.state_bytes);
    execution_.generation = 1;
    execution_.stack = &*slot_;
    execution_.texts = object.texts();
    execution_.instance = instance;
    execution_.polled = true;
    execution_.entry_argument = &kernel;
    instance->host = &host;
    instance->memory = &instance->own_memory;
    instance->leave_at_tsc = UINT64_MAX;
    instance->own_memory = {slot_->memory(), bytes, descriptor.memory_min_pages,
                            descriptor.memory_min_pages};
    instance->sandbox = &execution_;
    for (const sledge_table_decl &decl : std::span(descriptor.tables, descriptor.table_count)) {
      tables_.emplace_back();
      if (!tables_.back().reserve(table_limit(decl)))
        return false;
      table_in(instance, decl) = {tables_.back().entries(), decl.min, table_limit(decl)};
    }
    descriptor.initialise(instance);
    return true;
  }

  bool run() {
    pending_flag(execution_.instance).store(1, std::memory_order_relaxed);
    execution_prepare(execution_, &run_kernel);
    while (execution_run(execution_) == Leave::preempted) {
    }
    execution_discard(execution_);
    return execution_.leave == Leave::completed;
  }

 private:
  OwnedSlotMemory slot_;
  Execution execution_;
  std::vector<TableStorage> tables_;
};

double tsc_per_ns() {
  const uint64_t ns = monotonic_ns();
  const uint64_t tsc = __builtin_ia32_rdtsc();
  while (monotonic_ns() - ns < 50'000'000) {
  }
  return static_cast<double>(__builtin_ia32_rdtsc() - tsc) /
         static_cast<double>(monotonic_ns() - ns);
}

} // namespace

int print_poll_gaps(const char *module_path, uint64_t argument) {
  LoadedObject object;
  ModuleLoadError error;
  const ThreadEntered entered;
  if (!entered || !install_signal_handlers(error) || !object.open(module_path, nullptr, error)) {
    fprintf(stderr, "%s: %s\n", module_path, error.detail.c_str());
    return 1;
  }
  Kernel kernel{find_kernel(object.descriptor()), argument};
  sledge_host host = host_table();
  host.safepoint = &note_look;
  Instance instance;
  if (kernel.invoke == nullptr || object.descriptor().import_count != 0 ||
      !instance.open(object, kernel, host)) {
    fprintf(stderr, "%s: no kernel without imports\n", module_path);
    return 1;
  }
  for (int run = 0; run < kRuns; run++) {
    if (!instance.run())
      return 1;
    looks.differ |= looks.index != looks.gaps.size();
  }
  std::vector<uint64_t> gaps = looks.gaps;
  std::sort(gaps.begin(), gaps.end());
  const double scale = tsc_per_ns();
  const auto at = [&](double share) {
    const auto rank = static_cast<size_t>(share * static_cast<double>(gaps.size() - 1));
    return static_cast<double>(gaps[rank]) / scale;
  };
  printf("{ \"looks\": %zu, \"same_in_all_runs\": %s, \"gap_p50\": %.1f, \"gap_p99\": %.1f, "
         "\"gap_max\": %.1f }\n",
         gaps.size() - 1, looks.differ ? "false" : "true", at(0.5), at(0.99), at(1.0));
  return 0;
}

} // namespace sledge
