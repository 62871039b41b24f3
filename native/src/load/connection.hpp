// connection.hpp - one keep-alive connection with at most one request on it.
#pragma once
#include <cstdint>
#include <http_parser.h>
#include <string>

#include "load/plan.hpp"

namespace sledge::load {

inline constexpr uint64_t no_request = UINT64_MAX;

/// What a connection tells after the kernel had news for it.
enum class Event : uint8_t {
  nothing,
  connected, ///< it is ready for a first request
  answered,  ///< the request has its whole answer
  failed     ///< it is shut now; `failure` says how its request ends
};

class Connection {
 public:
  enum class State : uint8_t { shut, connecting, idle, busy };

  explicit Connection(uint32_t index) : index_(index) {}
  ~Connection();
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  /// Begins to connect; false: not even that was possible.
  bool connect(const Plan &plan, int poll_file);
  /// Takes the request; it is written at once, or when the connection is there.
  void assign(uint64_t request, std::string &&text);
  /// Writes what is left. False: the connection is broken.
  bool flush();
  /// After epoll said that something can be done.
  Event handle(uint32_t events);
  void shut();
  /// Becomes idle, or is shut when the server closes after this answer.
  void end_request();

  /// Tells this making of the connection from earlier ones; its low half is the index.
  uint64_t tag() const { return static_cast<uint64_t>(makings_) << 32 | index_; }
  uint32_t index() const { return index_; }
  State state() const { return state_; }
  uint64_t request() const { return request_; }
  Outcome failure() const { return failure_; }
  uint16_t status() const { return status_; }
  uint32_t body_bytes() const { return body_bytes_; }

  // Links of the list of busy ones, oldest first; the generator's.
  Connection *older = nullptr;
  Connection *newer = nullptr;
  uint64_t since_ns = 0;

 private:
  static int on_body(http_parser *parser, const char *at, size_t bytes);
  static int on_complete(http_parser *parser);
  Event receive();
  Event take(const char *data, size_t bytes);
  Event fail(Outcome outcome);
  void watch(bool writable);

  State state_ = State::shut;
  int file_ = -1;
  int poll_file_ = -1;
  const uint32_t index_;
  uint32_t makings_ = 0;
  bool watches_writes_ = false;
  bool complete_ = false;
  bool reusable_ = false;
  Outcome failure_ = Outcome::closed;
  uint16_t status_ = 0;
  uint32_t body_bytes_ = 0;
  uint64_t request_ = no_request;
  std::string text_;
  size_t written_ = 0;
  http_parser parser_{};
};

} // namespace sledge::load
