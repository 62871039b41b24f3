#include "load/rpc_generator.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <random>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "load/rpc_answer.hpp"

namespace sledge::load {
namespace {

constexpr uint64_t connect_limit_ns = 2'000'000'000;
constexpr uint32_t connect_tries = 15; // of 100 ms: a server that is not there is known by then
constexpr uint64_t open_again_after_ns = 100'000'000;
constexpr uint64_t close_limit_ns = 300'000'000;
constexpr uint64_t patience_ns_min = 1'000'000'000;
constexpr uint64_t longest_wait_ns = 100'000'000;
constexpr uint64_t ns_per_second = 1'000'000'000;
constexpr uint32_t turns_per_management_look = 64; // a look is a system call
constexpr uint32_t session_bits = 16;
constexpr size_t argument_bytes_at = 16; // in the header of a request, see rpc_format.hpp

/// Address from which packets to the server leave; 0: there is no way to it.
uint32_t local_address(const Plan &plan) {
  const int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) {
    return 0;
  }
  sockaddr_in own{};
  socklen_t bytes = sizeof own;
  const auto *server = reinterpret_cast<const sockaddr *>(&plan.address);
  const bool known = connect(file, server, plan.address_bytes) == 0 &&
                     getsockname(file, reinterpret_cast<sockaddr *>(&own), &bytes) == 0;
  close(file);
  return known ? ntohl(own.sin_addr.s_addr) : 0;
}

/// The digits are part of the arguments, whose length the header tells.
void lengthen_arguments(std::string &message, size_t bytes) {
  uint32_t length = 0;
  std::memcpy(&length, message.data() + argument_bytes_at, sizeof length);
  length += static_cast<uint32_t>(bytes);
  std::memcpy(message.data() + argument_bytes_at, &length, sizeof length);
}

} // namespace

RpcGenerator::RpcGenerator(const Plan &plan, std::span<const Scheduled> schedule,
                           std::span<Result> results)
    : plan_(plan), schedule_(schedule), results_(results) {}

RpcGenerator::~RpcGenerator() {
  if (rpc_ != nullptr) {
    endpoint_->detach(*rpc_);
  }
}

uint64_t RpcGenerator::now() const {
  return monotonic_ns() - start_ns_;
}

rpc::RpcOptions RpcGenerator::options_of(uint32_t local_ipv4) const {
  const RpcPlan &wanted = plan_.rpc;
  rpc::RpcOptions options;
  options.host = rpc::format_ipv4(local_ipv4);
  options.sm_port = channel_->port();
  options.request_window = wanted.window;
  options.credits = wanted.credits;
  options.rx_ring_entries = std::max(wanted.ring_entries, plan_.connections * wanted.credits);
  options.rss_queues = wanted.rss_queues;
  options.response_bytes_max = wanted.response_bytes_max;
  options.sm_retry_limit = connect_tries;
  const uint64_t patience_ns = std::max(plan_.timeout_ns, patience_ns_min);
  options.retry_limit =
      static_cast<uint32_t>(std::min<uint64_t>(patience_ns / options.retransmit_ns, UINT32_MAX));
  std::random_device random; // its peers must not take it for an earlier life
  options.seed = uint64_t{random()} << 32 | random();
  return options;
}

bool RpcGenerator::open_sockets(std::string &error) {
  const auto *server = reinterpret_cast<const sockaddr_in *>(&plan_.address);
  host_ = rpc::format_ipv4(ntohl(server->sin_addr.s_addr));
  port_ = ntohs(server->sin_port);
  const uint32_t local_ipv4 = local_address(plan_);
  if (local_ipv4 == 0) {
    error = "there is no way to " + host_ + ": " + std::strerror(errno);
    return false;
  }
  channel_ = rpc::UdpChannel::open(local_ipv4, plan_.rpc.client_port, error);
  backend_ = channel_ == nullptr ? nullptr : rpc::UdpBackend::open({local_ipv4}, error);
  if (backend_ == nullptr) {
    return false;
  }
  const rpc::RpcOptions options = options_of(local_ipv4);
  if (const char *wrong = rpc::Rpc::check(options)) {
    error = wrong;
    return false;
  }
  rpc_ = std::make_unique<rpc::Rpc>(options, *backend_, *channel_);
  rpc_->set_session_handler({on_session, this});
  endpoint_ = std::make_unique<rpc::Endpoint>(*channel_);
  endpoint_->attach(*rpc_);
  return true;
}

bool RpcGenerator::prepare(std::string &error) {
  start_ns_ = monotonic_ns();
  if (!open_sockets(error)) {
    return false;
  }
  sessions_.resize(plan_.connections);
  for (size_t at = 0; at < sessions_.size(); at += 1) {
    sessions_[at].remote_rpc = static_cast<uint8_t>(at % plan_.rpc.remote_rpcs);
  }
  open_shut(now());
  while (connecting_ > 0 && now() < connect_limit_ns) {
    turn();
    wait(connect_limit_ns, now());
  }
  open_again_ns_ = 0;
  return true;
}

