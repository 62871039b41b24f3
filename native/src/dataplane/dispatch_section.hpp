// dispatch_section.hpp - one section under the group's lock; for dispatch*.cpp alone.
#pragma once
#include "dataplane/clock.hpp"
#include "dataplane/dispatch.hpp"

namespace sledge::dataplane {

/// The lock, a clock that never goes back, and the actions that are sent after unlocking.
class Dispatch::Section {
 public:
  explicit Section(Dispatch &dispatch) : Section(dispatch, dispatch.target_) {}
  Section(Dispatch &dispatch, ActionTarget &target) : dispatch_(dispatch), target_(target) {
    dispatch_.lock_.lock();
    now_ns = std::max(now(), dispatch_.last_ns_);
    dispatch_.last_ns_ = now_ns;
  }
  ~Section() {
    Engine &engine = *dispatch_.engine_;
    if (engine.next_tick_ns() <= now_ns) {
      engine.tick(now_ns); // whoever comes by sees to it, so that the watchdog need not wake
    }
    const EngineCounters &counters = engine.counters();
    dispatch_.waiting_.store(counters.held + counters.queued, std::memory_order_relaxed);
    uint64_t tick_ns = engine.next_tick_ns();
    if (dispatch_.live_check_ns_ != UINT64_MAX) [[unlikely]] {
      tick_ns = std::min(tick_ns, dispatch_.check_live(now_ns));
    }
    const std::shared_ptr<LivePolicy> live = dispatch_.live_;
    const bool tick_changed = tick_ns != dispatch_.tick_ns_.load(std::memory_order_relaxed);
    if (tick_changed) {
      dispatch_.tick_ns_.store(tick_ns, std::memory_order_seq_cst);
    }
    size_t count = engine.take_actions(actions_);
    note(count);
    dispatch_.lock_.unlock();
    send(count);
    while (count == actions_.size()) {
      dispatch_.lock_.lock();
      count = engine.take_actions(actions_);
      note(count);
      dispatch_.lock_.unlock();
      send(count);
    }
    if (live != nullptr) {
      live->ring_doorbell();
    }
    if (tick_changed && tick_ns != UINT64_MAX) {
      target_.tick_due(tick_ns);
    }
  }
  Section(const Section &) = delete;
  Section &operator=(const Section &) = delete;

  uint64_t now_ns = 0;

 private:
  void note(size_t count) {
    if (dispatch_.events_ != nullptr) [[unlikely]] {
      dispatch_.note_asks(std::span(actions_.data(), count), now_ns);
    }
  }
  static uint64_t now() { return dataplane::now_ns(); }
  void send(size_t count) {
    for (size_t at = 0; at < count; at++) {
      const Action &action = actions_[at];
      if (action.kind == ActionKind::wake) {
        target_.wake(dispatch_.first_worker_ + action.worker);
      } else {
        target_.interrupt(dispatch_.first_worker_ + action.worker, action.request_id);
      }
    }
  }

  Dispatch &dispatch_;
  ActionTarget &target_;
  std::array<Action, 16> actions_;
};

} // namespace sledge::dataplane
