// virtual_time.hpp - drives the engine with a virtual clock: arrivals from a function, service
// times known in advance, preemption at no cost. Deterministic.
#pragma once
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "core/engine.hpp"

namespace sledge::test {

struct Job {
  uint64_t arrival_ns = 0;
  uint64_t service_ns = 0;
  uint64_t deadline_ns = SLEDGE_NO_DEADLINE;
  uint32_t type = 0;
  uint32_t tenant = 0;
};

class VirtualTime {
 public:
  /// Called with each request that ends, at its end.
  std::function<void(const Request &, uint64_t now_ns)> on_finish;
  /// Called after each event; for invariants.
  std::function<void(uint64_t now_ns)> after_event;

  explicit VirtualTime(Engine &engine);
  /// Runs all jobs that `next_job` gives (in order of arrival; false: no more) to their end.
  void run(const std::function<bool(Job &)> &next_job);
  uint64_t busy_ns() const { return busy_ns_; }
  uint64_t finished() const { return finished_; }
  uint64_t refused() const { return refused_; }
  uint64_t now_ns() const { return now_ns_; }

 private:
  struct End {
    uint64_t at_ns;
    uint64_t order;
    uint32_t worker;
    uint64_t turn;
    bool operator>(const End &other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };
  void settle();
  void run_on(uint32_t worker, Request *request);
  void suspend(uint32_t worker);
  void arrive(const Job &job);
  void finish(uint32_t worker);

  Engine &engine_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  std::vector<uint64_t> left_ns_;    ///< per request of the pool: service still due
  std::vector<uint64_t> resumed_ns_; ///< per worker
  std::vector<uint64_t> turn_;       ///< per worker; an End of another turn is stale
  std::vector<Action> actions_;
  uint64_t order_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t busy_ns_ = 0;
  uint64_t finished_ = 0;
  uint64_t refused_ = 0;
};

} // namespace sledge::test
