#include "transport/rpc_poller.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/clock.hpp"
#include "sledge/module_abi.h"
#include "transport/rpc_poller_bell.hpp"
#include "transport/rpc_turns.hpp"

namespace sledge::transport {

using dataplane::Invocation;
using dataplane::now_ns;
using dataplane::Status;

namespace {

constexpr size_t outcomes_per_turn_max = 256;
constexpr uint64_t deadline_us_max = 86'400'000'000; // a day, as over HTTP
constexpr size_t argument_bytes_max = 64u << 10;

sledge_error error_of(const Invocation &invocation) {
  const auto detail = static_cast<sledge_error>(invocation.detail);
  switch (invocation.status) {
  case Status::completed:
    return SLEDGE_OK;
  case Status::exited:
    return SLEDGE_ERR_INVOKE_EXITED;
  case Status::trapped:
    return invocation.detail == SLEDGE_TRAP_STACK_OVERFLOW ? SLEDGE_ERR_INVOKE_STACK_LIMIT
                                                           : SLEDGE_ERR_INVOKE_TRAPPED;
  case Status::output_limit:
    return SLEDGE_ERR_INVOKE_OUTPUT_LIMIT;
  case Status::timed_out:
    return detail != SLEDGE_OK ? detail : SLEDGE_ERR_INVOKE_TIME_LIMIT;
  case Status::cancelled:
  case Status::dropped:
  case Status::failed:
    break;
  }
  return detail != SLEDGE_OK ? detail : SLEDGE_ERR_INTERNAL;
}

RpcEnd end_of(const Invocation &invocation) {
  const uint64_t started_ns = invocation.start_ns != 0 ? invocation.start_ns : invocation.end_ns;
  const bool says_how = invocation.status == Status::exited || invocation.status == Status::trapped;
  RpcEnd end;
  end.error = error_of(invocation);
  end.detail = says_how ? invocation.detail : 0;
  end.queue_ns = started_ns - invocation.arrival_ns;
  end.run_ns = invocation.run_ns;
  end.total_ns = invocation.end_ns - invocation.arrival_ns;
  if (invocation.deadline_ns != SLEDGE_NO_DEADLINE) {
    end.slack_ns = static_cast<int64_t>(invocation.deadline_ns - invocation.end_ns);
  }
  end.output = {invocation.buffer, invocation.output_bytes};
  return end;
}

RpcEnd failure(sledge_error error) {
  RpcEnd end;
  end.error = error;
  return end;
}

} // namespace

bool RpcPoller::open(std::string &error) {
  bell_ = std::make_shared<Bell>();
  if (bell_->descriptor < 0) {
    error = std::string("eventfd: ") + std::strerror(errno);
    return false;
  }
  intake_ = plane_.add_intake(bell_);
  if (intake_ == nullptr) {
    error = "the data plane has no place for another poller";
    return false;
  }
  pending_.resize(plane_.invocation_count());
  awaited_.push_back({bell_->descriptor, POLLIN, 0});
  return true;
}

bool RpcPoller::add(RpcListener &listener, std::string &error) {
  auto port = std::make_unique<Port>();
  port->poller = this;
  port->listener = &listener;
  port->backend = listener.backend(options_.number, port->descriptor, error);
  if (port->backend == nullptr) {
    return false;
  }
  rpc::RpcOptions rpc = listener.options().rpc;
  rpc.rpc_id = static_cast<uint8_t>(options_.number);
  rpc.sm_port = listener.sm_port();
  rpc.seed += options_.number;
  rpc.logger = {on_log, this};
  if (const char *wrong = rpc::Rpc::check(rpc)) {
    error = wrong;
    return false;
  }
  port->rpc = std::make_unique<rpc::Rpc>(rpc, *port->backend, listener.channel());
  port->rpc->set_default_handler({on_request, port.get()});
  port->rpc->set_abandoned_handler({on_abandoned, port.get()});
  may_sleep_ = may_sleep_ && port->descriptor >= 0;
  awaited_.push_back({port->descriptor, POLLIN, 0});
  awaited_.push_back({listener.channel().descriptor(), POLLIN, 0});
  listener.endpoint().attach(*port->rpc);
  ports_.push_back(std::move(port));
  return true;
}

bool RpcPoller::start(std::string &error) {
  stand_in_awaited_ = awaited_;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread_, nullptr, thread_main, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  joinable_ = failed == 0;
  if (failed == 0 && options_.core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<size_t>(options_.core), &cores);
    failed = pthread_setaffinity_np(thread_, sizeof cores, &cores);
  }
  if (failed != 0) {
    error = std::string("a poller's thread: ") + std::strerror(failed);
  }
  if (failed == 0 && options_.is_inline) {
    plane_.set_idle_work(options_.number, this);
  }
  return failed == 0;
}

