// run_queue.hpp - the order of one worker's waiting requests.
//
// An intrusive treap ordered by (rank key, tie) whose nodes carry exact integer sums of the
// remaining service time below them. Priorities are a hash of the tie: the same requests give the
// same tree in every run.
#pragma once
#include <cstdint>

#include "core/request.hpp"

namespace sledge {

/// Expected O(log n) for all but the O(1) ones. A request is in at most one queue, and its
/// rank_key, tie, remaining_ns and started do not change while it is in one.
class RunQueue {
 public:
  bool empty() const { return root_ == nullptr; }
  uint32_t length() const { return root_ == nullptr ? 0 : root_->subtree_count; }
  /// Sum of remaining_ns of all waiting requests. O(1).
  uint64_t work_ns() const { return root_ == nullptr ? 0 : root_->subtree_ns; }
  /// True if a waiting request has an overdue rank. O(1).
  bool has_overdue() const { return overdue_count_ != 0; }
  /// First in order, or null. O(1).
  Request *head() const { return first_; }
  void insert(Request *request);
  void remove(Request *request);
  /// Sum of remaining_ns of all that stand before (key, tie).
  uint64_t work_before_ns(uint64_t key, uint64_t tie) const;
  /// First request whose key is at least this, or null.
  Request *first_from(uint64_t key) const;
  /// First of those that have started already and whose key is at least this, or null.
  Request *first_started_from(uint64_t key) const;
  /// The request after this one, or null.
  static Request *successor(Request *request);

 private:
  void rotate_up(Request *node);
  friend bool consistent(const RunQueue &queue);
  void replace_child(Request *parent, Request *from, Request *to);
  Request *root_ = nullptr;
  Request *first_ = nullptr;
  uint32_t overdue_count_ = 0;
};

/// Checks order, heap property, links, sums and counts of every node, O(n).
bool consistent(const RunQueue &queue);

} // namespace sledge
