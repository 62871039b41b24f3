// dispatch_policies.cpp - policies exchanged while requests are served, and live ones.
#include "dataplane/dispatch_section.hpp"

namespace sledge::dataplane {

PolicyInstance Dispatch::swap(sledge_policy_kind kind, PolicyInstance policy) {
  Section section(*this);
  switch (kind) {
  case SLEDGE_DISPATCHER:
    return engine_->swap_dispatcher(std::move(policy), section.now_ns);
  case SLEDGE_SCHEDULER:
    return engine_->swap_scheduler(std::move(policy), section.now_ns);
  case SLEDGE_ESTIMATOR:
    return engine_->swap_estimator(std::move(policy));
  case SLEDGE_ADMISSION:
    return engine_->swap_admission(std::move(policy));
  }
  return policy;
}

/// What there is already is told first, then the policies are exchanged: the live one hears of
/// everything, in order.
void Dispatch::lead(const std::shared_ptr<LivePolicy> &live, PolicyInstance dispatcher,
                    PolicyInstance scheduler) {
  std::vector<PolicyInstance> old;
  std::shared_ptr<LivePolicy> before;
  old.reserve(8);
  {
    Section section(*this);
    const uint64_t now_ns = section.now_ns;
    before = std::exchange(live_, live);
    old.swap(retired_);
    retired_.reserve(8);
    engine_->observe_with(live.get());
    if (before != nullptr) {
      before->replaced();
    }
    if (live != nullptr) {
      engine_->tell_all(now_ns);
      live->driving();
      dispatcher = live->options().leads.dispatcher ? live->dispatcher() : std::move(dispatcher);
      scheduler = live->options().leads.scheduler ? live->scheduler() : std::move(scheduler);
      live_check_ns_ = now_ns + live->check_interval_ns();
    } else {
      live_check_ns_ = UINT64_MAX;
    }
    if (scheduler) {
      old.push_back(engine_->swap_scheduler(std::move(scheduler), now_ns));
    }
    if (dispatcher) {
      old.push_back(engine_->swap_dispatcher(std::move(dispatcher), now_ns));
    }
  }
}

void Dispatch::carry_out(LivePolicy &live, std::span<const Order> orders, size_t events,
                         std::vector<std::pair<Invocation *, uint32_t>> &rejected) {
  std::vector<Request *> refused;
  Section section(*this);
  if (live.state() == LiveState::driving) {
    live.note_orders(orders, section.now_ns);
    Orders::carry_out(*engine_, orders, section.now_ns, refused);
    for (Request *request : refused) {
      Invocation *invocation = owner(request);
      rejected.emplace_back(invocation, invocation->load().generation());
    }
  }
  live.advance(events);
}

void Dispatch::eject(LivePolicy &live, const std::string &reason) {
  Section section(*this);
  if (live_.get() == &live && live.state() == LiveState::driving) {
    live.eject(reason, section.now_ns);
    fall_back(section.now_ns);
  }
}

/// When to look again; UINT64_MAX: nothing can go wrong as things are.
uint64_t Dispatch::check_live(uint64_t now_ns) {
  const bool alive = engine_->pool().in_use() != 0;
  if (now_ns < live_check_ns_) {
    return alive ? live_check_ns_ : UINT64_MAX;
  }
  const std::string reason = live_->failure(*engine_, now_ns);
  if (!reason.empty()) {
    live_->eject(reason, now_ns);
    fall_back(now_ns);
    return engine_->next_tick_ns();
  }
  live_check_ns_ = now_ns + live_->check_interval_ns();
  return alive ? live_check_ns_ : UINT64_MAX;
}

void Dispatch::fall_back(uint64_t now_ns) {
  engine_->observe_with(nullptr);
  live_check_ns_ = UINT64_MAX;
  if (live_->options().leads.scheduler) {
    retired_.push_back(engine_->swap_scheduler(std::move(live_->fallback_scheduler), now_ns));
  }
  if (live_->options().leads.dispatcher) {
    retired_.push_back(engine_->swap_dispatcher(std::move(live_->fallback_dispatcher), now_ns));
  }
}

} // namespace sledge::dataplane
