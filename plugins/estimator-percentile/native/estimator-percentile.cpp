// estimator-percentile.cpp - a percentile of the last 256 service times of a type, kept for the
// type as a whole and for each worker. After SLEdge's perf_window (256 samples, index 256 p / 100),
// with its holes closed: a type without samples has a fallback and never looks free, failures do
// not count, and a window says nothing before it has `minSamples`.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "sledge/policy.hpp"

namespace {

constexpr uint32_t window_samples = 256;
constexpr uint64_t bytes_max = 1ull << 32;

/// The newest samples in order of arrival, and the same sorted. Zeroed memory is an empty window.
struct Window {
  uint32_t count;
  uint32_t oldest;
  uint64_t by_time[window_samples];
  uint64_t sorted[window_samples];
};

struct Percentile {
  ~Percentile() { std::free(windows); }
  Window *windows = nullptr; // per type: one for all workers, then one for each
  uint64_t window_count = 0;
  uint32_t types = 0;
  uint32_t per_type = 1;
  uint32_t percentile = 90;
  uint32_t min_samples = 8;
  uint64_t unknown_ns = 1'000'000;
};

/// Puts `sample` where `leaving` is: what lies between their places moves by one.
void replace(Window &window, uint64_t leaving, uint64_t sample) {
  uint64_t *end = window.sorted + window.count;
  uint64_t *hole = std::lower_bound(window.sorted, end, leaving);
  uint64_t *place = std::upper_bound(window.sorted, end, sample);
  if (place > hole) {
    place--;
    std::memmove(hole, hole + 1, static_cast<size_t>(place - hole) * sizeof *hole);
  } else {
    std::memmove(place + 1, place, static_cast<size_t>(hole - place) * sizeof *place);
  }
  *place = sample;
}

void add(Window &window, uint64_t sample) {
  if (window.count == window_samples) {
    replace(window, window.by_time[window.oldest], sample);
    window.by_time[window.oldest] = sample;
    window.oldest = (window.oldest + 1) % window_samples;
    return;
  }
  uint64_t *end = window.sorted + window.count;
  uint64_t *place = std::upper_bound(window.sorted, end, sample);
  std::memmove(place + 1, place, static_cast<size_t>(end - place) * sizeof *place);
  *place = sample;
  window.by_time[window.count++] = sample;
}

uint64_t value(const Window &window, uint32_t percentile) {
  return window.sorted[std::min(window.count * percentile / 100, window.count - 1)];
}

void read_options(Percentile &self, const sledge_policy_config &config) {
  for (uint32_t i = 0; i < config.option_count; i++) {
    const sledge_option &option = config.options[i];
    const auto number = static_cast<uint64_t>(std::max(option.number, 0.0));
    if (std::strcmp(option.name, "percentile") == 0) {
      self.percentile = static_cast<uint32_t>(std::clamp<uint64_t>(number, 1, 100));
    } else if (std::strcmp(option.name, "minSamples") == 0) {
      self.min_samples = static_cast<uint32_t>(std::clamp<uint64_t>(number, 1, window_samples));
    } else if (std::strcmp(option.name, "unknownUs") == 0) {
      self.unknown_ns = std::max<uint64_t>(number * 1000, 1);
    } else if (std::strcmp(option.name, "perWorker") == 0 && number != 0) {
      self.per_type = config.worker_count + 1;
    }
  }
}

void *create(const sledge_policy_config *config, char *error, size_t error_bytes) {
  auto *self = new (std::nothrow) Percentile;
  if (self == nullptr)
    return nullptr;
  read_options(*self, *config);
  self->types = config->type_count_max;
  self->window_count = static_cast<uint64_t>(self->types) * self->per_type;
  // calloc: pages of windows that are never used are never touched
  if (self->window_count * sizeof(Window) <= bytes_max)
    self->windows = static_cast<Window *>(std::calloc(self->window_count, sizeof(Window)));
  if (self->windows == nullptr) {
    std::snprintf(error, error_bytes, "%llu windows do not fit in memory; set perWorker to false",
                  static_cast<unsigned long long>(self->window_count));
    delete self;
    return nullptr;
  }
  return self;
}

Window *window_of(Percentile &self, uint32_t type, uint32_t worker) {
  const bool whole = worker == SLEDGE_NO_WORKER;
  if (type >= self.types || (!whole && worker + 1 >= self.per_type))
    return nullptr;
  return &self.windows[static_cast<uint64_t>(type) * self.per_type + (whole ? 0 : worker + 1)];
}

uint64_t estimate(void *opaque, uint32_t type, uint32_t worker, uint64_t fallback_ns, uint64_t) {
  auto &self = *static_cast<Percentile *>(opaque);
  for (const uint32_t of : {worker, SLEDGE_NO_WORKER}) {
    const Window *window = window_of(self, type, of);
    if (window != nullptr && window->count >= self.min_samples)
      return std::max<uint64_t>(value(*window, self.percentile), 1);
  }
  return fallback_ns != 0 ? fallback_ns : self.unknown_ns;
}

void observe(void *opaque, uint32_t type, uint32_t worker, uint64_t run_ns, int succeeded) {
  auto &self = *static_cast<Percentile *>(opaque);
  if (succeeded == 0)
    return;
  if (Window *whole = window_of(self, type, SLEDGE_NO_WORKER))
    add(*whole, run_ns);
  if (worker != SLEDGE_NO_WORKER) {
    if (Window *own = window_of(self, type, worker))
      add(*own, run_ns);
  }
}

/// What has no samples is not written to: that would make its pages resident.
void forget(void *opaque, uint32_t type) {
  auto &self = *static_cast<Percentile *>(opaque);
  Window *first = window_of(self, type, SLEDGE_NO_WORKER);
  for (uint32_t i = 0; first != nullptr && i < self.per_type; i++) {
    if (first[i].count != 0)
      std::memset(&first[i], 0, sizeof(Window));
  }
}

constexpr sledge_estimator_ops ops = {.estimate = estimate, .observe = observe, .forget = forget};

} // namespace

SLEDGE_EXPORT_POLICY =
    sledge::policy::estimator_table<Percentile>("estimator-percentile", create, &ops);
