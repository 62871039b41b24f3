// run_queue.hpp - the order of one worker's waiting requests.
//
// Requests ordered by (rank key, tie) lie in chunks, sorted arrays with running sums of their
// remaining service time. A treap over the chunks carries exact integer sums of what is below.
// Most queues are one or a few chunks long, and a sum is then a binary search in an array.
// Priorities are a hash of the tie: the same requests give the same tree in every run.
#pragma once
#include <cstdint>

#include "core/request.hpp"
#include "core/run_chunk.hpp"

namespace sledge {

/// Expected O(log n) for all but the O(1) ones. A request is in at most one queue, and its
/// rank_key, tie, remaining_ns and started do not change while it is in one.
class RunQueue {
 public:
  /// The pool must outlive it. One made without a pool must get one before it is used.
  explicit RunQueue(RunChunkPool *pool = nullptr) : pool_(pool) {}
  bool empty() const { return root_ == nullptr; }
  uint32_t length() const { return root_ == nullptr ? 0 : root_->subtree_count; }
  /// Sum of remaining_ns of all waiting requests. O(1).
  uint64_t work_ns() const { return root_ == nullptr ? 0 : root_->subtree_ns; }
  /// True if a waiting request has an overdue rank. O(1).
  bool has_overdue() const { return overdue_count_ != 0; }
  /// First in order, or null. O(1).
  Request *head() const { return first_ == nullptr ? nullptr : first_->at(0); }
  void insert(Request *request);
  void remove(Request *request);
  /// Sum of remaining_ns of all that stand before (key, tie).
  uint64_t work_before_ns(uint64_t key, uint64_t tie) const;
  /// First request whose key is at least this, or null.
  Request *first_from(uint64_t key) const;
  /// First of those that have started already and whose key is at least this, or null.
  Request *first_started_from(uint64_t key) const;
  /// The request after this one, or null.
  static Request *successor(const Request *request);

 private:
  RunChunk *chunk_for(const RunOrder &order) const;
  RunChunk *make_room(RunChunk *chunk, const RunOrder &order);
  void add(RunChunk *chunk, uint64_t work_ns, uint32_t count, uint32_t started);
  void link_after(RunChunk *chunk, RunChunk *before);
  void unlink(RunChunk *chunk);
  bool join(RunChunk *chunk);
  void plant(RunChunk *chunk);
  void uproot(RunChunk *chunk);
  void rotate_up(RunChunk *node);
  void replace_child(RunChunk *parent, RunChunk *from, RunChunk *to);
  friend bool consistent(const RunQueue &queue);

  RunChunkPool *pool_;
  RunChunk *root_ = nullptr;
  RunChunk *first_ = nullptr;
  uint32_t overdue_count_ = 0;
};

/// Checks order, heap property, links, sums and counts of every chunk, O(n).
bool consistent(const RunQueue &queue);

} // namespace sledge
