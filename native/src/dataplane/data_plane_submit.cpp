// data_plane_submit.cpp - the way of an invocation into the engine, and what may refuse it there.
#include <algorithm>
#include <cstring>

#include "dataplane/data_plane.hpp"

namespace sledge::dataplane {

namespace {

// A sleeping worker is roused for several short requests at once: a wake-up costs more than they.
constexpr uint64_t short_function_ns = 20'000;
constexpr uint32_t deferred_max = 16;
constexpr uint64_t deferred_max_ns = 100'000;

/// Exactly `count` strings, each with its NUL: what sandboxes rely on.
bool holds_strings(std::span<const uint8_t> text, uint32_t count) {
  return (text.empty() || text.back() == 0) &&
         static_cast<uint64_t>(std::count(text.begin(), text.end(), 0)) == count;
}

} // namespace

int64_t DataPlane::submit(const Submission &submission, bool may_defer) {
  if (!own_.is_open()) [[unlikely]] {
    return own_.reject(Rejection::draining, closed_error());
  }
  return accept(own_, submission, may_defer);
}

int64_t DataPlane::submit(Intake &intake, const Submission &submission) {
  if (!intake.enter()) [[unlikely]] {
    return intake.reject(Rejection::draining, closed_error());
  }
  const int64_t result = accept(intake, submission, false);
  intake.leave();
  if (result >= 0) {
    rouse_deferred();
  }
  return result;
}

/// The function stays pinned for what is accepted.
int64_t DataPlane::accept(Intake &intake, const Submission &submission, bool may_defer) {
  Function *function = functions_.pin(submission.function);
  if (function == nullptr) [[unlikely]] {
    return intake.reject(Rejection::gone, SLEDGE_ERR_INVOKE_FUNCTION_GONE);
  }
  const int64_t result = take_in(intake, *function, submission, may_defer);
  if (result < 0) [[unlikely]] {
    function->unpin();
  }
  return result;
}

int64_t DataPlane::take_in(Intake &intake, Function &function, const Submission &submission,
                           bool may_defer) {
  if (!holds_strings(submission.argv, submission.argc) ||
      !holds_strings(submission.environ, submission.envc)) [[unlikely]] {
    return intake.reject(function, Rejection::malformed, SLEDGE_ERR_NATIVE_ARGUMENT);
  }
  if (function.tenant != nullptr && function.tenant->has_pace()) {
    if (const int64_t refused = hold_pace(intake, function)) {
      return refused;
    }
  }
  switch (function.count_accepted()) {
  case Limit::none:
    break;
  case Limit::concurrency:
    return intake.reject(function, Rejection::concurrency, SLEDGE_ERR_INVOKE_CONCURRENCY);
  case Limit::queued:
    return intake.reject(function, Rejection::function_queue, SLEDGE_ERR_INVOKE_FUNCTION_QUEUE);
  case Limit::tenant_concurrency:
    return intake.reject(function, Rejection::tenant_concurrency,
                         SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY);
  case Limit::tenant_queued:
    return intake.reject(function, Rejection::tenant_queue, SLEDGE_ERR_INVOKE_TENANT_QUEUE);
  }
  const int64_t result = place(intake, function, submission, may_defer);
  if (result < 0) {
    function.count_started();
    function.count_left();
  }
  return result;
}

/// 0: the tenant has neither sent too many requests nor used its time.
int64_t DataPlane::hold_pace(Intake &intake, Function &function) {
  const uint64_t now = now_ns();
  if (!function.tenant->has_cpu(now, intake.retry_after_ns_)) {
    return intake.reject(function, Rejection::tenant_cpu, SLEDGE_ERR_INVOKE_TENANT_CPU);
  }
  if (!function.tenant->take_request(now, intake.retry_after_ns_)) {
    return intake.reject(function, Rejection::tenant_rate, SLEDGE_ERR_INVOKE_TENANT_RATE);
  }
  return 0;
}

int64_t DataPlane::place(Intake &intake, Function &function, const Submission &submission,
                         bool may_defer) {
  const uint32_t alive = in_flight();
  if (tenants_used_.load(std::memory_order_relaxed) > 1 && function.tenant != nullptr &&
      !function.tenant->is_within_share(queue_max_ - std::min(alive, queue_max_))) {
    return intake.reject(function, Rejection::tenant_share, SLEDGE_ERR_INVOKE_TENANT_SHARE);
  }
  Invocation *invocation = alive < options_.invocation_max ? table_.acquire() : nullptr;
  if (invocation == nullptr) {
    return intake.reject(function, Rejection::table, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  }
  invocation->function = &function;
  invocation->intake = &intake;
  if (!fill(*invocation, submission)) {
    table_.recycle(*invocation);
    return intake.reject(function, Rejection::memory, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  }
  const uint64_t estimate_ns = function.estimate_ns();
  const bool defer = may_defer && estimate_ns != 0 && estimate_ns <= short_function_ns;
  ActionTarget &target = defer ? static_cast<ActionTarget &>(later_) : *this;
  const uint32_t index = invocation->index;
  const Admission admission = groups_.at(function.spec.worker_group).submit(*invocation, target);
  if (admission.error != SLEDGE_OK) {
    table_.recycle(*invocation);
    intake.retry_after_ns_ = admission.retry_after_ns;
    return intake.reject(function,
                         admission.error == SLEDGE_ERR_INVOKE_NOT_ADMITTED ? Rejection::not_admitted
                                                                           : Rejection::queue,
                         admission.error);
  }
  intake.count_accepted(function);
  if (&intake == &own_ && deferred_ != 0) {
    keep_deferring(defer, now_ns()); // one turn's requests have one arrival
  }
  return index;
}

void DataPlane::keep_deferring(bool deferred, uint64_t now) {
  deferred_since_ns_ = deferred_since_ns_ == 0 ? now : deferred_since_ns_;
  if (!deferred || ++deferred_ > deferred_max || now - deferred_since_ns_ > deferred_max_ns) {
    kick();
  }
}

bool DataPlane::fill(Invocation &invocation, const Submission &submission) {
  const std::string &name = invocation.function->spec.name;
  const uint64_t name_bytes = name.size() + 1;
  const uint64_t bytes = name_bytes + submission.argv.size() + submission.environ.size() +
                         submission.input.size() + invocation.function->spec.environ.size();
  if (!invocation.reserve(bytes)) {
    return false;
  }
  uint8_t *to = invocation.buffer;
  memcpy(to, name.c_str(), name_bytes);
  to += name_bytes;
  const std::string &own = invocation.function->spec.environ;
  const std::span<const uint8_t> own_environ{reinterpret_cast<const uint8_t *>(own.data()),
                                             own.size()};
  invocation.holds_secrets = !own.empty();
  for (const auto &part : {submission.argv, submission.environ, own_environ, submission.input}) {
    if (!part.empty()) {
      memcpy(to, part.data(), part.size());
      to += part.size();
    }
  }
  invocation.argc = submission.argc + 1;
  invocation.envc = submission.envc + invocation.function->spec.environ_count;
  invocation.argv_bytes = name_bytes + submission.argv.size();
  invocation.environ_bytes = submission.environ.size() + own.size();
  invocation.input_bytes = submission.input.size();
  invocation.output_bytes = 0;
  invocation.log_bytes = 0;
  invocation.sandbox.store(nullptr, std::memory_order_relaxed);
  invocation.worker_group.store(invocation.function->spec.worker_group, std::memory_order_relaxed);
  set_times(invocation, submission);
  invocation.start_ns = 0;
  invocation.run_ns = 0;
  invocation.noted = {};
  invocation.preemptions = 0;
  invocation.memory_bytes = 0;
  invocation.status = Status::completed;
  invocation.detail = 0;
  return true;
}

void DataPlane::set_times(Invocation &invocation, const Submission &submission) {
  const FunctionSpec &spec = invocation.function->spec;
  const uint64_t now = now_ns();
  invocation.arrival_ns = submission.arrival_ns != 0 ? std::min(submission.arrival_ns, now) : now;
  const uint64_t relative_ns = submission.relative_deadline_ns != 0
                                   ? submission.relative_deadline_ns
                                   : spec.relative_deadline_ns;
  const uint64_t deadline_ns =
      relative_ns == 0 ? SLEDGE_NO_DEADLINE : invocation.arrival_ns + relative_ns;
  const bool drops = deadline_ns != SLEDGE_NO_DEADLINE && spec.on_late != OnLate::run;
  const bool aborts = drops && spec.on_late == OnLate::abort;
  invocation.deadline_ns = deadline_ns;
  invocation.drop_ns.store(drops ? deadline_ns : UINT64_MAX, std::memory_order_relaxed);
  invocation.abort_ns.store(aborts ? deadline_ns : UINT64_MAX, std::memory_order_relaxed);
  invocation.wall_end_ns.store(UINT64_MAX, std::memory_order_relaxed);
  invocation.limit_ns.store(UINT64_MAX, std::memory_order_relaxed);
  if (drops) {
    constexpr uint64_t grain_ns = 1'000'000; // many deadlines, few looks
    const uint64_t due_ns = deadline_ns - deadline_ns % grain_ns + grain_ns;
    watchdog_.watch({due_ns, invocation.index, invocation.load().generation()});
  }
}

} // namespace sledge::dataplane
