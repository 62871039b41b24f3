// engine_admission.cpp - what happens to a request before the dispatcher sees it: its estimate, and
// whether it is let in.
#include <algorithm>

#include "core/engine.hpp"

namespace sledge {

PolicyInstance Engine::swap_estimator(PolicyInstance estimator) {
  if (estimator && estimator.table()->kind != SLEDGE_ESTIMATOR)
    return estimator;
  std::swap(estimator_, estimator);
  return estimator;
}

PolicyInstance Engine::swap_admission(PolicyInstance admission) {
  if (admission && admission.table()->kind != SLEDGE_ADMISSION)
    return admission;
  std::swap(admission_, admission);
  admission_epoch_++; // those let in by the old policy are not the new one's
  return admission;
}

void Engine::forget_type(uint32_t type) {
  if (estimator_ && estimator_.table()->estimator->forget != nullptr)
    estimator_.table()->estimator->forget(estimator_.self(), type);
}

/// Fills the estimate of a request that has not started, and what follows from it.
void Engine::estimate(Request &request, uint32_t worker) {
  if (estimator_) {
    const uint64_t expected_ns = estimator_.table()->estimator->estimate(
        estimator_.self(), request.type, worker, request.fallback_ns, request.oracle_ns);
    if (expected_ns != 0)
      request.estimate_ns = expected_ns;
  }
  request.estimate_ns = std::clamp<uint64_t>(request.estimate_ns, 1, estimate_max_ns);
  request.remaining_ns = request.estimate_ns;
}

void Engine::observe(const Request &request, bool succeeded) {
  if (estimator_)
    estimator_.table()->estimator->observe(estimator_.self(), request.type, request.worker,
                                           request.run_ns, succeeded ? 1 : 0);
}

bool Engine::admit(Request &request) {
  request.admission_epoch = 0;
  request.admission_word = 0;
  if (!admission_)
    return true;
  host_.reply_ns = static_cast<uint32_t>(std::min<uint64_t>(request.reply_ns, UINT32_MAX));
  const sledge_verdict verdict = admission_.table()->admission->admit(
      admission_.self(), &request, &request.admission_word, &host_);
  if (verdict.admitted == 0) {
    request.retry_after_ns = verdict.retry_after_ns;
    counters_.not_admitted++;
    return false;
  }
  request.admission_epoch = admission_epoch_;
  return true;
}

/// Once for each request that was let in, when it has ended.
void Engine::end_admission(Request &request) {
  if (!admission_ || request.admission_epoch != admission_epoch_)
    return;
  request.admission_epoch = 0;
  if (admission_.table()->admission->ended != nullptr)
    admission_.table()->admission->ended(admission_.self(), &request, request.admission_word,
                                         &host_);
}

/// What is left of a request's service. One that has outrun its estimate looks neither free nor
/// endless: the estimate is doubled until it holds the time already served, as for a heavy tail.
uint64_t Engine::remaining(const Request &request) {
  uint64_t total_ns = request.estimate_ns;
  while (total_ns <= request.run_ns && total_ns < estimate_max_ns)
    total_ns *= 2;
  return total_ns > request.run_ns ? total_ns - request.run_ns : 1;
}

} // namespace sledge
