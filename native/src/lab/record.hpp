// record.hpp - what happened in a run, decision by decision, for traces and explanations; bounded.
#pragma once
#include <cstdint>
#include <vector>

#include "core/happening.hpp"

namespace sledge::lab {

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
  /// RecordedEvent::fields numbers per event.
  void write(double *out) const;

 private:
  uint64_t limit_;
  uint64_t missed_ = 0;
  std::vector<RecordedEvent> events_;
};

} // namespace sledge::lab