void RpcPoller::drain() {
  intake_->close();
  unfetched_.store(1, std::memory_order_release); // until it has looked
  draining_.store(true, std::memory_order_seq_cst);
  bell_->wake();
}

void RpcPoller::stop() {
  if (intake_ != nullptr) {
    intake_->close();
  }
  if (joinable_) {
    if (options_.is_inline) {
      plane_.set_idle_work(options_.number, nullptr);
    }
    stopping_.store(true, std::memory_order_seq_cst);
    bell_->wake();
    pthread_join(thread_, nullptr);
    joinable_ = false;
  }
  for (const auto &port : ports_) {
    port->listener->endpoint().detach(*port->rpc);
  }
  ports_.clear();
}

uint64_t RpcPoller::sum_of(rpc::Counter rpc::Counters::*counter) const {
  uint64_t sum = 0;
  for (const auto &port : ports_) {
    sum += port->rpc->counters().*counter;
  }
  return sum;
}

void *RpcPoller::thread_main(void *self) {
  auto *poller = static_cast<RpcPoller *>(self);
  const std::string name = "sledge-rpc" + std::to_string(poller->options_.number);
  pthread_setname_np(pthread_self(), name.c_str());
  if (poller->options_.is_inline) {
    poller->stand_in();
  }
  poller->loop();
  return nullptr;
}

void RpcPoller::loop() {
  uint64_t busy_ns = now_ns();
  uint64_t end_limit_ns = 0;
  const bool is_polling = always_polls() && !options_.is_inline;
  if (is_polling) {
    plane_.begin_polling();
  }
  while (!may_end(end_limit_ns)) {
    if (take_turn() != 0) {
      busy_ns = now_ns_;
    } else if (!always_polls() && now_ns_ - busy_ns > options_.spin_ns) {
      sleep();
      busy_ns = now_ns();
      turns_ = 0; // management is looked at next
    } else if (intake_->alive() != 0) {
      sched_yield(); // the worker that it waits for may share this core
    }
    if (is_polling) {
      plane_.look_at_timers();
    }
  }
  if (is_polling) {
    plane_.end_polling();
  }
}

/// How much there was to do. Outcomes first: their packets leave with this turn.
size_t RpcPoller::take_turn() {
  now_ns_ = now_ns();
  size_t news = answer_outcomes();
  uint32_t unfetched = 0;
  const bool draining = draining_.load(std::memory_order_relaxed);
  const bool look_at_management = turns_++ % turns_per_management_look == 0;
  for (const auto &port : ports_) {
    if (look_at_management) {
      news += port->listener->endpoint().poll();
    }
    news += port->rpc->poll(now_ns_);
    unfetched += draining ? port->rpc->responses_unfetched() : 0;
  }
  if (draining) {
    unfetched_.store(unfetched, std::memory_order_release);
  }
  return news;
}

uint64_t RpcPoller::until_timer_ns() const {
  uint64_t wait_ns = sleep_max_ns;
  for (const auto &port : ports_) {
    const uint64_t timer_ns = port->rpc->next_timer_ns();
    wait_ns = std::min(wait_ns, timer_ns <= now_ns_ ? 0 : timer_ns - now_ns_);
  }
  return wait_ns;
}

/// Until a packet, an outcome or a timer.
void RpcPoller::sleep() {
  const timespec timeout{0, static_cast<long>(until_timer_ns())};
  bell_->asleep.store(true, std::memory_order_seq_cst);
  intake_->begin_reaping();
  if (intake_->is_empty() && !stopping_.load(std::memory_order_seq_cst)) {
    ::ppoll(awaited_.data(), awaited_.size(), &timeout, nullptr);
  }
  bell_->hear();
}

/// True when it is to stop and everything has been answered, or a worker keeps it for too long.
bool RpcPoller::may_end(uint64_t &limit_ns) {
  if (!stopping_.load(std::memory_order_relaxed)) {
    return false;
  }
  if (limit_ns == 0) {
    limit_ns = now_ns() + options_.stop_limit_ns;
    for (uint32_t index = 0; index < pending_.size(); index++) {
      if (pending_[index].port != nullptr) {
        plane_.cancel(index, pending_[index].generation);
      }
    }
  }
  return intake_->alive() == 0 || now_ns() > limit_ns;
}

