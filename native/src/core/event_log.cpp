#include "core/event_log.hpp"

#include <array>
#include <unordered_map>

namespace sledge {

namespace {

const char *name_of(EventKind kind) {
  switch (kind) {
  case EventKind::arrive:
    return "arrive";
  case EventKind::remove:
    return "remove";
  case EventKind::next:
    return "next";
  case EventKind::reconsider:
    return "reconsider";
  case EventKind::block:
    return "block";
  case EventKind::unblock:
    return "unblock";
  case EventKind::finish:
    return "finish";
  case EventKind::discard:
    return "discard";
  case EventKind::tick:
    return "tick";
  case EventKind::yield:
    return "yield";
  case EventKind::queued:
    return "queued";
  case EventKind::assigned:
    return "assigned";
  case EventKind::taken:
    return "taken";
  case EventKind::started:
    return "started";
  case EventKind::switched:
    return "switched";
  case EventKind::idle_asked:
    return "idle asked";
  case EventKind::interrupt_asked:
    return "interrupt asked";
  case EventKind::interrupted:
    return "interrupted";
  case EventKind::refused:
    return "refused";
  case EventKind::handed_over:
    return "handed over";
  case EventKind::returned:
    return "returned";
  case EventKind::ranked:
    return "ranked";
  case EventKind::preempt_asked:
    return "preempt asked";
  case EventKind::adopted:
    return "adopted";
  }
  return "unknown";
}

/// Plays one log; requests go by the log's numbers.
class Replay final : public EngineObserver {
 public:
  Replay(const std::vector<LogEntry> &log, Engine &engine)
      : log_(log), engine_(engine), ids_(engine.pool().capacity(), 0),
        actions_(2 * size_t{engine.worker_count()}) {}

  ReplayResult run() {
    engine_.observe_with(this);
    while (at_ < log_.size() && result_.difference.empty()) {
      const LogEntry &input = log_[at_++];
      result_.inputs++;
      if (input.is_decision())
        differ("a decision without an event: " + describe(input));
      else if (!apply(input))
        differ("cannot happen here: " + describe(input));
      else if (at_ < log_.size() && log_[at_].is_decision())
        differ("missing: " + describe(log_[at_]));
      engine_.take_actions(actions_);
    }
    engine_.observe_with(nullptr);
    return result_;
  }

  void on_event(const EngineEvent &event) override {
    if (event.kind < EventKind::first_decision || is_question(event.kind))
      return;
    LogEntry made;
    made.kind = event.kind;
    made.worker = event.worker;
    made.extra = event.extra;
    made.id = event.request != nullptr ? ids_[event.request->index] : 0;
    if (!result_.difference.empty())
      return;
    if (at_ < log_.size() && log_[at_] == made) {
      at_++;
      result_.decisions++;
      return;
    }
    differ(describe(made) + " instead of " +
           (at_ < log_.size() ? describe(log_[at_]) : std::string("the end")));
  }

 private:
  void differ(const std::string &what) {
    if (result_.difference.empty())
      result_.difference = "after " + std::to_string(result_.inputs) + " events and " +
                           std::to_string(result_.decisions) + " decisions: " + what;
  }

  bool arrive(const LogEntry &input) {
    Request *request = engine_.acquire();
    if (request == nullptr)
      return false;
    request->type = input.type;
    request->group = input.group;
    request->tenant = input.tenant;
    request->arrival_ns = input.arrival_ns;
    request->deadline_ns = input.deadline_ns;
    request->estimate_ns = input.estimate_ns;
    ids_[request->index] = input.id;
    if (engine_.arrive(request, input.now_ns) == Arrival::accepted)
      alive_[input.id] = request;
    else
      engine_.release(request);
    return true;
  }

  bool end(Request *request) {
    if (request == nullptr)
      return false;
    alive_.erase(ids_[request->index]);
    engine_.release(request);
    return true;
  }

  bool apply(const LogEntry &input) {
    const auto known = alive_.find(input.id);
    Request *request = known == alive_.end() ? nullptr : known->second;
    const bool has_worker = input.worker < engine_.worker_count();
    Request *running = has_worker ? engine_.running(input.worker) : nullptr;
    switch (input.kind) {
    case EventKind::arrive:
      return arrive(input);
    case EventKind::remove:
      return request != nullptr &&
             engine_.remove(request, static_cast<sledge_removal>(input.extra), input.now_ns) &&
             end(request);
    case EventKind::next:
      return has_worker && (engine_.next(input.worker, input.now_ns), true);
    case EventKind::reconsider:
      return has_worker && (engine_.reconsider(input.worker, input.now_ns), true);
    case EventKind::yield:
      return has_worker && (engine_.yield(input.worker, input.now_ns), true);
    case EventKind::block:
      return running == request && engine_.block(input.worker, input.now_ns) != nullptr;
    case EventKind::unblock:
      return request != nullptr && engine_.unblock(request, input.now_ns);
    case EventKind::finish:
      return running == request &&
             end(engine_.finish(input.worker, input.now_ns, input.extra != 0));
    case EventKind::discard:
      return running == request &&
             end(engine_.discard(input.worker, static_cast<sledge_removal>(input.extra),
                                 input.now_ns));
    case EventKind::tick:
      engine_.tick(input.now_ns);
      return true;
    default:
      return false;
    }
  }

  const std::vector<LogEntry> &log_;
  Engine &engine_;
  size_t at_ = 0;
  ReplayResult result_;
  std::vector<uint64_t> ids_; ///< the log's number of what is at each place of the pool
  std::unordered_map<uint64_t, Request *> alive_;
  std::vector<Action> actions_;
};

} // namespace

std::string describe(const LogEntry &entry) {
  std::string text = name_of(entry.kind);
  if (entry.id != 0)
    text += " request " + std::to_string(entry.id);
  if (entry.worker != SLEDGE_NO_WORKER)
    text += " worker " + std::to_string(entry.worker);
  return text;
}

void EventLog::on_event(const EngineEvent &event) {
  if (is_question(event.kind))
    return;
  if (entries_.size() >= entry_max_) {
    complete_ = false;
    return;
  }
  LogEntry entry;
  entry.kind = event.kind;
  entry.worker = event.worker;
  entry.extra = event.extra;
  entry.now_ns = event.now_ns;
  if (const Request *r = event.request) {
    entry.id = r->id;
    entry.type = r->type;
    entry.group = r->group;
    entry.tenant = r->tenant;
    entry.arrival_ns = r->arrival_ns;
    entry.deadline_ns = r->deadline_ns;
    entry.estimate_ns = r->estimate_ns;
  }
  entries_.push_back(entry);
}

ReplayResult replay(const std::vector<LogEntry> &log, Engine &engine) {
  return Replay(log, engine).run();
}

} // namespace sledge
