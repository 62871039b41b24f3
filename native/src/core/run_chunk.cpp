#include "core/run_chunk.hpp"

#include <cassert>
#include <cstring>
#include <new>
#include <type_traits>

namespace sledge {

/// From this place on keys are equal.
uint32_t RunChunk::place_among_equal(uint32_t place, const RunOrder &order) const {
  uint32_t end = count();
  while (place < end) {
    const uint32_t middle = place + (end - place) / 2;
    if (order_of(at(middle)) < order)
      place = middle + 1;
    else
      end = middle;
  }
  return place;
}

/// Moves what stands in [from, end) so that it begins at `to`.
void RunChunk::shift(uint32_t from, uint32_t end, uint32_t to) {
  memmove(keys_ + to, keys_ + from, (end - from) * sizeof *keys_);
  // The pointers move. NOLINTNEXTLINE(bugprone-sizeof-expression)
  memmove(requests_ + to, requests_ + from, (end - from) * sizeof(Request *));
}

void RunChunk::put(uint32_t at, Request *request) {
  keys_[at] = request->rank_key;
  requests_[at] = request;
  request->chunk = this;
  started_ += request->started ? 1 : 0;
  low_ = order_of(requests_[first_]);
}

/// Moves what stands at `at` and behind one to the right.
void RunChunk::open_right(uint32_t at, uint64_t work_ns) {
  shift(at, end_, at + 1);
  for (uint32_t i = end_ + 1; i > at; i--)
    before_ns_[i] = before_ns_[i - 1] + work_ns;
  end_++;
}

/// Moves what stands before `at` one to the left; the gap is at `at` - 1.
void RunChunk::open_left(uint32_t at, uint64_t work_ns) {
  shift(first_, at, first_ - 1);
  for (uint32_t i = first_; i <= at; i++)
    before_ns_[i - 1] = before_ns_[i] - work_ns;
  first_--;
}

void RunChunk::insert(Request *request) {
  assert(!full());
  const RunOrder order = order_of(request);
  const bool is_last = count() != 0 && order_of(requests_[end_ - 1]) < order;
  const uint32_t place = is_last ? count() : place_of(order);
  const bool has_room_right = end_ < capacity;
  const uint32_t at = first_ + place;
  if (has_room_right && (first_ == 0 || place >= count() / 2)) {
    open_right(at, request->remaining_ns);
    put(at, request);
  } else {
    open_left(at, request->remaining_ns);
    put(at - 1, request);
  }
}

void RunChunk::remove(const Request *request) {
  const bool is_first = requests_[first_] == request;
  const uint32_t at = first_ + (is_first ? 0 : place_of(order_of(request)));
  assert(at < end_ && requests_[at] == request);
  const uint64_t work_ns = request->remaining_ns;
  if (at - first_ < count() / 2) {
    shift(first_, at, first_ + 1);
    for (uint32_t i = at + 1; i > first_; i--)
      before_ns_[i] = before_ns_[i - 1] + work_ns;
    first_++;
  } else {
    shift(at + 1, end_, at);
    for (uint32_t i = at + 1; i < end_; i++)
      before_ns_[i] = before_ns_[i + 1] - work_ns;
    end_--;
  }
  started_ -= request->started ? 1 : 0;
  if (count() != 0)
    low_ = order_of(requests_[first_]);
}

void RunChunk::push_back(Request *request) {
  before_ns_[end_ + 1] = before_ns_[end_] + request->remaining_ns;
  end_++;
  put(end_ - 1, request);
}

void RunChunk::move_to_start() {
  shift(first_, end_, 0);
  memmove(before_ns_, before_ns_ + first_, (count() + 1) * sizeof *before_ns_);
  end_ -= first_;
  first_ = 0;
}

void RunChunk::split(uint32_t place, RunChunk &to) {
  for (uint32_t at = first_ + place; at < end_; at++) {
    started_ -= requests_[at]->started ? 1 : 0;
    to.push_back(requests_[at]);
  }
  end_ = first_ + place;
}

void RunChunk::append(RunChunk &next_chunk) {
  assert(count() + next_chunk.count() <= capacity);
  move_to_start();
  for (uint32_t place = 0; place < next_chunk.count(); place++)
    push_back(next_chunk.at(place));
  next_chunk.end_ = next_chunk.first_;
  next_chunk.started_ = 0;
}

/// Neighbours hold more than half a chunk together, see RunQueue::join; one more is in use while a
/// chunk is split.
RunChunkPool::RunChunkPool(uint32_t request_count, uint32_t queue_count)
    : count_(request_count / (RunChunk::capacity / 4) + queue_count + 1) {
  static_assert(alignof(RunChunk) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  static_assert(std::is_trivially_destructible_v<RunChunk>);
  memory_.reset(new std::byte[size_t{count_} * sizeof(RunChunk)]);
}

RunChunk *RunChunkPool::acquire() {
  assert(free_ != nullptr || fresh_ < count_);
  void *place = free_;
  if (free_ != nullptr)
    free_ = free_->next;
  else
    place = memory_.get() + sizeof(RunChunk) * fresh_++;
  return new (place) RunChunk;
}

void RunChunkPool::release(RunChunk *chunk) {
  chunk->next = free_;
  free_ = chunk;
}

} // namespace sledge
