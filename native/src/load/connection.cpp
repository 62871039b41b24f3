#include "load/connection.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sledge::load {
namespace {

constexpr size_t receive_bytes = 65'536;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// Where nobody listens and the kernel picked that very port for our end, TCP connects the two.
bool is_connected_to_itself(int file) {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_bytes = sizeof own;
  socklen_t peer_bytes = sizeof peer;
  return getsockname(file, reinterpret_cast<sockaddr *>(&own), &own_bytes) == 0 &&
         getpeername(file, reinterpret_cast<sockaddr *>(&peer), &peer_bytes) == 0 &&
         own_bytes == peer_bytes && std::memcmp(&own, &peer, own_bytes) == 0;
}

} // namespace

Connection::~Connection() {
  shut();
}

int Connection::on_body(http_parser *parser, const char *, size_t bytes) {
  static_cast<Connection *>(parser->data)->body_bytes_ += static_cast<uint32_t>(bytes);
  return 0;
}

int Connection::on_complete(http_parser *parser) {
  auto *self = static_cast<Connection *>(parser->data);
  if (parser->status_code / 100 == 1) {
    return 0; // the real answer follows
  }
  self->status_ = static_cast<uint16_t>(parser->status_code);
  self->reusable_ = http_should_keep_alive(parser) != 0;
  self->complete_ = true;
  http_parser_pause(parser, 1);
  return 0;
}

bool Connection::connect(const Plan &plan, int poll_file) {
  const int family = plan.address.ss_family;
  file_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (file_ < 0) {
    return false;
  }
  const int on = 1;
  setsockopt(file_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  poll_file_ = poll_file;
  makings_ += 1;
  const auto *address = reinterpret_cast<const sockaddr *>(&plan.address);
  if (::connect(file_, address, plan.address_bytes) != 0 && errno != EINPROGRESS) {
    shut();
    return false;
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
  event.data.u64 = tag();
  if (epoll_ctl(poll_file, EPOLL_CTL_ADD, file_, &event) != 0) {
    shut();
    return false;
  }
  watches_writes_ = true;
  state_ = State::connecting;
  return true;
}

void Connection::watch(bool writable) {
  if (watches_writes_ == writable) {
    return;
  }
  watches_writes_ = writable;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | (writable ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.u64 = tag();
  epoll_ctl(poll_file_, EPOLL_CTL_MOD, file_, &event);
}

void Connection::assign(uint64_t request, std::string &&text) {
  request_ = request;
  text_ = std::move(text);
  written_ = 0;
  status_ = 0;
  body_bytes_ = 0;
  complete_ = false;
  http_parser_init(&parser_, HTTP_RESPONSE);
  parser_.data = this;
  if (state_ == State::idle) {
    state_ = State::busy;
  }
}

bool Connection::flush() {
  while (written_ < text_.size()) {
    const ssize_t count =
        send(file_, text_.data() + written_, text_.size() - written_, MSG_NOSIGNAL);
    if (count < 0) {
      if (!would_block()) {
        return false;
      }
      watch(true);
      return true;
    }
    written_ += static_cast<size_t>(count);
  }
  watch(false);
  return true;
}

Event Connection::handle(uint32_t events) {
  if (state_ == State::shut) {
    return Event::nothing;
  }
  if (state_ == State::connecting) {
    int failure = 0;
    socklen_t bytes = sizeof failure;
    getsockopt(file_, SOL_SOCKET, SO_ERROR, &failure, &bytes);
    if (failure != 0) {
      return fail(Outcome::refused);
    }
    if ((events & EPOLLOUT) == 0) {
      return Event::nothing;
    }
    if (is_connected_to_itself(file_)) {
      const linger at_once{1, 0}; // the port must not stay taken
      setsockopt(file_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return fail(Outcome::refused);
    }
    state_ = request_ == no_request ? State::idle : State::busy;
    watch(false);
    return Event::connected;
  }
  if ((events & EPOLLOUT) != 0 && !flush()) {
    return fail(Outcome::closed);
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    return receive();
  }
  return Event::nothing;
}

Event Connection::receive() {
  static thread_local char data[receive_bytes];
  for (;;) {
    const ssize_t count = recv(file_, data, sizeof data, 0);
    if (count < 0) {
      return would_block() ? Event::nothing : fail(Outcome::closed);
    }
    if (state_ == State::idle) {
      return fail(Outcome::closed); // closed, or an answer that nobody asked for
    }
    const Event event = take(data, static_cast<size_t>(count));
    if (event != Event::nothing) {
      return event;
    }
    if (count == 0) {
      return fail(Outcome::closed);
    }
  }
}

Event Connection::take(const char *data, size_t bytes) {
  static const http_parser_settings settings = [] {
    http_parser_settings made;
    http_parser_settings_init(&made);
    made.on_body = on_body;
    made.on_message_complete = on_complete;
    return made;
  }();
  const size_t used = http_parser_execute(&parser_, &settings, data, bytes);
  if (complete_) {
    reusable_ = reusable_ && used == bytes && written_ == text_.size();
    return Event::answered;
  }
  const http_errno failure = HTTP_PARSER_ERRNO(&parser_);
  if (failure == HPE_INVALID_EOF_STATE || failure == HPE_OK) {
    return Event::nothing; // the caller knows that it was closed
  }
  return fail(Outcome::malformed);
}

Event Connection::fail(Outcome outcome) {
  failure_ = outcome;
  shut();
  return Event::failed;
}

void Connection::shut() {
  if (file_ >= 0) {
    close(file_);
    file_ = -1;
  }
  state_ = State::shut;
}

void Connection::end_request() {
  request_ = no_request;
  if (state_ != State::busy) {
    return;
  }
  if (reusable_) {
    state_ = State::idle;
  } else {
    shut();
  }
}

} // namespace sledge::load
