#include "dataplane/watch_heap.hpp"

namespace sledge::dataplane {

void WatchHeap::set(const Watch &watch) {
  uint32_t at = place_[watch.index];
  if (at == absent) {
    at = static_cast<uint32_t>(heap_.size());
    heap_.push_back(watch);
  }
  put(at, watch);
  sift(at);
}

void WatchHeap::remove_at(uint32_t at) {
  place_[heap_[at].index] = absent;
  const Watch last = heap_.back();
  heap_.pop_back();
  if (at < heap_.size()) {
    put(at, last);
    sift(at);
  }
}

void WatchHeap::sift(uint32_t at) {
  const Watch moved = heap_[at];
  while (at > 0 && moved.due_ns < heap_[(at - 1) / 2].due_ns) {
    put(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  const auto size = static_cast<uint32_t>(heap_.size());
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= size) {
      break;
    }
    if (child + 1 < size && heap_[child + 1].due_ns < heap_[child].due_ns) {
      child++;
    }
    if (heap_[child].due_ns >= moved.due_ns) {
      break;
    }
    put(at, heap_[child]);
    at = child;
  }
  put(at, moved);
}

} // namespace sledge::dataplane
