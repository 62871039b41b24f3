#include "core/run_queue.hpp"

namespace sledge {
namespace {

uint32_t priority_of(uint64_t tie) { // splitmix64's finaliser
  uint64_t x = tie + 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return static_cast<uint32_t>(x >> 32);
}

uint32_t started_below(const RunChunk *node) {
  return node != nullptr ? node->subtree_started : 0;
}

uint64_t work_below(const RunChunk *node) {
  return node != nullptr ? node->subtree_ns : 0;
}

void sum(RunChunk *node) {
  node->subtree_ns = node->work_ns();
  node->subtree_count = node->count();
  node->subtree_started = node->started();
  for (const RunChunk *child : {node->left, node->right}) {
    if (child == nullptr)
      continue;
    node->subtree_ns += child->subtree_ns;
    node->subtree_count += child->subtree_count;
    node->subtree_started += child->subtree_started;
  }
}

Request *first_started(const RunChunk &chunk, uint32_t from) {
  for (uint32_t place = from; place < chunk.count(); place++) {
    if (chunk.at(place)->started)
      return chunk.at(place);
  }
  return nullptr;
}

/// The first chunk behind this one that has a started request, or null.
const RunChunk *next_with_started(const RunChunk *node) {
  while (started_below(node->right) == 0) {
    const RunChunk *below = node;
    for (node = node->parent; node != nullptr && node->right == below; node = node->parent)
      below = node;
    if (node == nullptr || node->started() != 0)
      return node;
  }
  for (node = node->right;;) {
    if (started_below(node->left) != 0)
      node = node->left;
    else if (node->started() != 0)
      return node;
    else
      node = node->right;
  }
}

} // namespace

void RunQueue::replace_child(RunChunk *parent, RunChunk *from, RunChunk *to) {
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
void RunQueue::rotate_up(RunChunk *node) {
  RunChunk *parent = node->parent;
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

/// Counts in the chunk and above what it has got (or, modulo 2^n, lost).
void RunQueue::add(RunChunk *chunk, uint64_t work_ns, uint32_t count, uint32_t started) {
  for (RunChunk *node = chunk; node != nullptr; node = node->parent) {
    node->subtree_ns += work_ns;
    node->subtree_count += count;
    node->subtree_started += started;
  }
}

/// Puts a chunk that holds something into the treap.
void RunQueue::plant(RunChunk *chunk) {
  chunk->priority = priority_of(chunk->low().tie);
  sum(chunk);
  RunChunk *parent = nullptr;
  bool goes_left = false;
  for (RunChunk *node = root_; node != nullptr; node = goes_left ? node->left : node->right) {
    parent = node;
    goes_left = chunk->low() < node->low();
  }
  chunk->parent = parent;
  if (parent == nullptr)
    root_ = chunk;
  else
    (goes_left ? parent->left : parent->right) = chunk;
  add(parent, chunk->subtree_ns, chunk->subtree_count, chunk->subtree_started);
  while (chunk->parent != nullptr && chunk->priority > chunk->parent->priority)
    rotate_up(chunk);
}

/// Takes an empty chunk out of the treap.
void RunQueue::uproot(RunChunk *chunk) {
  while (chunk->left != nullptr && chunk->right != nullptr)
    rotate_up(chunk->left->priority > chunk->right->priority ? chunk->left : chunk->right);
  replace_child(chunk->parent, chunk, chunk->left != nullptr ? chunk->left : chunk->right);
}

/// Into the list; null: as the first.
void RunQueue::link_after(RunChunk *chunk, RunChunk *before) {
  chunk->previous = before;
  chunk->next = before != nullptr ? before->next : first_;
  (before != nullptr ? before->next : first_) = chunk;
  if (chunk->next != nullptr)
    chunk->next->previous = chunk;
}

/// An empty chunk leaves the list and the treap.
void RunQueue::unlink(RunChunk *chunk) {
  (chunk->previous != nullptr ? chunk->previous->next : first_) = chunk->next;
  if (chunk->next != nullptr)
    chunk->next->previous = chunk->previous;
  uproot(chunk);
  pool_->release(chunk);
}

/// The last chunk that begins at or before this place, else the first; null: there is none.
RunChunk *RunQueue::chunk_for(const RunOrder &order) const {
  RunChunk *found = first_;
  for (RunChunk *node = root_; node != nullptr;) {
    if (order < node->low()) {
      node = node->left;
    } else {
      found = node;
      node = node->right;
    }
  }
  return found;
}

/// Divides a full chunk, and returns the part where the place is. What only grows at its end, as in
/// order of arrival, gets full chunks.
RunChunk *RunQueue::make_room(RunChunk *chunk, const RunOrder &order) {
  RunChunk *second = pool_->acquire();
  const bool is_end = chunk->next == nullptr && chunk->place_of(order) == RunChunk::capacity;
  if (is_end) {
    link_after(second, chunk);
    return second;
  }
  chunk->split(RunChunk::capacity / 2, *second);
  add(chunk, 0 - second->work_ns(), 0 - second->count(), 0 - second->started());
  link_after(second, chunk);
  plant(second);
  return order < second->low() ? chunk : second;
}

void RunQueue::insert(Request *request) {
  if (request->rank_key >= SLEDGE_RANK_OVERDUE)
    overdue_count_++;
  const RunOrder order = order_of(request);
  RunChunk *chunk = chunk_for(order);
  if (chunk == nullptr) {
    chunk = pool_->acquire();
    link_after(chunk, nullptr);
  } else if (chunk->full()) {
    chunk = make_room(chunk, order);
  }
  const bool is_new = chunk->count() == 0;
  chunk->insert(request);
  if (is_new)
    plant(chunk);
  else
    add(chunk, request->remaining_ns, 1, request->started ? 1 : 0);
}

/// Neighbours that hold no more than half a chunk together become one. True: they did.
bool RunQueue::join(RunChunk *chunk) {
  RunChunk *next = chunk->next;
  if (next == nullptr || chunk->count() + next->count() > RunChunk::capacity / 2)
    return false;
  const uint64_t work_ns = next->work_ns();
  const uint32_t count = next->count();
  const uint32_t started = next->started();
  add(next, 0 - work_ns, 0 - count, 0 - started);
  chunk->append(*next);
  add(chunk, work_ns, count, started);
  unlink(next);
  return true;
}

void RunQueue::remove(Request *request) {
  if (request->rank_key >= SLEDGE_RANK_OVERDUE)
    overdue_count_--;
  RunChunk *chunk = request->chunk;
  chunk->remove(request);
  add(chunk, 0 - request->remaining_ns, 0u - 1, request->started ? 0u - 1 : 0);
  request->chunk = nullptr;
  if (chunk->count() == 0) {
    unlink(chunk);
    return;
  }
  join(chunk);
  if (chunk->previous != nullptr)
    join(chunk->previous);
}

uint64_t RunQueue::work_before_ns(uint64_t key, uint64_t tie) const {
  const RunOrder order{key, tie};
  if (root_ == nullptr)
    return 0;
  if (root_->subtree_count == root_->count()) [[likely]]
    return root_->work_before_ns(root_->place_of(order));
  uint64_t work_ns = 0;
  const RunChunk *last = nullptr; // that begins before the place
  for (const RunChunk *node = root_; node != nullptr;) {
    if (!(node->low() < order)) {
      node = node->left;
      continue;
    }
    work_ns += (last != nullptr ? last->work_ns() : 0) + work_below(node->left);
    last = node;
    node = node->right;
  }
  return last != nullptr ? work_ns + last->work_before_ns(last->place_of(order)) : 0;
}

Request *RunQueue::first_from(uint64_t key) const {
  const RunOrder order{key, 0};
  const RunChunk *chunk = chunk_for(order);
  if (chunk == nullptr)
    return nullptr;
  const uint32_t place = chunk->place_of(order);
  if (place < chunk->count())
    return chunk->at(place);
  return chunk->next != nullptr ? chunk->next->at(0) : nullptr;
}

Request *RunQueue::first_started_from(uint64_t key) const {
  const RunOrder order{key, 0};
  if (started_below(root_) == 0)
    return nullptr;
  const RunChunk *chunk = chunk_for(order);
  if (chunk->started() != 0) {
    if (Request *found = first_started(*chunk, chunk->place_of(order)))
      return found;
  }
  const RunChunk *next = next_with_started(chunk);
  return next != nullptr ? first_started(*next, 0) : nullptr;
}

Request *RunQueue::successor(const Request *request) {
  const RunChunk *chunk = request->chunk;
  const uint32_t place = chunk->place_of(order_of(request)) + 1;
  if (place < chunk->count())
    return chunk->at(place);
  return chunk->next != nullptr ? chunk->next->at(0) : nullptr;
}

namespace {

/// Of one chunk by itself.
bool is_right(const RunChunk &chunk, uint32_t &overdue) {
  uint64_t work_ns = 0;
  uint32_t started = 0;
  for (uint32_t place = 0; place < chunk.count(); place++) {
    const Request *request = chunk.at(place);
    const RunOrder order = order_of(request);
    if (request->chunk != &chunk || chunk.place_of(order) != place ||
        chunk.work_before_ns(place) != work_ns)
      return false;
    if (place > 0 && !(order_of(chunk.at(place - 1)) < order))
      return false;
    work_ns += request->remaining_ns;
    started += request->started ? 1 : 0;
    overdue += request->rank_key >= SLEDGE_RANK_OVERDUE ? 1 : 0;
  }
  const RunOrder low = chunk.count() != 0 ? order_of(chunk.at(0)) : RunOrder{};
  return chunk.count() != 0 && chunk.work_ns() == work_ns && chunk.started() == started &&
         chunk.low().key == low.key && chunk.low().tie == low.tie;
}

/// Of a chunk among its neighbours.
bool is_linked(const RunChunk &chunk) {
  RunChunk copy = chunk;
  sum(&copy);
  for (const RunChunk *child : {chunk.left, chunk.right}) {
    if (child != nullptr && (child->parent != &chunk || child->priority > chunk.priority))
      return false;
  }
  if (const RunChunk *next = chunk.next) {
    if (next->previous != &chunk || !(order_of(chunk.at(chunk.count() - 1)) < next->low()) ||
        chunk.count() + next->count() <= RunChunk::capacity / 2)
      return false;
  }
  return copy.subtree_ns == chunk.subtree_ns && copy.subtree_count == chunk.subtree_count &&
         copy.subtree_started == chunk.subtree_started;
}

} // namespace

bool consistent(const RunQueue &queue) {
  uint32_t length = 0;
  uint32_t overdue = 0;
  for (const RunChunk *chunk = queue.first_; chunk != nullptr; chunk = chunk->next) {
    if (!is_right(*chunk, overdue) || !is_linked(*chunk))
      return false;
    length += chunk->count();
    if (length > queue.length())
      return false; // a cycle
  }
  return length == queue.length() && overdue == queue.overdue_count_;
}

} // namespace sledge
