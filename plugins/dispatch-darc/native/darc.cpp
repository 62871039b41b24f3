#include "darc.hpp"

#include <cmath>

namespace darc {

using sledge::policy::number;

namespace {

double window_service_ns(const Type &type) {
  return static_cast<double>(type.window_run_ns) / static_cast<double>(type.window_count);
}

} // namespace

bool Darc::make(const sledge_policy_config &config, char *error, size_t error_bytes) {
  type_count_ = config.type_count_max;
  worker_count_ = config.worker_count;
  types_.reset(new (std::nothrow) Type[type_count_]);
  waiting_.reset(new (std::nothrow) uint32_t[type_count_]);
  seen_.reset(new (std::nothrow) uint32_t[type_count_]);
  if (types_ == nullptr || waiting_ == nullptr || seen_ == nullptr)
    return false;
  profiles_ = sledge::policy::is_text(&config, "reservation", "profiled");
  window_requests_ = static_cast<uint64_t>(number(&config, "windowRequests", 1000));
  similarity_ = number(&config, "similarity", 2);
  slowdown_target_ = number(&config, "slowdownTarget", 10);
  demand_change_ = number(&config, "demandChange", 0.1);
  const sledge_option *reserved = sledge::policy::find_option(&config, "reserved");
  if (read_reserved(reserved != nullptr && reserved->text != nullptr ? reserved->text : ""))
    return true;
  std::strncpy(error, "reserved is not a list of numbers", error_bytes - 1);
  return false;
}

/// "2,1": two workers for group 0, one for group 1.
bool Darc::read_reserved(const char *text) {
  uint32_t wanted[group_count_max];
  uint32_t groups = 0;
  for (const char *at = text; *at != 0 && groups < group_count_max;) {
    char *end = nullptr;
    const unsigned long count = std::strtoul(at, &end, 10);
    if (end == at || (*end != ',' && *end != 0))
      return false;
    wanted[groups++] = static_cast<uint32_t>(std::min<unsigned long>(count, worker_count_));
    at = *end == ',' ? end + 1 : end;
  }
  reserve(wanted, groups);
  return true;
}

/// Gives each group its workers, in order; groups for which none is left share the last worker.
void Darc::reserve(const uint32_t *wanted, uint32_t groups) {
  group_count_ = groups;
  uint32_t next = 0;
  for (uint32_t group = 0; group < groups; group++) {
    first_[group] = std::min(next, spillway());
    next = std::min(next + wanted[group], worker_count_);
  }
  // By hand, groups without a reservation use what is not reserved.
  if (!profiles_ && groups < group_count_max) {
    first_[groups] = std::min(next, spillway());
    for (uint32_t group = groups + 1; group < group_count_max; group++)
      first_[group] = first_[groups];
    group_count_ = group_count_max;
  }
}

void Darc::hold(sledge_request *r) {
  Type &type = types_[r->type];
  if (!profiles_)
    type.group = r->group;
  else if (reserved_yet_ && !type.seen)
    type.group = unknown_group;
  if (type.queue.empty()) {
    type.place = waiting_count_;
    waiting_[waiting_count_++] = r->type;
  }
  type.queue.push_back(r);
}

void Darc::forget(const sledge_request *r) {
  Type &type = types_[r->type];
  type.queue.remove(r);
  if (!type.queue.empty())
    return;
  const uint32_t last = waiting_[--waiting_count_];
  waiting_[type.place] = last;
  types_[last].place = type.place;
}

sledge_request *Darc::select(uint32_t worker) const {
  sledge_request *best = nullptr;
  uint32_t best_group = 0;
  for (uint32_t i = 0; i < waiting_count_; i++) {
    const Type &type = types_[waiting_[i]];
    if (first_worker(waiting_[i]) > worker)
      continue;
    sledge_request *head = type.queue.front();
    if (best == nullptr || type.group < best_group ||
        (type.group == best_group && head->id < best->id)) {
      best = head;
      best_group = type.group;
    }
  }
  return best;
}

void Darc::has_started(const sledge_request *r, uint64_t now_ns) {
  const Type &type = types_[r->type];
  const double waited_ns = static_cast<double>(now_ns - r->arrival_ns);
  if (type.service_ns > 0 && waited_ns > slowdown_target_ * type.service_ns)
    slow_ = true;
}

bool Darc::profile(const sledge_request *r) {
  if (!profiles_ || r->type >= type_count_)
    return false;
  Type &type = types_[r->type];
  if (!type.seen) {
    type.seen = true;
    seen_[seen_count_++] = r->type;
  }
  is_new_ = is_new_ || type.group == unknown_group;
  type.window_count++;
  type.window_run_ns += r->run_ns;
  if (++window_count_ < window_requests_)
    return false;
  const bool due = !reserved_yet_ || is_new_ || (slow_ && demand_has_moved());
  if (due)
    regroup();
  close_window();
  return due;
}

/// The share of a type in all run time is no longer what its workers were reserved for.
bool Darc::demand_has_moved() const {
  double total_ns = 0;
  for (uint32_t i = 0; i < seen_count_; i++)
    total_ns += static_cast<double>(types_[seen_[i]].window_run_ns);
  for (uint32_t i = 0; i < seen_count_; i++) {
    const Type &type = types_[seen_[i]];
    const double demand = static_cast<double>(type.window_run_ns) / std::max(total_ns, 1.0);
    if (std::fabs(demand - type.demand) > demand_change_)
      return true;
  }
  return false;
}

/// Groups types of similar service times, shortest first, and reserves workers by their demand:
/// Algorithm 2 of the paper.
void Darc::regroup() {
  double total_ns = 0;
  for (uint32_t i = 0; i < seen_count_; i++) {
    Type &type = types_[seen_[i]];
    total_ns += static_cast<double>(type.window_run_ns);
    if (type.window_count != 0)
      type.service_ns = window_service_ns(type);
  }
  std::sort(seen_.get(), seen_.get() + seen_count_, [this](uint32_t a, uint32_t b) {
    const double at_a = types_[a].service_ns;
    const double at_b = types_[b].service_ns;
    return at_a != at_b ? at_a < at_b : a < b;
  });
  uint32_t wanted[group_count_max];
  uint32_t groups = 0;
  for (uint32_t i = 0; i < seen_count_ && groups < group_count_max;) {
    const double shortest_ns = types_[seen_[i]].service_ns;
    double demand = 0;
    for (; i < seen_count_ && (types_[seen_[i]].service_ns <= shortest_ns * similarity_ ||
                               groups == group_count_max - 1);
         i++) {
      Type &type = types_[seen_[i]];
      type.group = groups;
      type.demand = static_cast<double>(type.window_run_ns) / std::max(total_ns, 1.0);
      demand += type.demand;
    }
    const double share = std::floor(demand * worker_count_ + 0.5);
    wanted[groups++] = std::max(1u, static_cast<uint32_t>(share));
  }
  reserve(wanted, groups);
  reserved_yet_ = true;
}

void Darc::close_window() {
  for (uint32_t i = 0; i < seen_count_; i++) {
    Type &type = types_[seen_[i]];
    if (type.service_ns == 0 && type.window_count != 0)
      type.service_ns = window_service_ns(type);
    type.window_count = 0;
    type.window_run_ns = 0;
  }
  window_count_ = 0;
  is_new_ = false;
  slow_ = false;
}

} // namespace darc