void RpcGenerator::open_shut(uint64_t now_ns) {
  open_again_ns_ = now_ns + open_again_after_ns;
  for (Session &session : sessions_) {
    if (session.state != Session::State::shut) {
      continue;
    }
    connects_ += 1;
    if (rpc_->create_session(host_, port_, session.remote_rpc, session.number) != rpc::Status::ok) {
      refuses_ = true;
      return;
    }
    session.state = Session::State::connecting;
    connecting_ += 1;
  }
}

void RpcGenerator::on_session(void *context, uint16_t number, rpc::SessionEvent event,
                              rpc::SmError) {
  static_cast<RpcGenerator *>(context)->session_changed(number, event);
}

/// What was on a lost session has ended before this.
void RpcGenerator::session_changed(uint16_t number, rpc::SessionEvent event) {
  const auto session =
      std::find_if(sessions_.begin(), sessions_.end(), [number](const Session &one) {
        return one.number == number && one.state != Session::State::shut;
      });
  if (session == sessions_.end()) {
    return;
  }
  if (session->state == Session::State::connecting) {
    connecting_ -= 1;
  } else {
    open_ -= 1;
    slots_free_ -= plan_.rpc.outstanding - session->busy;
  }
  session->busy = 0;
  refuses_ = event == rpc::SessionEvent::connect_failed;
  if (event == rpc::SessionEvent::connected) {
    session->state = Session::State::open;
    open_ += 1;
    slots_free_ += plan_.rpc.outstanding;
    return;
  }
  session->state = Session::State::shut;
  session->number = rpc::kSessionInvalid;
}

void RpcGenerator::turn() {
  turns_ += 1;
  if (connecting_ > 0 || turns_ % turns_per_management_look == 0) {
    endpoint_->poll();
  }
  rpc_->poll(monotonic_ns());
}

void RpcGenerator::run() {
  start_ns_ = monotonic_ns();
  for (;;) {
    turn();
    const uint64_t now_ns = now();
    if (open_ + connecting_ < sessions_.size() && now_ns >= open_again_ns_) {
      open_shut(now_ns);
    }
    serve_waiting(now_ns);
    send_due(now_ns);
    backend_->flush();
    end_late(now_ns);
    if (over(now_ns)) {
      break;
    }
    wait(next_event_ns(now_ns), now_ns);
  }
  end_all(now());
  close_sessions();
}

bool RpcGenerator::over(uint64_t now_ns) const {
  const bool sent_all = next_ == schedule_.size() || now_ns >= plan_.end_ns;
  if (sent_all && in_flight_ == 0 && waiting_.empty()) {
    return true;
  }
  const uint64_t last_ns = std::min(
      plan_.end_ns, plan_.closed_loop || schedule_.empty() ? UINT64_MAX : schedule_.back().at_ns);
  return sent_all && now_ns >= last_ns + plan_.grace_ns;
}

uint64_t RpcGenerator::next_event_ns(uint64_t now_ns) const {
  uint64_t next_ns = now_ns + longest_wait_ns;
  if (!plan_.closed_loop && next_ < schedule_.size()) {
    next_ns = std::min(next_ns, schedule_[next_].at_ns);
  }
  if (!sent_.empty()) {
    next_ns = std::min(next_ns, results_[sent_.front()].sent_ns + plan_.timeout_ns);
  }
  const uint64_t timer_ns = rpc_->next_timer_ns();
  return timer_ns == rpc::kNever ? next_ns
                                 : std::min(next_ns, std::max(timer_ns, start_ns_) - start_ns_);
}

void RpcGenerator::wait(uint64_t until_ns, uint64_t now_ns) {
  const uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  if (left_ns <= plan_.spin_ns) {
    return; // the next turn looks without sleeping
  }
  const uint64_t sleep_ns = std::min(left_ns - plan_.spin_ns, longest_wait_ns);
  const timespec limit{static_cast<time_t>(sleep_ns / ns_per_second),
                       static_cast<long>(sleep_ns % ns_per_second)};
  pollfd files[] = {{backend_->descriptor(), POLLIN, 0}, {channel_->descriptor(), POLLIN, 0}};
  if (ppoll(files, 2, &limit, nullptr) > 0 && files[1].revents != 0) {
    endpoint_->poll();
  }
}

void RpcGenerator::send_due(uint64_t now_ns) {
  if (now_ns >= plan_.end_ns) {
    return;
  }
  // What is refused at once is not tried again before the next look at the sessions.
  size_t tries = plan_.closed_loop ? std::max<size_t>(slots_free_, reachable() ? 0 : 1) : SIZE_MAX;
  while (tries > 0 && next_ < schedule_.size() &&
         (plan_.closed_loop || schedule_[next_].at_ns <= now_ns)) {
    submit(next_, now_ns);
    next_ += 1;
    tries -= 1;
  }
}

