// watch_heap.hpp - what the watchdog must look at, earliest first.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace sledge::dataplane {

struct Watch {
  uint64_t due_ns = 0;
  uint32_t index = 0;
  uint32_t generation = 0;
};

/// Binary heap with at most one entry per invocation: its size is fixed at construction.
class WatchHeap {
 public:
  explicit WatchHeap(uint32_t invocation_count) : place_(invocation_count, absent) {
    heap_.reserve(invocation_count);
  }
  bool empty() const { return heap_.empty(); }
  bool contains(uint32_t index) const { return place_[index] != absent; }
  const Watch &first() const { return heap_.front(); }
  /// Adds the invocation's entry or replaces it.
  void set(const Watch &watch);
  void pop() { remove_at(0); }

 private:
  static constexpr uint32_t absent = UINT32_MAX;
  void remove_at(uint32_t at);
  void put(uint32_t at, const Watch &watch) {
    heap_[at] = watch;
    place_[watch.index] = at;
  }
  void sift(uint32_t at);

  std::vector<Watch> heap_;
  std::vector<uint32_t> place_;
};

} // namespace sledge::dataplane