void RpcPoller::on_log(void *context, rpc::LogLevel, const char *line) {
  static_cast<RpcPoller *>(context)->log_.line(line);
}

void RpcPoller::on_request(void *context, rpc::Rpc &, const rpc::Request &request) {
  Port &port = *static_cast<Port *>(context);
  RpcPoller &self = *port.poller;
  uint32_t function = 0;
  const int64_t index = self.submit(port, request, function);
  if (index < 0) {
    return self.respond(port, request.handle, failure(static_cast<sledge_error>(-index)));
  }
  const auto at = static_cast<uint32_t>(index);
  const uint32_t generation = self.plane_.invocation(at).load().generation();
  self.pending_[at] = {&port, request.handle, generation, function};
}

int64_t RpcPoller::submit(Port &port, const rpc::Request &request, uint32_t &function) {
  const auto call = parse_call(options_.format, request.data);
  const auto route =
      port.listener->next(request.client_sm_port, request.type, call ? call->input.size() : 0);
  if (!route) {
    return -SLEDGE_ERR_RPC_NO_FUNCTION;
  }
  if (!call || call->deadline_us > deadline_us_max) {
    return -SLEDGE_ERR_RPC_BAD_REQUEST;
  }
  if (call->arguments.size() > argument_bytes_max) {
    return -SLEDGE_ERR_INVOKE_PAYLOAD;
  }
  if (call->input.size() > route->input_bytes_max) {
    return -SLEDGE_ERR_RPC_MESSAGE;
  }
  dataplane::Submission submission;
  function = route->function;
  submission.function = function;
  submission.argc = call->argument_count;
  submission.argv = call->arguments;
  submission.input = call->input;
  submission.relative_deadline_ns = call->deadline_us * 1'000;
  submission.arrival_ns = now_ns_;
  return plane_.submit(*intake_, submission);
}

/// A client that is gone waits for nothing; what runs for it is ended, as over HTTP.
void RpcPoller::on_abandoned(void *context, const rpc::RequestHandle &handle) {
  Port &port = *static_cast<Port *>(context);
  RpcPoller &self = *port.poller;
  for (uint32_t index = 0; index < self.pending_.size(); index++) {
    const Pending &pending = self.pending_[index];
    if (pending.port == &port && pending.handle.session_serial == handle.session_serial &&
        pending.handle.request_number == handle.request_number) {
      return self.plane_.cancel(index, pending.generation);
    }
  }
}

size_t RpcPoller::answer_outcomes() {
  if (intake_->is_empty()) {
    return 0;
  }
  if (draining_.load(std::memory_order_relaxed)) {
    unfetched_.store(1, std::memory_order_release); // what is reaped now has not been sent yet
  }
  intake_->begin_reaping();
  size_t count = 0;
  uint64_t oldest_end_ns = UINT64_MAX;
  while (count < outcomes_per_turn_max) {
    Invocation *invocation = intake_->reap();
    if (invocation == nullptr) {
      break;
    }
    oldest_end_ns = std::min(oldest_end_ns, invocation->end_ns);
    answer(*invocation);
    plane_.recycle(*invocation);
    count++;
  }
  if (count != 0) {
    intake_->note_reply(oldest_end_ns, dataplane::now_ns());
  }
  return count;
}

void RpcPoller::answer(Invocation &invocation) {
  Pending &pending = pending_[invocation.index];
  respond(*pending.port, pending.handle, end_of(invocation));
  pending.port = nullptr;
  if (invocation.status == Status::failed && invocation.detail == SLEDGE_ERR_INVOKE_MODULE) {
    log_.module_lost(pending.function);
  }
  if (invocation.log_bytes != 0) {
    const auto *text = reinterpret_cast<const char *>(invocation.buffer);
    log_.function_log(pending.function, {text + invocation.output_bytes, invocation.log_bytes});
  }
}

/// An output for which there is no memory is answered with an error, which needs none.
void RpcPoller::respond(Port &port, const rpc::RequestHandle &handle, const RpcEnd &end) {
  rpc::Status status = rpc::Status::out_of_memory;
  if (write_answer(options_.format, end, scratch_)) {
    status = scratch_.size() <= rpc::kDataBytesPerPacket
                 ? port.rpc->respond(handle, scratch_.view())
                 : port.rpc->respond(handle, std::move(scratch_));
  }
  if (status == rpc::Status::out_of_memory && !end.output.empty()) {
    respond(port, handle, failure(SLEDGE_ERR_INVOKE_OUTPUT_LIMIT));
  }
}

} // namespace sledge::transport
