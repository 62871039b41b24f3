#include "core/run_queue.hpp"

namespace sledge {
namespace {

bool before(uint64_t key_a, uint64_t tie_a, uint64_t key_b, uint64_t tie_b) {
  return key_a != key_b ? key_a < key_b : tie_a < tie_b;
}

bool before(const Request *a, const Request *b) {
  return before(a->rank_key, a->tie, b->rank_key, b->tie);
}

uint32_t priority_of(uint64_t tie) { // splitmix64's finaliser
  uint64_t x = tie + 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return static_cast<uint32_t>(x >> 32);
}

uint32_t own_start(const Request *node) {
  return node->started ? 1 : 0;
}

uint32_t started_below(const Request *node) {
  return node != nullptr ? node->subtree_started : 0;
}

void sum(Request *node) {
  uint64_t work_ns = node->remaining_ns;
  uint32_t length = 1;
  uint32_t started = own_start(node);
  if (const Request *left = node->left) {
    work_ns += left->subtree_ns;
    length += left->subtree_count;
    started += left->subtree_started;
  }
  if (const Request *right = node->right) {
    work_ns += right->subtree_ns;
    length += right->subtree_count;
    started += right->subtree_started;
  }
  node->subtree_ns = work_ns;
  node->subtree_count = length;
  node->subtree_started = started;
}

} // namespace

void RunQueue::replace_child(Request *parent, Request *from, Request *to) {
  if (parent == nullptr)
    root_ = to;
  else if (parent->left == from)
    parent->left = to;
  else
    parent->right = to;
  if (to != nullptr)
    to->parent = parent;
}

/// Makes `node` the parent of its parent; the sums of both are right afterwards.
void RunQueue::rotate_up(Request *node) {
  Request *parent = node->parent;
  replace_child(parent->parent, parent, node);
  if (parent->left == node) {
    parent->left = node->right;
    if (node->right != nullptr)
      node->right->parent = parent;
    node->right = parent;
  } else {
    parent->right = node->left;
    if (node->left != nullptr)
      node->left->parent = parent;
    node->left = parent;
  }
  parent->parent = node;
  sum(parent);
  sum(node);
}

void RunQueue::insert(Request *request) {
  request->left = request->right = request->parent = nullptr;
  request->priority = priority_of(request->tie);
  if (request->rank_key >= SLEDGE_RANK_OVERDUE)
    overdue_count_++;
  request->subtree_ns = request->remaining_ns;
  request->subtree_count = 1;
  request->subtree_started = own_start(request);
  Request *parent = nullptr;
  bool goes_left = false;
  for (Request *node = root_; node != nullptr; node = goes_left ? node->left : node->right) {
    node->subtree_ns += request->remaining_ns;
    node->subtree_count++;
    node->subtree_started += own_start(request);
    parent = node;
    goes_left = before(request, node);
  }
  if (parent == nullptr) {
    root_ = first_ = request;
    return;
  }
  (goes_left ? parent->left : parent->right) = request;
  request->parent = parent;
  if (goes_left && parent == first_)
    first_ = request;
  while (request->parent != nullptr && request->priority > request->parent->priority)
    rotate_up(request);
}

void RunQueue::remove(Request *request) {
  if (first_ == request)
    first_ = successor(request);
  if (request->rank_key >= SLEDGE_RANK_OVERDUE)
    overdue_count_--;
  while (request->left != nullptr && request->right != nullptr) {
    const bool left_rises = request->left->priority > request->right->priority;
    rotate_up(left_rises ? request->left : request->right);
  }
  Request *child = request->left != nullptr ? request->left : request->right;
  replace_child(request->parent, request, child);
  for (Request *node = request->parent; node != nullptr; node = node->parent) {
    node->subtree_ns -= request->remaining_ns;
    node->subtree_count--;
    node->subtree_started -= own_start(request);
  }
  request->left = request->right = request->parent = nullptr;
}

uint64_t RunQueue::work_before_ns(uint64_t key, uint64_t tie) const {
  uint64_t work_ns = 0;
  for (const Request *node = root_; node != nullptr;) {
    if (before(node->rank_key, node->tie, key, tie)) {
      work_ns += node->remaining_ns + (node->left != nullptr ? node->left->subtree_ns : 0);
      node = node->right;
    } else {
      node = node->left;
    }
  }
  return work_ns;
}

Request *RunQueue::first_from(uint64_t key) const {
  Request *found = nullptr;
  for (Request *node = root_; node != nullptr;) {
    if (node->rank_key >= key) {
      found = node;
      node = node->left;
    } else {
      node = node->right;
    }
  }
  return found;
}

Request *RunQueue::first_started_from(uint64_t key) const {
  // The last place where it turned left with a started request at or right of it is the first.
  Request *found = nullptr;
  for (Request *node = root_; node != nullptr;) {
    if (node->rank_key < key) {
      node = node->right;
      continue;
    }
    if (own_start(node) + started_below(node->right) != 0)
      found = node;
    node = node->left;
  }
  if (found == nullptr || found->started)
    return found;
  for (Request *node = found->right;;) {
    if (started_below(node->left) != 0)
      node = node->left;
    else if (node->started)
      return node;
    else
      node = node->right;
  }
}

Request *RunQueue::successor(Request *request) {
  if (request->right != nullptr) {
    Request *node = request->right;
    while (node->left != nullptr)
      node = node->left;
    return node;
  }
  Request *node = request;
  while (node->parent != nullptr && node->parent->right == node)
    node = node->parent;
  return node->parent;
}

bool consistent(const RunQueue &queue) {
  uint32_t length = 0;
  uint32_t overdue_count = 0;
  const Request *previous = nullptr;
  for (Request *node = queue.first_; node != nullptr; node = RunQueue::successor(node)) {
    if (++length > queue.length())
      return false; // a cycle
    if (previous != nullptr && !before(previous, node))
      return false;
    uint64_t work_ns = node->remaining_ns;
    uint32_t count = 1;
    uint32_t started = own_start(node);
    for (const Request *child : {node->left, node->right}) {
      if (child == nullptr)
        continue;
      if (child->parent != node || child->priority > node->priority)
        return false;
      work_ns += child->subtree_ns;
      count += child->subtree_count;
      started += child->subtree_started;
    }
    if (work_ns != node->subtree_ns || count != node->subtree_count ||
        started != node->subtree_started)
      return false;
    if (node->rank_key >= SLEDGE_RANK_OVERDUE)
      overdue_count++;
    previous = node;
  }
  return length == queue.length() && overdue_count == queue.overdue_count_;
}

} // namespace sledge