void RpcGenerator::serve_waiting(uint64_t now_ns) {
  while (!waiting_.empty() && (slots_free_ > 0 || !reachable())) {
    const uint64_t request = waiting_.front();
    waiting_.pop_front();
    submit(request, now_ns);
  }
}

void RpcGenerator::submit(uint64_t request, uint64_t now_ns) {
  if (Session *session = free_session()) {
    send(*session, request, now_ns);
  } else if (!reachable()) {
    results_[request] = {now_ns, now_ns, 0, 0, 0, Outcome::refused, 0};
  } else if (waiting_.size() < plan_.waiting_max) {
    waiting_.push_back(request);
  } else {
    results_[request] = {0, now_ns, 0, 0, 0, Outcome::dropped, 0};
  }
}

/// Sessions take turns; those that are full are passed over.
RpcGenerator::Session *RpcGenerator::free_session() {
  if (slots_free_ == 0) {
    return nullptr;
  }
  for (;;) {
    Session &session = sessions_[cursor_];
    cursor_ = cursor_ + 1 == sessions_.size() ? 0 : cursor_ + 1;
    if (session.state == Session::State::open && session.busy < plan_.rpc.outstanding) {
      return &session;
    }
  }
}

void RpcGenerator::send(Session &session, uint64_t request, uint64_t now_ns) {
  const Scheduled &scheduled = schedule_[request];
  const RequestText &parts = plan_.requests[scheduled.type];
  message_ = parts.before;
  if (parts.has_argument) {
    const std::string digits = std::to_string(scheduled.argument);
    message_ += digits;
    message_ += parts.after;
    if (plan_.rpc.format == transport::RpcFormat::sledge) {
      lengthen_arguments(message_, digits.size());
    }
  }
  message_.resize(std::max<size_t>(message_.size(), parts.padded_bytes));
  const auto index = static_cast<uint64_t>(&session - sessions_.data());
  const std::span bytes(reinterpret_cast<const uint8_t *>(message_.data()), message_.size());
  results_[request].sent_ns = now_ns;
  const rpc::Status status = rpc_->call(session.number, parts.type, bytes,
                                        {on_done, this, request << session_bits | index});
  if (status != rpc::Status::ok) {
    end(request, status == rpc::Status::no_session ? Outcome::closed : Outcome::refused, now_ns);
    return;
  }
  session.busy += 1;
  slots_free_ -= 1;
  in_flight_ += 1;
  sent_.push_back(request);
}

void RpcGenerator::on_done(void *context, uint64_t tag, const rpc::CallResult &result) {
  auto &self = *static_cast<RpcGenerator *>(context);
  Session &session = self.sessions_[tag & ((1u << session_bits) - 1)];
  session.busy -= 1;
  self.slots_free_ += 1;
  self.finish(tag >> session_bits, result);
}

void RpcGenerator::finish(uint64_t request, const rpc::CallResult &result) {
  Result &told = results_[request];
  if (told.outcome != Outcome::never_sent) {
    return; // it had timed out, and only its slot is free now
  }
  in_flight_ -= 1;
  const uint64_t now_ns = now();
  if (result.status != rpc::Status::ok) {
    const bool lost = result.status == rpc::Status::peer_lost;
    return end(request, lost ? Outcome::closed : Outcome::malformed, now_ns);
  }
  const auto answer = read_answer(plan_.rpc.format, result.data);
  if (!answer) {
    return end(request, Outcome::malformed, now_ns);
  }
  told.service_ns = answer->service_ns;
  told.body_bytes = answer->output_bytes;
  told.status = answer->error;
  end(request, Outcome::answered, now_ns);
}

void RpcGenerator::end(uint64_t request, Outcome outcome, uint64_t now_ns) {
  results_[request].end_ns = now_ns;
  results_[request].outcome = outcome;
}

void RpcGenerator::end_late(uint64_t now_ns) {
  while (!sent_.empty()) {
    const Result &oldest = results_[sent_.front()];
    if (oldest.outcome == Outcome::never_sent) {
      if (oldest.sent_ns + plan_.timeout_ns > now_ns) {
        return;
      }
      in_flight_ -= 1;
      end(sent_.front(), Outcome::timed_out, now_ns);
    }
    sent_.pop_front();
  }
}

void RpcGenerator::end_all(uint64_t now_ns) {
  for (const uint64_t request : sent_) {
    if (results_[request].outcome == Outcome::never_sent) {
      end(request, Outcome::unanswered, now_ns);
    }
  }
}

/// A session with calls under way cannot be closed; the server finds that it is silent.
void RpcGenerator::close_sessions() {
  uint32_t left = 0;
  for (const Session &session : sessions_) {
    if (session.state == Session::State::open &&
        rpc_->destroy_session(session.number) == rpc::Status::ok) {
      left += 1;
    }
  }
  const uint64_t limit_ns = now() + close_limit_ns;
  const uint32_t before = open_;
  while (before - open_ < left && now() < limit_ns) {
    endpoint_->poll();
    rpc_->poll(monotonic_ns());
    wait(limit_ns, now());
  }
}

} // namespace sledge::load
