// record.hpp - what happened in a run, decision by decision, for traces and explanations; bounded.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sledge::lab {

enum class Happening : uint8_t {
  arrive = 0,  ///< a: relative deadline ns, -1: none; b: requests before it; c: estimate ns; d:
               ///< service ns
  refuse = 1,  ///< reason: Refusal
  start = 2,   ///< a: ns since arrival
  resume = 3,  ///< a: ns since it was preempted
  preempt = 4, ///< reason: LeaveReason; a: the request that takes the worker; b: ns it has run
  finish = 5,  ///< a: sojourn ns; b: ns after its deadline, -1: in time
  drop = 6,    ///< late before it started; a: ns since arrival
  ask = 7,     ///< the worker is asked to leave what it runs
  stay = 8,    ///< it was asked, looked, and stays
  held = 9     ///< as arrive, but the dispatcher holds it: b: how many it holds
};
enum class LeaveReason : uint8_t { rank = 0, quantum = 1, overdue_share = 2 };
enum class Refusal : uint8_t { queue_full = 0, not_admitted = 1, too_many = 2 };

struct RecordedEvent {
  uint64_t at_ns;
  uint64_t request; ///< number in order of arrival, from 1
  Happening what;
  uint8_t reason = 0;
  uint32_t type = 0;
  uint32_t worker = UINT32_MAX;
  double a = 0, b = 0, c = 0, d = 0;
};

/// Keeps the first `limit` events and counts the others.
class EventRecord {
 public:
  explicit EventRecord(uint64_t limit) : limit_(limit) {}
  bool on() const { return limit_ != 0; }
  void add(const RecordedEvent &event) {
    if (events_.size() < limit_)
      events_.push_back(event);
    else
      missed_++;
  }
  const std::vector<RecordedEvent> &events() const { return events_; }
  uint64_t missed() const { return missed_; }
  /// `fields` numbers per event: time, what, request, worker (-1: none), type, reason, a, b, c, d.
  static constexpr size_t fields = 10;
  void write(double *out) const;

 private:
  uint64_t limit_;
  uint64_t missed_ = 0;
  std::vector<RecordedEvent> events_;
};

} // namespace sledge::lab
