// run_chunk.hpp - a piece of a run queue: requests that follow each other, with running sums.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/request.hpp"

namespace sledge {

/// Where a request stands in a run queue: by key, then by tie.
struct RunOrder {
  uint64_t key;
  uint64_t tie;
  friend bool operator<(const RunOrder &a, const RunOrder &b) {
    return a.key != b.key ? a.key < b.key : a.tie < b.tie;
  }
};

inline RunOrder order_of(const Request *request) {
  return {request->rank_key, request->tie};
}

inline uint32_t is_below(uint64_t a, uint64_t b) {
  return a < b ? 1 : 0;
}

/// How many of these, which ascend, are below the value. First by every 16th, then in the 16 where
/// it must be: no jump depends on what is found, and loads do not wait for each other.
inline uint32_t count_below(const uint64_t *first, uint32_t length, uint64_t value) {
  constexpr uint32_t step = 16;
  uint32_t count = 0;
  if (length < step) {
    for (uint32_t i = 0; i < length; i++)
      count += is_below(first[i], value);
    return count;
  }
  for (uint32_t i = step - 1; i < length; i += step)
    count += is_below(first[i], value);
  count = std::min(step * count, length - step);
  const uint64_t *rest = first + count;
#pragma GCC unroll 16
  for (uint32_t i = 0; i < step; i++)
    count += is_below(rest[i], value);
  return count;
}

/// Up to `capacity` requests in their order. They lie between `first_` and `end_` of the arrays,
/// with room on both sides, so that an insertion moves the shorter part only. Not empty but while
/// its queue changes it. Its links are the queue's.
class RunChunk {
 public:
  static constexpr uint32_t capacity = 128;

  RunChunk() { before_ns_[0] = 0; }

  uint32_t count() const { return end_ - first_; }
  bool full() const { return count() == capacity; }
  uint32_t started() const { return started_; }
  uint64_t work_ns() const { return before_ns_[end_] - before_ns_[first_]; }
  const RunOrder &low() const { return low_; }
  Request *at(uint32_t place) const { return requests_[first_ + place]; }
  /// How many stand before this.
  uint32_t place_of(const RunOrder &order) const;
  /// Sum of remaining_ns of the first `place` requests.
  uint64_t work_before_ns(uint32_t place) const {
    return before_ns_[first_ + place] - before_ns_[first_];
  }

  /// Must not be full.
  void insert(Request *request);
  void remove(const Request *request);
  /// Moves all but the first `place` requests to an empty chunk.
  void split(uint32_t place, RunChunk &to);
  /// Takes over what the chunk after this one holds; both must fit.
  void append(RunChunk &next);

  // The queue's: a list in order, and a treap that sums what is below each chunk.
  RunChunk *left = nullptr;
  RunChunk *right = nullptr;
  RunChunk *parent = nullptr;
  RunChunk *previous = nullptr;
  RunChunk *next = nullptr;
  uint64_t subtree_ns = 0;
  uint32_t subtree_count = 0;
  uint32_t subtree_started = 0;
  uint32_t priority = 0;

 private:
  uint32_t place_among_equal(uint32_t place, const RunOrder &order) const;
  void shift(uint32_t from, uint32_t end, uint32_t to);
  void put(uint32_t at, Request *request);
  void push_back(Request *request);
  void move_to_start();
  void open_right(uint32_t at, uint64_t work_ns);
  void open_left(uint32_t at, uint64_t work_ns);

  uint32_t first_ = 0;
  uint32_t end_ = 0;
  uint32_t started_ = 0;
  RunOrder low_{}; ///< of the first request
  uint64_t keys_[capacity];
  uint64_t before_ns_[capacity + 1]; ///< running sum from any origin, modulo 2^64
  Request *requests_[capacity];
};

inline uint32_t RunChunk::place_of(const RunOrder &order) const {
  const uint64_t *keys = keys_ + first_;
  const uint32_t place = count_below(keys, count(), order.key);
  if (place == count() || keys[place] != order.key) [[likely]]
    return place;
  return place_among_equal(place, order);
}

/// The chunks of all run queues of an engine. What was never used is never touched.
class RunChunkPool {
 public:
  /// Enough for so many requests in so many queues, however they are spread.
  RunChunkPool(uint32_t request_count, uint32_t queue_count);
  /// Empty, without links.
  RunChunk *acquire();
  void release(RunChunk *chunk);

 private:
  std::unique_ptr<std::byte[]> memory_;
  uint32_t count_;
  uint32_t fresh_ = 0;       ///< never used from here on
  RunChunk *free_ = nullptr; ///< by `next`
};

} // namespace sledge
