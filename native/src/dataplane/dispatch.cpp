#include "dataplane/dispatch_section.hpp"
#include "dataplane/intake.hpp"
#include "dataplane/outcome.hpp"

namespace sledge::dataplane {

Admission Dispatch::submit(Invocation &invocation, ActionTarget &target) {
  const Function &function = *invocation.function;
  Section section(*this, target);
  Request *request = engine_->acquire();
  if (request == nullptr) {
    invocation.number = 0;
    if (events_ != nullptr) [[unlikely]] {
      note_refusal(invocation, Refusal::too_many, section.now_ns);
    }
    return {SLEDGE_ERR_INVOKE_QUEUE_FULL};
  }
  request->type = function.id;
  request->group = function.spec.group;
  request->tenant = function.spec.tenant;
  request->arrival_ns = invocation.arrival_ns;
  request->deadline_ns = invocation.deadline_ns;
  request->fallback_ns = function.spec.expected_execution_ns;
  request->reply_ns = invocation.intake->reply_ns(section.now_ns);
  request->estimate_ns =
      std::clamp<uint64_t>(function.spec.expected_execution_ns, 1, Engine::estimate_max_ns);
  owners_[request->index] = &invocation;
  invocation.request = request;
  invocation.move_to(State::queued);
  const Arrival arrival = engine_->arrive(request, section.now_ns);
  invocation.number = number_of(request->id);
  if (arrival == Arrival::accepted) {
    if (events_ != nullptr) [[unlikely]] {
      note_arrival(*request, invocation, section.now_ns);
    }
    return {};
  }
  const bool is_admitted = arrival != Arrival::not_admitted;
  if (events_ != nullptr) [[unlikely]] {
    note_refusal(invocation, is_admitted ? Refusal::queue_full : Refusal::not_admitted,
                 section.now_ns);
  }
  const uint64_t retry_after_ns = request->retry_after_ns;
  invocation.move_to(State::free);
  engine_->release(request);
  return {is_admitted ? SLEDGE_ERR_INVOKE_QUEUE_FULL : SLEDGE_ERR_INVOKE_NOT_ADMITTED,
          retry_after_ns};
}

Invocation *Dispatch::start(Request *request, uint32_t worker, uint64_t now_ns) {
  if (request == nullptr) {
    return nullptr;
  }
  turn_end_ns_[own(worker)] = engine_->turn_end_ns(own(worker));
  leave_by_ns_[own(worker)] = engine_->leave_by_ns(own(worker));
  Invocation *invocation = owner(request);
  if (invocation->start_ns != 0 && invocation->worker.load(std::memory_order_relaxed) != worker) {
    migrations_.fetch_add(1, std::memory_order_relaxed);
  }
  if (external_) {
    invocation->start_ns = now_ns;
  }
  invocation->worker.store(worker, std::memory_order_relaxed);
  const State before = invocation->load().state();
  invocation->move_to(State::running);
  if (events_ != nullptr) [[unlikely]] {
    note_begin(*invocation, worker, before, now_ns);
  }
  return invocation;
}

void Dispatch::leave_engine(uint32_t worker, Finished finished, uint64_t now_ns) {
  if (finished == Finished::nothing) {
    return;
  }
  Request *request = finished == Finished::late
                         ? engine_->discard(own(worker), SLEDGE_REMOVED_LATE, now_ns)
                         : engine_->finish(own(worker), now_ns, finished == Finished::succeeded);
  Invocation &invocation = *owner(request);
  invocation.noted.estimate_ns = request->estimate_ns;
  if (keeps_completions_) [[unlikely]] {
    keep(invocation, *request);
  }
  if (events_ != nullptr) [[unlikely]] {
    note_end(invocation, finished == Finished::late ? Happening::drop : Happening::finish, worker,
             invocation.end_ns, now_ns);
  }
  engine_->release(request);
}

Invocation *Dispatch::advance(uint32_t worker, Finished finished) {
  Section section(*this);
  leave_engine(worker, finished, section.now_ns);
  return start(engine_->next(own(worker), section.now_ns), worker, section.now_ns);
}

void Dispatch::finish(uint32_t worker, Finished finished) {
  Section section(*this);
  leave_engine(worker, finished, section.now_ns);
}

bool Dispatch::set_terms(uint32_t tenant, const sledge_tenant_terms &terms) {
  const Section section(*this);
  return engine_->set_terms(tenant, terms, section.now_ns);
}

void Dispatch::forget_type(uint32_t type) {
  const Section section(*this);
  engine_->forget_type(type);
}

Invocation *Dispatch::reconsider(uint32_t worker, bool yielded) {
  Section section(*this);
  Invocation *left = owner(engine_->running(own(worker)));
  const EngineCounters &counters = engine_->counters();
  const uint64_t quantum_ends = counters.quantum_ends;
  const uint64_t overdue_runs = counters.overdue_runs;
  Request *next = yielded ? engine_->yield(own(worker), section.now_ns)
                          : engine_->reconsider(own(worker), section.now_ns);
  if (owner(next) != left) {
    left->move_to(State::preempted);
  }
  if (events_ != nullptr) [[unlikely]] {
    const LeaveReason why = counters.quantum_ends != quantum_ends   ? LeaveReason::quantum
                            : counters.overdue_runs != overdue_runs ? LeaveReason::overdue_share
                                                                    : LeaveReason::rank;
    note_left(*left, *owner(next), worker, why, section.now_ns);
  }
  return start(next, worker, section.now_ns);
}

bool Dispatch::block(uint32_t worker) {
  Section section(*this);
  Invocation &invocation = *owner(engine_->running(own(worker)));
  if (invocation.load().kill() != Kill::none) {
    return false;
  }
  engine_->block(own(worker), section.now_ns);
  invocation.move_to(State::blocked);
  if (events_ != nullptr) {
    note_block(invocation, Happening::block, section.now_ns);
  }
  return true;
}

void Dispatch::unblock(Invocation &invocation, uint32_t generation) {
  Section section(*this);
  const Life life = invocation.load();
  if (life.generation() == generation && life.state() == State::blocked &&
      engine_->unblock(invocation.request, section.now_ns)) {
    invocation.move_to(State::preempted);
    if (events_ != nullptr) {
      note_block(invocation, Happening::unblock, section.now_ns);
    }
  }
}

/// External workers: the one who claims the end ends it in the engine too.
bool Dispatch::runs_elsewhere(Invocation &invocation, uint32_t generation) {
  return external_ && invocation.claim_end(generation);
}

/// Nobody wants its outcome any more, and its function has been started all the same.
bool Dispatch::runs_on(const Invocation &invocation, Kill why) {
  return why == Kill::cancel && !invocation.function->spec.kill_on_disconnect;
}

Ended Dispatch::end(Invocation &invocation, uint32_t generation, Kill why) {
  Section section(*this);
  const Life life = invocation.load();
  if (life.generation() != generation) {
    return Ended::gone;
  }
  const uint32_t worker = invocation.worker.load(std::memory_order_relaxed);
  switch (life.state()) {
  case State::free:
  case State::ended:
    return Ended::gone;
  case State::running:
    if (runs_on(invocation, why)) {
      return Ended::gone;
    }
    if (runs_elsewhere(invocation, generation)) {
      invocation.end_ns = section.now_ns;
      set_killed(invocation, why);
      leave_engine(worker, Finished::failed, section.now_ns);
      return Ended::taken;
    }
    return !external_ && invocation.claim_kill(generation, why) ? Ended::running : Ended::gone;
  case State::queued:
  case State::preempted:
  case State::blocked:
    break;
  }
  const bool unstarted = life.state() == State::queued;
  if (!unstarted && runs_on(invocation, why)) {
    return Ended::gone;
  }
  const sledge_removal removal = why == Kill::deadline ? SLEDGE_REMOVED_LATE
                                 : unstarted           ? SLEDGE_REMOVED_CANCELLED
                                                       : SLEDGE_REMOVED_KILLED;
  if (!engine_->remove(invocation.request, removal, section.now_ns) ||
      !invocation.claim_end(generation)) {
    return Ended::gone;
  }
  if (unstarted) {
    set_unstarted(invocation, why);
  } else {
    set_killed(invocation, why);
  }
  if (keeps_completions_) {
    keep(invocation, *invocation.request);
  }
  if (events_ != nullptr) {
    note_end(invocation, Happening::drop, UINT32_MAX, section.now_ns, section.now_ns);
  }
  engine_->release(invocation.request);
  return unstarted ? Ended::unstarted : Ended::suspended;
}

/// Each section does it at its end.
void Dispatch::tick() {
  const Section section(*this);
}

EngineCounters Dispatch::counters() {
  lock_.lock();
  const EngineCounters counters = engine_->counters();
  lock_.unlock();
  return counters;
}

void Dispatch::add_queue_lengths(std::vector<uint32_t> &lengths) {
  const size_t first = lengths.size();
  lengths.resize(first + engine_->worker_count());
  lock_.lock();
  for (uint32_t worker = 0; worker < engine_->worker_count(); worker++) {
    lengths[first + worker] = engine_->queue_length(worker);
  }
  lock_.unlock();
}

} // namespace sledge::dataplane
