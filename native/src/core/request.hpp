// request.hpp - a request as the host knows it, and the fixed pool that all requests live in.
#pragma once
#include <cstdint>
#include <memory>

#include "sledge/policy.h"

namespace sledge {

class RunChunk;

/// Where a request is. Every accepted request is in exactly one of held, pending, queued, running
/// and blocked; `pending` (assigned by a callback that has not returned) is never seen outside the
/// engine.
enum class Place : uint8_t { free, fresh, held, pending, queued, running, blocked, ended };

/// A request: what policies see of it, and the host's own fields behind. Owned by a RequestPool;
/// changed under its group's lock only.
struct Request : sledge_request {
  // Filled by the caller before arrive.
  uint64_t fallback_ns = 0; ///< service time that the configuration expects; 0: none
  uint64_t oracle_ns = 0;   ///< the true service time where it is known (experiments); 0: unknown
  uint64_t reply_ns = 0;    ///< expected from its end until its answer is on its way; 0: unknown
  // Admission.
  uint64_t retry_after_ns = 0; ///< valid after arrive has answered not_admitted; 0: unknown
  uint64_t admission_word = 0;
  uint32_t admission_epoch = 0; ///< of the policy that let it in; 0: none
  // Order in a run queue; kept while the request runs.
  uint64_t rank_key = 0;
  uint64_t rank_valid_until_ns = 0;
  uint64_t tie = 0;          ///< arrival sequence, renewed when a quantum ends
  RunChunk *chunk = nullptr; ///< of the run queue where it waits
  // Links of the list of held, pending or free requests.
  Request *previous = nullptr;
  Request *next = nullptr;
  uint32_t index = 0;      ///< place in the pool; the data plane's user index
  uint32_t generation = 1; ///< changes with each release, never 0
  Place place = Place::free;
  bool started = false; ///< has run on a worker

  /// Unique among all requests of this pool over time (until 2^32 reuses of one place).
  uint64_t handle() const { return (static_cast<uint64_t>(generation) << 32) | index; }
};

/// Doubly linked list through `previous` and `next`. A request is in at most one list.
class RequestList {
 public:
  Request *front() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  void push_back(Request *request);
  void push_front(Request *request);
  void remove(Request *request);

 private:
  Request *first_ = nullptr;
  Request *last_ = nullptr;
};

/// A fixed number of requests with generation numbers. No allocation after construction; all calls
/// are O(1). Not thread-safe: the caller holds the group's lock.
class RequestPool {
 public:
  static constexpr uint32_t capacity_max = 1u << 20;
  /// `capacity` is cut to 1..capacity_max.
  explicit RequestPool(uint32_t capacity);
  RequestPool(const RequestPool &) = delete;
  RequestPool &operator=(const RequestPool &) = delete;

  uint32_t capacity() const { return capacity_; }
  uint32_t in_use() const { return in_use_; }
  /// A request with all policy-visible fields zero (worker: none, estimate: 1, no deadline), or
  /// null when all are in use.
  Request *acquire();
  /// Gives back a request that is fresh or ended; its handle is no longer true afterwards.
  void release(Request *request);
  /// The request behind a handle, or null when that one is gone.
  Request *find(uint64_t handle);
  /// True for a pointer to a request of this pool, whatever its state.
  bool owns(const sledge_request *request) const;
  Request &at(uint32_t index) { return requests_[index]; }
  const Request &at(uint32_t index) const { return requests_[index]; }

 private:
  uint32_t capacity_;
  uint32_t in_use_ = 0;
  std::unique_ptr<Request[]> requests_;
  RequestList free_;
};

} // namespace sledge
