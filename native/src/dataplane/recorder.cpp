#include "dataplane/recorder.hpp"

namespace sledge::dataplane {

Completion::Completion(const Invocation &invocation)
    : request(invocation.number), worker(invocation.worker.load(std::memory_order_relaxed)),
      function(invocation.function->id), status(invocation.status),
      has_started(invocation.start_ns != 0), detail(invocation.detail),
      queue_length(invocation.noted.queue_length), preemptions(invocation.noted.preemptions),
      arrival_ns(invocation.arrival_ns), start_ns(invocation.start_ns), end_ns(invocation.end_ns),
      run_ns(invocation.run_ns), deadline_ns(invocation.deadline_ns),
      estimate_ns(invocation.noted.estimate_ns), init_ns(invocation.noted.init_ns) {}

void Completion::write(double *out) const {
  const double row[fields] = {as_double(request),
                              has_started ? as_double(worker) : -1,
                              as_double(function),
                              as_double(static_cast<uint64_t>(status)),
                              static_cast<double>(detail),
                              as_double(queue_length),
                              as_double(preemptions),
                              as_double(arrival_ns),
                              has_started ? as_double(start_ns) : -1,
                              as_double(end_ns),
                              as_double(run_ns),
                              deadline_ns == SLEDGE_NO_DEADLINE ? -1 : as_double(deadline_ns),
                              as_double(estimate_ns),
                              as_double(init_ns),
                              as_double(cleanup_ns)};
  for (const double value : row) {
    *out++ = value;
  }
}

Recorder::Recorder(const RecorderOptions &options, uint32_t group_count, uint32_t worker_count)
    : elsewhere_(options.completion_max) {
  for (uint32_t group = 0; group < group_count; group++) {
    events_.push_back(std::make_unique<RecordRing<RecordedEvent>>(options.event_max));
  }
  for (uint32_t worker = 0; worker < worker_count; worker++) {
    completions_.push_back(std::make_unique<RecordRing<Completion>>(options.completion_max));
  }
}

std::unique_ptr<Recorder> Recorder::make(const RecorderOptions &options, uint32_t group_count,
                                         uint32_t worker_count) {
  if (options.event_max == 0 && options.completion_max == 0) {
    return nullptr;
  }
  return std::make_unique<Recorder>(options, group_count, worker_count);
}

void Recorder::completed_elsewhere(const Invocation &invocation) {
  const std::lock_guard<std::mutex> guard(elsewhere_lock_);
  elsewhere_.push(Completion(invocation));
}

size_t Recorder::take_events(double *out, size_t count) {
  size_t total = 0;
  for (const auto &ring : events_) {
    total += ring->take(count - total, [&out](const RecordedEvent &event) {
      event.write(out);
      out += RecordedEvent::fields;
    });
  }
  return total;
}

size_t Recorder::take_completions(double *out, size_t count) {
  size_t total = 0;
  const auto write = [&out](const Completion &completion) {
    completion.write(out);
    out += Completion::fields;
  };
  for (const auto &ring : completions_) {
    total += ring->take(count - total, write);
  }
  return total + elsewhere_.take(count - total, write);
}

uint64_t Recorder::events_lost() const {
  uint64_t lost = 0;
  for (const auto &ring : events_) {
    lost += ring->lost();
  }
  return lost;
}

uint64_t Recorder::completions_lost() const {
  uint64_t lost = elsewhere_.lost();
  for (const auto &ring : completions_) {
    lost += ring->lost();
  }
  return lost;
}

} // namespace sledge::dataplane
