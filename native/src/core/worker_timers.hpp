// worker_timers.hpp - one due time per worker, and the earliest of them.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace sledge {

/// An indexed binary heap over all workers. No allocation after construction.
class WorkerTimers {
 public:
  static constexpr uint64_t never_ns = UINT64_MAX;

  explicit WorkerTimers(uint32_t count) : due_(count, never_ns), heap_(count), place_(count) {
    for (uint32_t i = 0; i < count; i++)
      heap_[i] = place_[i] = i;
  }
  uint64_t earliest_ns() const { return due_[heap_[0]]; }
  uint32_t earliest_worker() const { return heap_[0]; }
  uint64_t due_ns(uint32_t worker) const { return due_[worker]; }
  /// O(log n); O(1) if nothing changes.
  void set(uint32_t worker, uint64_t due_ns) {
    const uint64_t before = due_[worker];
    if (before == due_ns)
      return;
    due_[worker] = due_ns;
    if (due_ns < before)
      sift_up(place_[worker]);
    else
      sift_down(place_[worker]);
  }

 private:
  void exchange(uint32_t a, uint32_t b) {
    std::swap(heap_[a], heap_[b]);
    place_[heap_[a]] = a;
    place_[heap_[b]] = b;
  }
  void sift_up(uint32_t at) {
    while (at > 0 && due_[heap_[at]] < due_[heap_[(at - 1) / 2]]) {
      exchange(at, (at - 1) / 2);
      at = (at - 1) / 2;
    }
  }
  void sift_down(uint32_t at) {
    const uint32_t count = static_cast<uint32_t>(heap_.size());
    for (;;) {
      uint32_t least = at;
      for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
        if (due_[heap_[child]] < due_[heap_[least]])
          least = child;
      if (least == at)
        return;
      exchange(at, least);
      at = least;
    }
  }
  std::vector<uint64_t> due_;
  std::vector<uint32_t> heap_;
  std::vector<uint32_t> place_;
};

} // namespace sledge
