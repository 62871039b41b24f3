#include "core/request.hpp"

#include <algorithm>
#include <cassert>

namespace sledge {

void RequestList::push_back(Request *request) {
  request->next = nullptr;
  request->previous = last_;
  if (last_ != nullptr)
    last_->next = request;
  else
    first_ = request;
  last_ = request;
}

void RequestList::push_front(Request *request) {
  request->previous = nullptr;
  request->next = first_;
  if (first_ != nullptr)
    first_->previous = request;
  else
    last_ = request;
  first_ = request;
}

void RequestList::remove(Request *request) {
  if (request->previous != nullptr)
    request->previous->next = request->next;
  else
    first_ = request->next;
  if (request->next != nullptr)
    request->next->previous = request->previous;
  else
    last_ = request->previous;
  request->previous = request->next = nullptr;
}

RequestPool::RequestPool(uint32_t capacity)
    : capacity_(std::clamp(capacity, 1u, capacity_max)), requests_(new Request[capacity_]) {
  for (uint32_t i = 0; i < capacity_; i++) {
    requests_[i].index = i;
    free_.push_back(&requests_[i]);
  }
}

Request *RequestPool::acquire() {
  Request *request = free_.front();
  if (request == nullptr)
    return nullptr;
  free_.remove(request);
  static_cast<sledge_request &>(*request) = sledge_request{};
  request->deadline_ns = SLEDGE_NO_DEADLINE;
  request->estimate_ns = request->remaining_ns = 1;
  request->worker = SLEDGE_NO_WORKER;
  request->started = false;
  request->fallback_ns = request->oracle_ns = request->retry_after_ns = 0;
  request->reply_ns = 0;
  request->admission_epoch = 0;
  request->place = Place::fresh;
  in_use_++;
  return request;
}

void RequestPool::release(Request *request) {
  assert(request->place == Place::fresh || request->place == Place::ended);
  request->place = Place::free;
  request->generation = request->generation == UINT32_MAX ? 1 : request->generation + 1;
  free_.push_front(request); // the warmest is used next
  in_use_--;
}

Request *RequestPool::find(uint64_t handle) {
  const uint32_t index = static_cast<uint32_t>(handle);
  if (index >= capacity_)
    return nullptr;
  Request *request = &requests_[index];
  const bool true_handle = request->handle() == handle && request->place != Place::free;
  return true_handle ? request : nullptr;
}

bool RequestPool::owns(const sledge_request *request) const {
  const auto address = reinterpret_cast<uintptr_t>(static_cast<const Request *>(request));
  const auto first = reinterpret_cast<uintptr_t>(requests_.get());
  return address >= first && address < first + capacity_ * sizeof(Request) &&
         (address - first) % sizeof(Request) == 0;
}

} // namespace sledge
