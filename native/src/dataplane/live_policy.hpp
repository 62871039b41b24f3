// live_policy.hpp - a policy on a thread of its own drives a worker group: events go out through a
// bounded ring, orders come back, and a native fallback stands ready.
//
// In the engine it is two proxies: a dispatcher that holds everything and a scheduler that answers
// with the ranks it was told. All but the consumer's functions run under the group's lock.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/orders.hpp"

namespace sledge::dataplane {

struct LiveOptions {
  Follower::Leads leads;
  bool takes_preempted = false;       ///< the dispatcher has `preempted`
  bool decides_preemption = false;    ///< the scheduler has `preempts`
  uint64_t quantum_ns = 0;            ///< the scheduler's; 0: none
  uint64_t dispatcher_quantum_ns = 0; ///< the dispatcher's; 0: none
  uint64_t overdue_share_ppm = 0;
  uint64_t decision_limit_ns = 500'000'000;
  uint64_t starvation_limit_ns = 1'000'000'000;
  uint32_t request_count_max = 1024;
};

/// What became of it.
enum class LiveState : uint32_t { ready, driving, replaced, ejected };

struct LiveCounters {
  uint64_t events = 0;
  uint64_t orders = 0;
  uint64_t batches = 0;
  uint64_t round_trip_ns = 0; ///< sum, from the oldest event of a batch to its orders
  uint64_t callbacks = 0;     ///< of the policy
  uint64_t callback_ns = 0;   ///< sum, with the views and the engine that follows around them
};

class LivePolicy final : public EngineObserver, public std::enable_shared_from_this<LivePolicy> {
 public:
  explicit LivePolicy(const LiveOptions &options);

  const LiveOptions &options() const { return options_; }
  LiveState state() const { return state_.load(std::memory_order_acquire); }

  // --- under the group's lock ---

  void on_event(const EngineEvent &event) override;
  /// The proxies; each keeps this object alive.
  PolicyInstance dispatcher();
  PolicyInstance scheduler();
  /// What takes over. Set before it drives, moved out when it is ejected.
  PolicyInstance fallback_dispatcher;
  PolicyInstance fallback_scheduler;
  void driving() { state_.store(LiveState::driving, std::memory_order_release); }
  void replaced();
  /// The first reason stays. The engine must be given to the fallback after this.
  void eject(const std::string &reason, uint64_t now_ns);
  /// Empty, or why it must be ejected now.
  std::string failure(const Engine &engine, uint64_t now_ns);
  uint64_t check_interval_ns() const { return check_interval_ns_; }
  /// Remembers ranks before they are carried out.
  void note_orders(std::span<const Order> orders, uint64_t now_ns);
  /// Valid when it is ejected.
  const std::string &reason() const { return reason_; }
  uint64_t ejected_ns() const { return ejected_ns_; }
  LiveCounters counters() const;

  // --- after unlocking ---

  void ring_doorbell();

  // --- the policy's thread ---

  /// Events that wait, at most `max`, oldest first; they stay until `advance`.
  size_t peek(const FollowedEvent **first, size_t max) const;
  void advance(size_t count);
  /// So many callbacks have taken so long.
  void count_callbacks(uint64_t callbacks, uint64_t took_ns) {
    callbacks_.fetch_add(callbacks, std::memory_order_relaxed);
    callback_ns_.fetch_add(took_ns, std::memory_order_relaxed);
  }
  /// Until there are events, at most so long. Spurious returns are possible.
  void sleep(uint64_t timeout_ns);
  /// Any thread: lets `sleep` return.
  void rouse();

 private:
  struct Led {
    uint64_t id = 0;
    uint64_t key = 0;
    uint64_t beats_id = 0; ///< what runs, and it takes the worker from that
  };
  struct Proxy;
  bool starves(const Engine &engine, uint64_t now_ns);

  const LiveOptions options_;
  const uint64_t check_interval_ns_;
  std::atomic<LiveState> state_{LiveState::ready};
  std::vector<FollowedEvent> ring_;
  alignas(64) std::atomic<uint64_t> head_{0}; ///< events put in
  alignas(64) std::atomic<uint64_t> tail_{0}; ///< events done
  alignas(64) std::atomic<uint32_t> sleeping_{0};
  std::atomic<uint64_t> callbacks_{0};
  std::atomic<uint64_t> callback_ns_{0};
  bool overflowed_ = false;
  uint64_t asked_id_ = 0;
  std::vector<Led> led_; ///< by place in the pool
  sledge_policy_table dispatcher_table_{};
  sledge_policy_table scheduler_table_{};
  sledge_dispatcher_ops dispatcher_ops_{};
  sledge_scheduler_ops scheduler_ops_{};
  std::string reason_;
  uint64_t ejected_ns_ = 0;
  uint64_t starving_id_ = 0;
  uint64_t starving_since_ns_ = 0;
  uint64_t starving_seen_ = 0;
  LiveCounters counters_;
};

} // namespace sledge::dataplane
