#include "load/generator.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.hpp"

namespace sledge::load {
namespace {

constexpr uint64_t connect_limit_ns = 2'000'000'000;
constexpr uint64_t longest_wait_ns = 100'000'000;
constexpr uint64_t ns_per_second = 1'000'000'000;

} // namespace

Generator::Generator(const Plan &plan, std::span<const Scheduled> schedule,
                     std::span<Result> results)
    : plan_(plan), schedule_(schedule), results_(results) {}

Generator::~Generator() {
  connections_.clear();
  if (poll_file_ >= 0) {
    close(poll_file_);
  }
}

uint64_t Generator::now() const {
  return monotonic_ns() - start_ns_;
}

bool Generator::prepare(std::string &error) {
  poll_file_ = epoll_create1(EPOLL_CLOEXEC);
  if (poll_file_ < 0) {
    error = std::string("epoll: ") + std::strerror(errno);
    return false;
  }
  start_ns_ = monotonic_ns();
  for (uint32_t index = 0; index < plan_.connections; index += 1) {
    connections_.push_back(std::make_unique<Connection>(index));
    connects_ += 1;
    if (!connections_.back()->connect(plan_, poll_file_)) {
      shut_.push_back(index);
    }
  }
  while (idle_.size() + shut_.size() < connections_.size() && now() < connect_limit_ns) {
    wait(connect_limit_ns, now());
  }
  return true;
}

void Generator::run() {
  start_ns_ = monotonic_ns();
  for (;;) {
    uint64_t now_ns = now();
    if (plan_.closed_loop) {
      refill(now_ns);
    } else {
      release_due(now_ns);
    }
    end_late(now_ns);
    if (over(now_ns)) {
      break;
    }
    wait(next_event_ns(now_ns), now_ns);
  }
  end_all(now());
}

bool Generator::over(uint64_t now_ns) const {
  const bool sent_all = next_ == schedule_.size() || now_ns >= plan_.end_ns;
  if (sent_all && in_flight_ == 0 && waiting_.empty()) {
    return true;
  }
  const uint64_t last_ns = std::min(
      plan_.end_ns, plan_.closed_loop || schedule_.empty() ? UINT64_MAX : schedule_.back().at_ns);
  return sent_all && now_ns >= last_ns + plan_.grace_ns;
}

uint64_t Generator::next_event_ns(uint64_t now_ns) const {
  uint64_t next_ns = now_ns + longest_wait_ns;
  if (!plan_.closed_loop && next_ < schedule_.size()) {
    next_ns = std::min(next_ns, schedule_[next_].at_ns);
  }
  if (oldest_ != nullptr) {
    next_ns = std::min(next_ns, oldest_->since_ns + plan_.timeout_ns);
  }
  return next_ns;
}

void Generator::wait(uint64_t until_ns, uint64_t now_ns) {
  std::array<epoll_event, 256> events;
  const uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  timespec limit{};
  if (left_ns > plan_.spin_ns) {
    const uint64_t sleep_ns = left_ns - plan_.spin_ns;
    limit.tv_sec = static_cast<time_t>(sleep_ns / ns_per_second);
    limit.tv_nsec = static_cast<long>(sleep_ns % ns_per_second);
  }
  const int count =
      epoll_pwait2(poll_file_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  for (int at = 0; at < count; at += 1) {
    const uint64_t tag = events[at].data.u64;
    Connection &connection = *connections_[static_cast<uint32_t>(tag)];
    if (connection.tag() == tag) { // else it was made anew since
      on_news(connection, events[at].events);
    }
  }
}

void Generator::release_due(uint64_t now_ns) {
  while (next_ < schedule_.size() && schedule_[next_].at_ns <= now_ns && now_ns < plan_.end_ns) {
    submit(next_, now_ns);
    next_ += 1;
  }
}

void Generator::refill(uint64_t now_ns) {
  if (now_ns >= plan_.end_ns) {
    return;
  }
  // What a refused connection ends is not tried again before the next look at the others.
  size_t tries = idle_.size() + shut_.size();
  while (tries > 0 && next_ < schedule_.size() && (!idle_.empty() || !shut_.empty())) {
    submit(next_, now_ns);
    next_ += 1;
    tries -= 1;
  }
}

void Generator::submit(uint64_t request, uint64_t now_ns) {
  while (!idle_.empty()) {
    Connection &connection = *connections_[idle_.back()];
    idle_.pop_back();
    if (connection.state() == Connection::State::idle) {
      start(connection, request, now_ns);
      return;
    }
  }
  if (!shut_.empty()) {
    const uint32_t index = shut_.back();
    shut_.pop_back();
    connects_ += 1;
    Connection &connection = *connections_[index];
    if (connection.connect(plan_, poll_file_)) {
      start(connection, request, now_ns);
      return;
    }
    shut_.push_back(index);
    results_[request] = {now_ns, now_ns, 0, 0, 0, Outcome::refused, 0};
    return;
  }
  if (waiting_.size() < plan_.waiting_max) {
    waiting_.push_back(request);
  } else {
    results_[request] = {0, now_ns, 0, 0, 0, Outcome::dropped, 0};
  }
}

bool Generator::start(Connection &connection, uint64_t request, uint64_t now_ns) {
  connection.assign(request, text_of(request));
  results_[request].sent_ns = now_ns;
  in_flight_ += 1;
  link(connection, now_ns);
  if (connection.state() == Connection::State::busy && !connection.flush()) {
    connection.shut();
    finish(connection, Outcome::closed, now_ns);
    return false;
  }
  return true;
}

std::string Generator::text_of(uint64_t request) const {
  const Scheduled &scheduled = schedule_[request];
  const RequestText &parts = plan_.requests[scheduled.type];
  if (!parts.has_argument) {
    return parts.before;
  }
  std::string text = parts.before + std::to_string(scheduled.argument) + parts.after;
  if (parts.deadline_us_per_argument > 0) {
    const double deadline_us = std::ceil(scheduled.argument * parts.deadline_us_per_argument);
    const double longest = 1e9;
    text += std::to_string(static_cast<uint64_t>(std::clamp(deadline_us, 1.0, longest)));
    text += parts.tail;
  }
  return text;
}

void Generator::on_news(Connection &connection, uint32_t events) {
  const bool had_request = connection.request() != no_request;
  const uint32_t index = connection.index();
  switch (connection.handle(events)) {
  case Event::nothing:
    return;
  case Event::connected:
    if (!had_request) {
      idle_.push_back(index);
      return;
    }
    results_[connection.request()].sent_ns = now();
    if (!connection.flush()) {
      connection.shut();
      finish(connection, Outcome::closed, now());
    }
    return;
  case Event::answered:
    finish(connection, Outcome::answered, now());
    return;
  case Event::failed:
    if (had_request) {
      finish(connection, connection.failure(), now());
    } else {
      std::erase(idle_, index);
      shut_.push_back(index);
    }
    return;
  }
}

void Generator::finish(Connection &connection, Outcome outcome, uint64_t now_ns) {
  Result &result = results_[connection.request()];
  result.end_ns = now_ns;
  result.outcome = outcome;
  result.status = connection.status();
  result.body_bytes = connection.body_bytes();
  in_flight_ -= 1;
  unlink(connection);
  connection.end_request();
  free_again(connection, now_ns);
}

/// Whoever has waited longest takes the connection.
void Generator::free_again(Connection &connection, uint64_t now_ns) {
  const bool idle = connection.state() == Connection::State::idle;
  (idle ? idle_ : shut_).push_back(connection.index());
  if (serving_waiting_) {
    return; // what a broken connection ends inside the loop below goes on there
  }
  serving_waiting_ = true;
  while (!closing_ && !waiting_.empty() && (!idle_.empty() || !shut_.empty())) {
    const uint64_t request = waiting_.front();
    waiting_.pop_front();
    submit(request, now_ns);
  }
  serving_waiting_ = false;
}

void Generator::end_late(uint64_t now_ns) {
  while (oldest_ != nullptr && oldest_->since_ns + plan_.timeout_ns <= now_ns) {
    Connection &connection = *oldest_;
    connection.shut();
    finish(connection, Outcome::timed_out, now_ns);
  }
}

void Generator::end_all(uint64_t now_ns) {
  closing_ = true;
  while (oldest_ != nullptr) {
    Connection &connection = *oldest_;
    connection.shut();
    finish(connection, Outcome::unanswered, now_ns);
  }
}

void Generator::link(Connection &connection, uint64_t now_ns) {
  connection.since_ns = now_ns;
  connection.older = newest_;
  connection.newer = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &connection;
  newest_ = &connection;
}

void Generator::unlink(Connection &connection) {
  (connection.older == nullptr ? oldest_ : connection.older->newer) = connection.newer;
  (connection.newer == nullptr ? newest_ : connection.newer->older) = connection.older;
  connection.older = nullptr;
  connection.newer = nullptr;
}

} // namespace sledge::load
