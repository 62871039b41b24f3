// dispatch_record.cpp - what a recorder is told, under the group's lock.
#include "dataplane/dispatch_section.hpp"

namespace sledge::dataplane {

namespace {

RecordedEvent event_of(const Invocation &invocation, Happening what, uint64_t now_ns) {
  RecordedEvent event;
  event.at_ns = now_ns;
  event.request = invocation.number;
  event.what = what;
  event.type = invocation.function->id;
  return event;
}

} // namespace

void Dispatch::record_with(Recorder *recorder) {
  recorder_ = recorder != nullptr && recorder->keeps_events() ? recorder : nullptr;
  events_ = recorder_;
  keeps_completions_ = recorder != nullptr && recorder->keeps_completions();
}

void Dispatch::keep_events(bool keeps) {
  lock_.lock();
  events_ = keeps ? recorder_ : nullptr;
  lock_.unlock();
}

void Dispatch::note(const RecordedEvent &event) {
  const EngineCounters &counters = engine_->counters();
  const uint64_t waiting = counters.held + counters.queued;
  events_->event(group_, event, noted_waiting_, waiting);
  noted_waiting_ = waiting;
}

void Dispatch::note_arrival(const Request &request, const Invocation &invocation, uint64_t now_ns) {
  const bool is_held = request.place == Place::held;
  RecordedEvent event = event_of(invocation, is_held ? Happening::held : Happening::arrive, now_ns);
  const bool has_deadline = request.deadline_ns != SLEDGE_NO_DEADLINE;
  event.a = has_deadline ? as_double(request.deadline_ns - request.arrival_ns) : -1;
  event.c = as_double(request.estimate_ns);
  event.e = as_double(now_ns - std::min(now_ns, request.arrival_ns));
  if (is_held) {
    event.b = as_double(engine_->counters().held - 1);
  } else {
    event.worker = first_worker_ + request.worker;
    const bool runs = engine_->running(request.worker) != nullptr;
    event.b = as_double(engine_->queue_length(request.worker) - 1 + (runs ? 1 : 0));
  }
  note(event);
}

void Dispatch::note_refusal(const Invocation &invocation, Refusal why, uint64_t now_ns) {
  RecordedEvent event = event_of(invocation, Happening::refuse, now_ns);
  event.reason = static_cast<uint8_t>(why);
  note(event);
}

/// It has been given the worker; `before`: what it was until then.
void Dispatch::note_begin(const Invocation &invocation, uint32_t worker, State before,
                          uint64_t now_ns) {
  if (before == State::running) {
    return; // it stays
  }
  const bool is_first = before == State::queued;
  RecordedEvent event =
      event_of(invocation, is_first ? Happening::start : Happening::resume, now_ns);
  const uint64_t since_ns = is_first ? invocation.arrival_ns : invocation.end_ns;
  event.worker = worker;
  event.a = as_double(now_ns - std::min(now_ns, since_ns));
  note(event);
}

void Dispatch::note_left(const Invocation &left, const Invocation &next, uint32_t worker,
                         LeaveReason why, uint64_t now_ns) {
  RecordedEvent event =
      event_of(left, &left == &next ? Happening::stay : Happening::preempt, now_ns);
  event.worker = worker;
  if (&left != &next) {
    event.reason = static_cast<uint8_t>(why);
    event.a = as_double(next.number);
    event.b = as_double(left.run_ns);
  }
  note(event);
}

void Dispatch::note_end(const Invocation &invocation, Happening what, uint32_t worker,
                        uint64_t end_ns, uint64_t now_ns) {
  RecordedEvent event = event_of(invocation, what, now_ns);
  const bool is_late =
      invocation.deadline_ns != SLEDGE_NO_DEADLINE && end_ns > invocation.deadline_ns;
  event.worker = worker;
  event.reason = static_cast<uint8_t>(invocation.status);
  event.a = as_double(end_ns - std::min(end_ns, invocation.arrival_ns));
  event.b = is_late ? as_double(end_ns - invocation.deadline_ns) : -1;
  event.c = as_double(invocation.run_ns);
  note(event);
}

void Dispatch::note_block(const Invocation &invocation, Happening what, uint64_t now_ns) {
  RecordedEvent event = event_of(invocation, what, now_ns);
  event.worker = invocation.worker.load(std::memory_order_relaxed);
  note(event);
}

void Dispatch::note_asks(std::span<const Action> actions, uint64_t now_ns) {
  for (const Action &action : actions) {
    const Request *running = engine_->running(action.worker);
    if (action.kind != ActionKind::interrupt || running == nullptr ||
        running->id != action.request_id) {
      continue;
    }
    RecordedEvent event;
    event.at_ns = now_ns;
    event.request = number_of(running->id);
    event.what = Happening::ask;
    event.type = running->type;
    event.worker = first_worker_ + action.worker;
    note(event);
  }
}

/// What a completion says of its request, which is about to be released.
void Dispatch::keep(Invocation &invocation, const Request &request) {
  invocation.noted.estimate_ns = request.estimate_ns;
  invocation.noted.preemptions = request.preemptions;
  const bool has_worker = request.worker < engine_->worker_count();
  invocation.noted.queue_length = has_worker ? engine_->queue_length(request.worker) : 0;
}

} // namespace sledge::dataplane
