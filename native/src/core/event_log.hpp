// event_log.hpp - what happened in an engine, kept, and played again into another one: the same
// policies in another form must decide the same, one by one.
#pragma once
#include <string>
#include <vector>

#include "core/engine.hpp"

namespace sledge {

/// One event. For `arrive` the request's own fields are kept, its estimate as it was after the
/// estimator.
struct LogEntry {
  EventKind kind = EventKind::tick;
  uint32_t worker = SLEDGE_NO_WORKER;
  uint32_t extra = 0;
  uint64_t now_ns = 0;
  uint64_t id = 0; ///< of the request; 0: none
  uint32_t type = 0;
  uint32_t group = 0;
  uint32_t tenant = 0;
  uint64_t arrival_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t estimate_ns = 0;

  bool is_decision() const { return kind >= EventKind::first_decision; }
  bool operator==(const LogEntry &other) const {
    return kind == other.kind && worker == other.worker && extra == other.extra && id == other.id;
  }
};

std::string describe(const LogEntry &entry);

/// Keeps the events of one engine, at most `entry_max` of them.
class EventLog final : public EngineObserver {
 public:
  explicit EventLog(size_t entry_max) : entry_max_(entry_max) {}
  void on_event(const EngineEvent &event) override;
  const std::vector<LogEntry> &entries() const { return entries_; }
  /// False: some did not fit; the log cannot be replayed to its end.
  bool complete() const { return complete_; }
  void clear() { entries_.clear(); }

 private:
  size_t entry_max_;
  bool complete_ = true;
  std::vector<LogEntry> entries_;
};

struct ReplayResult {
  uint64_t inputs = 0;
  uint64_t decisions = 0; ///< that were equal
  std::string difference; ///< empty: everything was equal
};

/// Calls a fresh engine (of as many workers, without estimator and admission) as the log says and
/// compares what it decides. Ends at the first difference.
ReplayResult replay(const std::vector<LogEntry> &log, Engine &engine);

} // namespace sledge
