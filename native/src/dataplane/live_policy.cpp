#include "dataplane/live_policy.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/futex.hpp"

namespace sledge::dataplane {

namespace {

/// A request whose rank has not come yet stands behind all others.
constexpr uint64_t unranked_key = SLEDGE_RANK_KEY_MAX;
constexpr uint64_t checks_per_limit = 4;
constexpr size_t ring_min = 8192;
constexpr size_t ring_max = 1u << 18;
constexpr uint32_t spins = 200;

size_t ring_length(uint32_t requests) {
  return std::bit_ceil(std::min<size_t>(ring_min + 4 * size_t{requests}, ring_max));
}

std::string milliseconds(uint64_t ns) {
  return std::to_string(ns / 1'000'000) + " ms";
}

} // namespace

/// What the engine calls: they hold, and answer with what is known.
struct LivePolicy::Proxy {
  static void arrive(void *, sledge_request *, sledge_workers *) {}
  static void preempted(void *, sledge_request *, uint32_t, sledge_workers *) {}
  static sledge_rank rank(void *self, const sledge_request *r, uint64_t) {
    const auto &live = *static_cast<LivePolicy *>(self);
    const Led &led = live.led_[static_cast<const Request *>(r)->index];
    return {led.id == r->id ? led.key : unranked_key, 0};
  }
  static int preempts(void *self, const sledge_request *candidate, const sledge_request *running,
                      uint64_t) {
    const auto &live = *static_cast<LivePolicy *>(self);
    const Led &led = live.led_[static_cast<const Request *>(candidate)->index];
    return led.id == candidate->id && led.beats_id == running->id ? 1 : 0;
  }
  static uint64_t quantum_ns(void *self) {
    return static_cast<LivePolicy *>(self)->options_.quantum_ns;
  }
  static uint64_t dispatcher_quantum_ns(void *self) {
    return static_cast<LivePolicy *>(self)->options_.dispatcher_quantum_ns;
  }
  static uint64_t overdue_share_ppm(void *self) {
    return static_cast<LivePolicy *>(self)->options_.overdue_share_ppm;
  }
  static void destroy(void *) {}
};

LivePolicy::LivePolicy(const LiveOptions &options)
    : options_(options),
      check_interval_ns_(std::max<uint64_t>(
          std::min(options.decision_limit_ns, options.starvation_limit_ns) / checks_per_limit,
          1'000'000)),
      ring_(ring_length(options.request_count_max)), led_(options.request_count_max) {
  dispatcher_ops_.arrive = Proxy::arrive;
  dispatcher_ops_.preempted = options.takes_preempted ? Proxy::preempted : nullptr;
  scheduler_ops_.rank = Proxy::rank;
  scheduler_ops_.preempts = options.decides_preemption ? Proxy::preempts : nullptr;
  for (sledge_policy_table *table : {&dispatcher_table_, &scheduler_table_}) {
    table->api_version = SLEDGE_POLICY_API_VERSION;
    table->struct_bytes = sizeof(sledge_policy_table);
    table->name = "live";
    table->flags = SLEDGE_POLICY_PREEMPTS;
    table->destroy = Proxy::destroy;
  }
  dispatcher_table_.kind = SLEDGE_DISPATCHER;
  dispatcher_table_.dispatcher = &dispatcher_ops_;
  dispatcher_table_.quantum_ns = Proxy::dispatcher_quantum_ns;
  scheduler_table_.kind = SLEDGE_SCHEDULER;
  scheduler_table_.scheduler = &scheduler_ops_;
  scheduler_table_.quantum_ns = Proxy::quantum_ns;
  scheduler_table_.overdue_share_ppm = Proxy::overdue_share_ppm;
}

PolicyInstance LivePolicy::dispatcher() {
  return {&dispatcher_table_, this, shared_from_this()};
}

PolicyInstance LivePolicy::scheduler() {
  return {&scheduler_table_, this, shared_from_this()};
}

void LivePolicy::on_event(const EngineEvent &event) {
  if (!is_followed(event.kind) || overflowed_)
    return;
  if (event.kind == EventKind::preempt_asked) { // of many workers: once is enough
    if (options_.leads.dispatcher || asked_id_ == event.request->id)
      return;
    asked_id_ = event.request->id;
  }
  const uint64_t head = head_.load(std::memory_order_relaxed);
  if (head - tail_.load(std::memory_order_acquire) == ring_.size()) {
    overflowed_ = true;
    return;
  }
  ring_[head & (ring_.size() - 1)] = followed(event);
  head_.store(head + 1, std::memory_order_seq_cst);
  counters_.events++;
}

LiveCounters LivePolicy::counters() const {
  LiveCounters counters = counters_;
  counters.callbacks = callbacks_.load(std::memory_order_relaxed);
  counters.callback_ns = callback_ns_.load(std::memory_order_relaxed);
  return counters;
}

void LivePolicy::ring_doorbell() {
  if (sleeping_.load(std::memory_order_seq_cst) != 0 &&
      head_.load(std::memory_order_relaxed) != tail_.load(std::memory_order_relaxed))
    rouse();
}

void LivePolicy::rouse() {
  if (sleeping_.exchange(0, std::memory_order_seq_cst) != 0)
    futex_wake(sleeping_, 1);
}

size_t LivePolicy::peek(const FollowedEvent **first, size_t max) const {
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  const uint64_t waiting = head_.load(std::memory_order_seq_cst) - tail;
  const uint64_t at = tail & (ring_.size() - 1);
  *first = &ring_[at];
  return static_cast<size_t>(
      std::min({waiting, static_cast<uint64_t>(max), static_cast<uint64_t>(ring_.size() - at)}));
}

void LivePolicy::advance(size_t count) {
  tail_.store(tail_.load(std::memory_order_relaxed) + count, std::memory_order_release);
}

void LivePolicy::sleep(uint64_t timeout_ns) {
  const auto has_news = [this] {
    return head_.load(std::memory_order_seq_cst) != tail_.load(std::memory_order_relaxed) ||
           state() > LiveState::driving;
  };
  for (uint32_t spin = 0; spin < spins; spin++) {
    if (has_news())
      return;
    cpu_relax();
  }
  sleeping_.store(1, std::memory_order_seq_cst);
  if (!has_news())
    futex_wait(sleeping_, 1, timeout_ns);
  sleeping_.store(0, std::memory_order_seq_cst);
}

void LivePolicy::replaced() {
  if (state() != LiveState::ejected)
    state_.store(LiveState::replaced, std::memory_order_release);
}

void LivePolicy::eject(const std::string &reason, uint64_t now_ns) {
  if (state() == LiveState::ejected)
    return;
  reason_ = reason;
  ejected_ns_ = now_ns;
  state_.store(LiveState::ejected, std::memory_order_release);
}

std::string LivePolicy::failure(const Engine &engine, uint64_t now_ns) {
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  const uint64_t behind = head_.load(std::memory_order_relaxed) - tail;
  if (overflowed_)
    return "it is " + std::to_string(behind) + " events behind";
  if (behind != 0) {
    const uint64_t oldest_ns = ring_[tail & (ring_.size() - 1)].now_ns;
    if (now_ns > oldest_ns + options_.decision_limit_ns)
      return "no answer for " + milliseconds(now_ns - oldest_ns);
  }
  if (options_.leads.dispatcher && starves(engine, now_ns))
    return "request " + std::to_string(starving_id_) + " waits beside an idle worker for " +
           milliseconds(now_ns - starving_since_ns_);
  return {};
}

/// The oldest request that is held has been seen beside an idle worker, again and again.
bool LivePolicy::starves(const Engine &engine, uint64_t now_ns) {
  const Request *oldest = engine.oldest_held();
  if (oldest == nullptr) {
    starving_id_ = 0;
    return false;
  }
  if (oldest->id != starving_id_) {
    starving_id_ = oldest->id;
    starving_since_ns_ = now_ns;
    starving_seen_ = 0;
  }
  const uint32_t idle = oldest->bound != 0 ? engine.next_idle(oldest->worker) : engine.next_idle(0);
  if (idle == SLEDGE_NO_WORKER || (oldest->bound != 0 && idle != oldest->worker))
    return false;
  starving_seen_++;
  return starving_seen_ >= checks_per_limit &&
         now_ns - starving_since_ns_ >= options_.starvation_limit_ns;
}

void LivePolicy::note_orders(std::span<const Order> orders, uint64_t now_ns) {
  counters_.batches++;
  counters_.orders += orders.size();
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  if (head_.load(std::memory_order_relaxed) != tail)
    counters_.round_trip_ns += now_ns - ring_[tail & (ring_.size() - 1)].now_ns;
  for (const Order &order : orders) {
    if (order.index >= led_.size())
      continue;
    Led &led = led_[order.index];
    if (order.kind == OrderKind::rank) {
      led = {order.id, order.number, led.id == order.id ? led.beats_id : 0};
    } else if (order.kind == OrderKind::beat && led.id == order.id) {
      led.beats_id = order.running_id;
    }
  }
}

} // namespace sledge::dataplane
