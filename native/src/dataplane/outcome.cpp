#include "dataplane/outcome.hpp"

#include <cstring>

namespace sledge::dataplane {

namespace {

void set(Invocation &invocation, Status status, int32_t detail) {
  invocation.status = status;
  invocation.detail = detail;
}

/// What a caller gets to see of an output; one that was cut off says nothing.
bool has_output(Status status) {
  return status == Status::completed || status == Status::exited || status == Status::trapped;
}

} // namespace

void take_output(Invocation &invocation, const Sandbox &sandbox) {
  invocation.memory_bytes = sandbox.memory_bytes();
  const auto log = sandbox.log();
  const auto output = has_output(invocation.status) ? sandbox.output() : std::span<const uint8_t>();
  if (!invocation.reserve(output.size() + log.size())) {
    set(invocation, Status::failed, SLEDGE_ERR_INTERNAL);
    return;
  }
  if (!output.empty()) {
    memcpy(invocation.buffer, output.data(), output.size());
  }
  if (!log.empty()) {
    memcpy(invocation.buffer + output.size(), log.data(), log.size());
  }
  invocation.output_bytes = output.size();
  invocation.log_bytes = log.size();
}

void set_killed(Invocation &invocation, Kill why) {
  switch (why) {
  case Kill::time_limit:
    return set(invocation, Status::timed_out, SLEDGE_ERR_INVOKE_TIME_LIMIT);
  case Kill::cpu_limit:
    return set(invocation, Status::timed_out, SLEDGE_ERR_INVOKE_CPU_LIMIT);
  case Kill::deadline:
    return set(invocation, Status::timed_out, SLEDGE_ERR_INVOKE_DEADLINE);
  case Kill::cancel:
    return set(invocation, Status::cancelled, SLEDGE_ERR_INVOKE_CANCELLED);
  case Kill::shutdown:
    return set(invocation, Status::cancelled, SLEDGE_ERR_INVOKE_DRAINING);
  case Kill::refused:
    return set(invocation, Status::dropped, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  case Kill::none:
    return set(invocation, Status::failed, SLEDGE_ERR_INTERNAL);
  }
}

void fail(Invocation &invocation, sledge_error why) {
  set(invocation, Status::failed, why);
}

void note(Invocation &invocation, std::string_view text) {
  if (invocation.reserve(text.size())) {
    memcpy(invocation.buffer, text.data(), text.size());
    invocation.output_bytes = 0;
    invocation.log_bytes = text.size();
  }
}

void set_unstarted(Invocation &invocation, Kill why) {
  if (why == Kill::cancel) {
    set(invocation, Status::cancelled, SLEDGE_ERR_INVOKE_CANCELLED);
  } else if (why == Kill::deadline) {
    set(invocation, Status::dropped, SLEDGE_ERR_INVOKE_DEADLINE);
  } else if (why == Kill::refused) {
    set(invocation, Status::dropped, SLEDGE_ERR_INVOKE_QUEUE_FULL);
  } else {
    set(invocation, Status::dropped, SLEDGE_ERR_INVOKE_DRAINING);
  }
}

} // namespace sledge::dataplane
