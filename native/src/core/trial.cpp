#include "core/trial.hpp"

#include <algorithm>

namespace sledge {

namespace {

constexpr uint64_t short_ns = 2'000;
constexpr uint64_t long_ns = 60'000;
constexpr uint64_t long_in = 10; // one of so many is long
constexpr uint64_t mean_ns = (short_ns * (long_in - 1) + long_ns) / long_in;
constexpr uint64_t steps_between_checks = 64;

} // namespace

Trial::Trial(Engine &engine, const TrialConfig &config)
    : engine_(engine), config_(config), random_state_(config.seed),
      left_ns_(engine.pool().capacity()), blocks_at_(engine.pool().capacity()),
      resumed_ns_(engine.worker_count()), turn_(engine.worker_count()),
      last_start_(std::max(config.type_count, 1u)), actions_(2 * size_t{engine.worker_count()}) {}

uint64_t Trial::random() { // splitmix64
  random_state_ += 0x9e3779b97f4a7c15ull;
  uint64_t x = random_state_;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

bool Trial::chance(double share) {
  return static_cast<double>(random() >> 11) < share * 9007199254740992.0;
}

void Trial::violate(const std::string &what) {
  if (result_.violation.empty())
    result_.violation = what + " at " + std::to_string(now_ns_) + " ns";
}

TrialResult Trial::run() {
  for (;;) {
    while (!events_.empty() && events_.top().due == Due::leave &&
           events_.top().turn != turn_[events_.top().worker])
      events_.pop();
    const uint64_t event_ns = events_.empty() ? UINT64_MAX : events_.top().at_ns;
    const uint64_t arrival_ns = arrived_ < config_.request_count ? arrival_ns_ : UINT64_MAX;
    const uint64_t tick_ns = engine_.next_tick_ns();
    const bool only_ticks = event_ns == UINT64_MAX && arrival_ns == UINT64_MAX;
    if (only_ticks && (tick_ns == UINT64_MAX || engine_.pool().in_use() == 0 ||
                       tick_ns > now_ns_ + 1'000'000'000))
      break;
    if (only_ticks && ++steps_ > 64 * config_.request_count + 1'000'000)
      break; // it ticks for ever
    now_ns_ = std::max(now_ns_, std::min({event_ns, arrival_ns, tick_ns}));
    if (event_ns <= now_ns_) {
      const Event event = events_.top();
      events_.pop();
      happen(event);
    } else if (tick_ns <= now_ns_) {
      engine_.tick(now_ns_);
    } else {
      arrive();
    }
    settle();
    check_state();
  }
  result_.left = engine_.pool().in_use();
  result_.end_ns = now_ns_;
  if (result_.left != 0)
    violate(std::to_string(result_.left) + " requests are never run");
  if (!engine_.consistent())
    violate("the engine's lists and counts disagree");
  return result_;
}

void Trial::schedule(Due due, uint64_t at_ns, uint32_t worker, uint64_t request) {
  const uint64_t turn = due == Due::leave ? turn_[worker] : 0;
  events_.push({at_ns, ++order_, due, worker, turn, request});
}

uint64_t Trial::service_ns() {
  const uint64_t mean = random() % long_in == 0 ? long_ns : short_ns;
  return mean / 2 + random() % mean + 1;
}

void Trial::arrive() {
  arrived_++;
  const double gap = static_cast<double>(mean_ns) / (engine_.worker_count() * config_.load);
  arrival_ns_ = now_ns_ + random() % static_cast<uint64_t>(2 * gap + 1);
  const uint64_t service = service_ns();
  const uint64_t slack = random() % (20 * mean_ns);
  Request *request = engine_.acquire();
  if (request == nullptr) {
    result_.refused++;
    return;
  }
  request->type = static_cast<uint32_t>(service > long_ns / 2 ? 0 : random() % config_.type_count);
  request->tenant = request->type;
  request->group = request->type % 2;
  request->arrival_ns = now_ns_;
  if (config_.with_deadlines && random() % 8 != 0)
    request->deadline_ns = now_ns_ + service + slack;
  request->estimate_ns = service * (50 + random() % 100) / 100 + 1;
  left_ns_[request->index] = service;
  blocks_at_[request->index] = chance(config_.blocked_share) ? service / 2 : 0;
  const uint64_t handle = request->handle();
  if (chance(config_.removed_share))
    schedule(Due::remove, now_ns_ + random() % (4 * mean_ns), 0, handle);
  if (engine_.arrive(request, now_ns_) == Arrival::accepted)
    return;
  result_.refused++;
  engine_.release(request);
}

void Trial::happen(const Event &event) {
  if (event.due == Due::leave)
    return leave(event.worker);
  Request *request = engine_.pool().find(event.request);
  if (request == nullptr)
    return;
  if (event.due == Due::unblock) {
    engine_.unblock(request, now_ns_);
  } else if (engine_.remove(request, SLEDGE_REMOVED_CANCELLED, now_ns_)) {
    result_.removed++;
    engine_.release(request);
  }
}

/// What the worker runs has no service left, or blocks.
void Trial::leave(uint32_t worker) {
  suspend(worker);
  Request *request = engine_.running(worker);
  if (left_ns_[request->index] != 0) {
    blocks_at_[request->index] = 0;
    engine_.block(worker, now_ns_);
    schedule(Due::unblock, now_ns_ + 1 + random() % long_ns, 0, request->handle());
  } else {
    result_.finished++;
    engine_.release(engine_.finish(worker, now_ns_));
  }
  run_on(worker, engine_.next(worker, now_ns_));
}

void Trial::settle() {
  while (const size_t count = engine_.take_actions(actions_)) {
    for (size_t i = 0; i < count; i++) {
      const Action &action = actions_[i];
      const Request *running = engine_.running(action.worker);
      if (action.kind == ActionKind::wake) {
        if (running == nullptr)
          run_on(action.worker, engine_.next(action.worker, now_ns_));
      } else if (running != nullptr && running->id == action.request_id) {
        suspend(action.worker);
        run_on(action.worker, engine_.reconsider(action.worker, now_ns_));
      }
    }
  }
}

void Trial::run_on(uint32_t worker, Request *request) {
  turn_[worker]++;
  if (request == nullptr)
    return;
  check_start(worker, *request);
  resumed_ns_[worker] = now_ns_;
  const uint64_t left = left_ns_[request->index];
  const uint64_t blocks_at = blocks_at_[request->index];
  const uint64_t runs_ns = blocks_at != 0 && blocks_at < left ? left - blocks_at : left;
  schedule(Due::leave, now_ns_ + runs_ns, worker, request->handle());
}

void Trial::suspend(uint32_t worker) {
  uint64_t &left = left_ns_[engine_.running(worker)->index];
  left -= std::min(left, now_ns_ - resumed_ns_[worker]);
  resumed_ns_[worker] = now_ns_;
}

void Trial::check_start(uint32_t worker, const Request &request) {
  if (request.preemptions == 0 && request.run_ns == 0) {
    uint64_t &last = last_start_[request.type];
    if (config_.fifo_within_type && request.id < last)
      violate("request " + std::to_string(request.id) + " starts after " + std::to_string(last) +
              " of its type");
    last = std::max(last, request.id);
  }
  if (!config_.deadline_order || request.deadline_ns < now_ns_)
    return;
  for (uint32_t i = 0; i < engine_.pool().capacity(); i++) {
    const Request &other = engine_.pool().at(i);
    if (other.place == Place::queued && other.worker == worker && other.deadline_ns >= now_ns_ &&
        other.deadline_ns < request.deadline_ns)
      violate("request " + std::to_string(request.id) + " runs before an earlier deadline");
  }
}

void Trial::check_state() {
  if (config_.work_conserving && engine_.counters().held != 0) {
    const Request *oldest = engine_.oldest_held();
    const uint32_t idle = engine_.next_idle(0);
    if (idle != SLEDGE_NO_WORKER && (oldest->bound == 0 || oldest->worker == idle))
      violate("worker " + std::to_string(idle) + " idles beside request " +
              std::to_string(oldest->id));
  }
  if (++steps_ % steps_between_checks == 0 && !engine_.consistent())
    violate("the engine's lists and counts disagree");
}

} // namespace sledge
