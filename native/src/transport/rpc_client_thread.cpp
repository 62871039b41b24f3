#include "transport/rpc_client_thread.hpp"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/clock.hpp"
#include "transport/rpc_turns.hpp"

namespace sledge::transport {

using dataplane::now_ns;

std::unique_ptr<RpcClientThread> RpcClientThread::start(const RpcClientOptions &options,
                                                        dataplane::OutcomeWaker &waker,
                                                        std::string &error) {
  std::unique_ptr<RpcClientThread> client(new RpcClientThread(options, waker));
  if (!client->set_up(error)) {
    return nullptr;
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(&client->thread_, nullptr, thread_main, client.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  client->joinable_ = failed == 0;
  if (failed != 0) {
    error = "no thread for it";
    return nullptr;
  }
  return client;
}

bool RpcClientThread::set_up(std::string &error) {
  if (options_.dpdk) {
    port_ = rpc::DpdkPort::open(options_.dpdk_options, error);
    backend_ = port_ != nullptr ? port_->queue(0) : nullptr;
  } else if (auto udp = rpc::UdpBackend::open(options_.udp, error)) {
    descriptor_ = udp->descriptor();
    backend_ = std::move(udp);
  }
  channel_ = backend_ != nullptr
                 ? rpc::UdpChannel::open(options_.sm_ipv4, options_.rpc.sm_port, error)
                 : nullptr;
  if (channel_ == nullptr) {
    return false;
  }
  rpc::RpcOptions rpc = options_.rpc;
  rpc.sm_port = channel_->port();
  if (const char *wrong = rpc::Rpc::check(rpc)) {
    error = wrong;
    return false;
  }
  bell_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bell_ < 0) {
    error = "eventfd: too many open files";
    return false;
  }
  rpc_ = std::make_unique<rpc::Rpc>(rpc, *backend_, *channel_);
  rpc_->set_session_handler({on_session, this});
  endpoint_ = std::make_unique<rpc::Endpoint>(*channel_);
  endpoint_->attach(*rpc_);
  return true;
}

void RpcClientThread::stop() {
  if (joinable_) {
    stopping_.store(true, std::memory_order_seq_cst);
    eventfd_write(bell_, 1);
    pthread_join(thread_, nullptr);
    joinable_ = false;
  }
  if (endpoint_ != nullptr) {
    endpoint_->detach(*rpc_);
    endpoint_.reset();
  }
  if (bell_ >= 0) {
    ::close(bell_);
    bell_ = -1;
  }
}

bool RpcClientThread::push(Command &&command) {
  {
    const std::lock_guard<std::mutex> guard(lock_);
    if (stopping_.load(std::memory_order_relaxed) || commands_.size() >= options_.commands_max) {
      return false;
    }
    commands_.push_back(std::move(command));
    commanded_.store(true, std::memory_order_seq_cst);
  }
  if (asleep_.exchange(false, std::memory_order_seq_cst)) {
    eventfd_write(bell_, 1);
  }
  return true;
}

bool RpcClientThread::open(const std::string &host, uint16_t sm_port, uint8_t rpc_id,
                           uint64_t tag) {
  Command command;
  command.kind = Command::Kind::open;
  command.host = host;
  command.sm_port = sm_port;
  command.rpc_id = rpc_id;
  command.tag = tag;
  return push(std::move(command));
}

bool RpcClientThread::close(uint16_t session, uint64_t tag) {
  Command command;
  command.kind = Command::Kind::close;
  command.session = session;
  command.tag = tag;
  return push(std::move(command));
}

bool RpcClientThread::call(uint16_t session, uint8_t type, rpc::Buffer &&message,
                           uint64_t relative_deadline_ns, uint64_t tag) {
  Command command;
  command.session = session;
  command.type = type;
  command.message = std::move(message);
  command.deadline_ns = relative_deadline_ns == 0 ? rpc::kNever : now_ns() + relative_deadline_ns;
  command.tag = tag;
  return push(std::move(command));
}

std::vector<RpcEvent> RpcClientThread::take_events() {
  const std::lock_guard<std::mutex> guard(lock_);
  woken_ = false;
  return std::exchange(events_, {});
}

void *RpcClientThread::thread_main(void *self) {
  pthread_setname_np(pthread_self(), "sledge-rpc-cli");
  static_cast<RpcClientThread *>(self)->loop();
  return nullptr;
}

void RpcClientThread::loop() {
  uint64_t busy_ns = now_ns();
  for (uint32_t turn = 0; !stopping_.load(std::memory_order_relaxed); turn++) {
    const bool commanded = commanded_.load(std::memory_order_relaxed);
    if (commanded) {
      take_commands();
    }
    size_t managed = 0;
    if (turn % turns_per_management_look == 0) {
      managed = endpoint_->poll();
    }
    const uint64_t now = now_ns();
    const size_t received = rpc_->poll(now);
    publish();
    if (commanded || received != 0 || managed != 0) {
      busy_ns = now;
    } else if (descriptor_ >= 0 && now - busy_ns > options_.spin_ns) {
      sleep(now);
      busy_ns = now_ns();
      turn = UINT32_MAX; // management is looked at next
    }
  }
}

/// Until a packet, a command or a timer.
void RpcClientThread::sleep(uint64_t now) {
  const uint64_t timer_ns = rpc_->next_timer_ns();
  const uint64_t wait_ns = timer_ns <= now                 ? 0
                           : timer_ns - now < sleep_max_ns ? timer_ns - now
                                                           : sleep_max_ns;
  asleep_.store(true, std::memory_order_seq_cst);
  if (!commanded_.load(std::memory_order_seq_cst)) {
    pollfd entries[] = {
        {descriptor_, POLLIN, 0}, {channel_->descriptor(), POLLIN, 0}, {bell_, POLLIN, 0}};
    const timespec timeout{static_cast<time_t>(wait_ns / 1'000'000'000),
                           static_cast<long>(wait_ns % 1'000'000'000)};
    ::ppoll(entries, 3, &timeout, nullptr);
    eventfd_t rung = 0;
    eventfd_read(bell_, &rung);
  }
  asleep_.store(false, std::memory_order_seq_cst);
}

void RpcClientThread::take_commands() {
  {
    const std::lock_guard<std::mutex> guard(lock_);
    executing_.swap(commands_);
    commanded_.store(false, std::memory_order_seq_cst);
  }
  for (Command &command : executing_) {
    execute(command);
  }
  executing_.clear();
}

void RpcClientThread::execute(Command &command) {
  RpcEvent failed;
  failed.tag = command.tag;
  failed.session = command.session;
  switch (command.kind) {
  case Command::Kind::open: {
    uint16_t session = 0;
    failed.kind = RpcEvent::Kind::open_failed;
    failed.status = rpc_->create_session(command.host, command.sm_port, command.rpc_id, session);
    if (failed.status == rpc::Status::ok) {
      opened_.resize(std::max<size_t>(opened_.size(), session + size_t{1}));
      opened_[session] = {command.tag, 0, true};
      return;
    }
    break;
  }
  case Command::Kind::close:
    failed.kind = RpcEvent::Kind::closed;
    failed.status = rpc_->destroy_session(command.session);
    if (failed.status == rpc::Status::ok) {
      opened_[command.session].close_tag = command.tag;
      return;
    }
    break;
  case Command::Kind::call:
    failed.status = rpc_->call(command.session, command.type, std::move(command.message),
                               {on_answer, this, command.tag}, command.deadline_ns);
    if (failed.status == rpc::Status::ok) {
      return;
    }
    break;
  }
  emit(std::move(failed));
}

void RpcClientThread::on_session(void *context, uint16_t session, rpc::SessionEvent event,
                                 rpc::SmError error) {
  auto &self = *static_cast<RpcClientThread *>(context);
  const Opened &opened = self.opened_[session];
  RpcEvent told;
  told.session = session;
  told.reason = error;
  told.tag = opened.open_tag;
  switch (event) {
  case rpc::SessionEvent::connected:
    told.kind = RpcEvent::Kind::opened;
    break;
  case rpc::SessionEvent::connect_failed:
    told.kind = RpcEvent::Kind::open_failed;
    break;
  case rpc::SessionEvent::disconnected:
    told.kind = RpcEvent::Kind::closed;
    told.tag = opened.close_tag;
    break;
  case rpc::SessionEvent::peer_lost:
    told.kind = RpcEvent::Kind::lost;
    break;
  }
  self.emit(std::move(told));
}

void RpcClientThread::on_answer(void *context, uint64_t tag, const rpc::CallResult &result) {
  RpcEvent answered;
  answered.status = result.status;
  answered.tag = tag;
  answered.data.assign(result.data.begin(), result.data.end());
  static_cast<RpcClientThread *>(context)->emit(std::move(answered));
}

void RpcClientThread::emit(RpcEvent &&event) {
  fresh_.push_back(std::move(event));
}

void RpcClientThread::publish() {
  if (fresh_.empty()) {
    return;
  }
  bool wake = false;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    for (RpcEvent &event : fresh_) {
      events_.push_back(std::move(event));
    }
    wake = !std::exchange(woken_, true);
  }
  fresh_.clear();
  if (wake) {
    waker_.wake();
  }
}

} // namespace sledge::transport
