// rpc.hpp - one eRPC endpoint, client and server, without any I/O of its own.
//
// Bytes and time come in (`on_packet`, `on_sm`, `advance`), bytes go out through Backend and
// SmChannel, and `next_timer_ns` says when to come back. One thread drives an Rpc; the exceptions
// are `post_response` and `deliver_sm`.
#pragma once
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rpc/backend.hpp"
#include "rpc/buffer.hpp"
#include "rpc/counters.hpp"
#include "rpc/options.hpp"

namespace sledge::rpc {

class Rpc;
struct Session;
struct ClientSlot;
struct ServerSlot;

enum class Status : uint8_t {
  ok,
  invalid_argument,   ///< type 255, too large, bad options, own endpoint
  no_session,         ///< no such session, or not a client session
  not_connected,      ///< in the wrong state for this
  busy,               ///< calls are pending
  already,            ///< under way
  no_ring_entries,    ///< this Rpc has all the sessions it may have
  backlog_full,       ///< window and backlog are full
  deadline,           ///< the call's deadline passed
  peer_lost,          ///< the peer stopped answering
  response_too_large, ///< larger than `response_bytes_max`
  out_of_memory,      ///< beyond `memory_bytes_max`
  stale,              ///< the request or its session is gone
  unresolved,         ///< the host name has no address
};

const char *status_name(Status status);

enum class SessionEvent : uint8_t { connected, connect_failed, disconnected, peer_lost };

struct SessionHandler {
  void (*fn)(void *context, uint16_t session, SessionEvent event, SmError error) = nullptr;
  void *context = nullptr;
};

/// The end of a call. `data` is valid during the callback; `take` keeps it.
struct CallResult {
  Status status = Status::ok;
  std::span<const uint8_t> data;
  Buffer *assembled = nullptr; ///< set when the response came in several packets

  /// The response as owned memory. Empty without memory.
  Buffer take() const;
};

struct Completion {
  void (*fn)(void *context, uint64_t tag, const CallResult &result) = nullptr;
  void *context = nullptr;
  uint64_t tag = 0;
};

/// Names one request on the server until it is answered. Plain data, safe to keep and to pass.
struct RequestHandle {
  uint64_t request_number = 0;
  uint64_t session_serial = 0;
  uint16_t session = kSessionInvalid;
};

/// A whole request. `data` is valid during the handler; `take` keeps it.
struct Request {
  RequestHandle handle;
  uint8_t type = 0;
  uint16_t client_sm_port = 0;
  std::span<const uint8_t> data;
  Buffer *assembled = nullptr;

  Buffer take() const;
};

struct RequestHandler {
  void (*fn)(void *context, Rpc &rpc, const Request &request) = nullptr;
  void *context = nullptr;
};

/// The client of a request that waits for its answer is gone; the answer would be `stale`.
struct AbandonedHandler {
  void (*fn)(void *context, const RequestHandle &request) = nullptr;
  void *context = nullptr;
};

class Rpc {
 public:
  Rpc(const RpcOptions &options, Backend &backend, SmChannel &sm);
  ~Rpc();
  Rpc(const Rpc &) = delete;
  Rpc &operator=(const Rpc &) = delete;

  /// What is wrong with `options`, or null.
  static const char *check(const RpcOptions &options);

  /// Handler of one request type (0 to 254). Requests of other types go to the default handler,
  /// and without one get an empty response.
  Status set_handler(uint8_t type, RequestHandler handler);
  void set_default_handler(RequestHandler handler) { default_handler_ = handler; }
  void set_session_handler(SessionHandler handler) { session_handler_ = handler; }
  void set_abandoned_handler(AbandonedHandler handler) { abandoned_handler_ = handler; }

  /// Begins to connect; the session handler tells the end. A host name is resolved here, blocking.
  Status create_session(const std::string &host, uint16_t sm_port, uint8_t remote_rpc_id,
                        uint16_t &session);
  /// Begins to disconnect an idle client session.
  Status destroy_session(uint16_t session);
  bool is_connected(uint16_t session) const;
  uint32_t session_count() const { return session_count_; }
  uint32_t session_count_max() const { return options_.rx_ring_entries / options_.credits; }

  /// Sends a request; `completion` runs exactly once, on this thread and never inside this call,
  /// if the answer is ok. `deadline_ns` is on the clock that drives the Rpc.
  Status call(uint16_t session, uint8_t type, std::span<const uint8_t> request,
              Completion completion, uint64_t deadline_ns = kNever);
  Status call(uint16_t session, uint8_t type, Buffer &&request, Completion completion,
              uint64_t deadline_ns = kNever);

  /// Answers a request, once; at any time after its handler was called.
  Status respond(const RequestHandle &handle, std::span<const uint8_t> response);
  Status respond(const RequestHandle &handle, Buffer &&response);
  /// `respond` from any thread; sent in the next turn. `backlog_full` when more responses wait than
  /// there can be requests.
  Status post_response(const RequestHandle &handle, Buffer &&response);

  /// Answers of several packets that their clients are still fetching. Looks at every slot.
  uint32_t responses_unfetched() const;

  /// One turn of the event loop: session management, a burst of packets, stalled calls, timers.
  /// Returns the number of packets received.
  size_t poll(uint64_t now_ns);
  void on_packet(const RxPacket &packet, uint64_t now_ns);
  void on_sm(const SmPacket &packet, uint32_t source_ipv4, uint64_t now_ns);
  void advance(uint64_t now_ns);
  uint64_t next_timer_ns() const;

  /// Hands over a session-management packet from any thread. False when the inbox is full.
  bool deliver_sm(const SmPacket &packet, uint32_t source_ipv4);

  const RpcOptions &options() const { return options_; }
  const Counters &counters() const { return counters_; }
  uint64_t memory_bytes() const { return memory_bytes_; }
  uint32_t calls_pending() const { return calls_pending_; }

 private:
  struct SmItem {
    SmPacket packet;
    uint32_t source_ipv4;
  };
  struct PostedResponse {
    RequestHandle handle;
    Buffer response;
  };

  // rpc.cpp: sessions, turns, memory
  Session *find(uint16_t number) const;
  Session *add_session(bool client);
  bool reuse_number(uint16_t &number);
  void release_session(Session &session);
  void drain_inboxes();
  bool charge(uint32_t bytes, uint32_t &charged);
  void uncharge(uint32_t &charged);
  void log(LogLevel level, const Session &session, const char *what);
  uint64_t random();
  void send(const Session &session, const PacketHeader &header, std::span<const uint8_t> data);
  void send_control(const Session &session, const PacketHeader &header);

  // rpc_sm.cpp: connect and disconnect
  void on_connect_request(const SmPacket &packet, uint32_t source_ipv4);
  SmError accept_session(const SmPacket &packet, Session *&session);
  void reset_earlier_life(const SmPacket &packet);
  bool evict_silent_session();
  void on_disconnect_request(const SmPacket &packet, uint32_t source_ipv4);
  void on_connect_response(const SmPacket &packet);
  void on_disconnect_response(const SmPacket &packet);
  Session *client_session_of(const SmPacket &packet);
  void send_sm_request(Session &session);
  void reply_sm(const SmPacket &request, SmType type, SmError error, uint32_t source_ipv4);
  void advance_sm();
  void end_client_session(Session &session, SessionEvent event, SmError error);
  void sweep_server_sessions();

  // rpc_client.cpp: calls
  Status start_call(Session &session, Buffer &&request, bool copy, std::span<const uint8_t> bytes,
                    uint8_t type, Completion completion, uint64_t deadline_ns);
  void begin(Session &session, ClientSlot &slot, uint8_t type, Completion completion,
             uint64_t deadline_ns);
  void kick(ClientSlot &slot);
  void send_request_packet(const ClientSlot &slot, uint32_t packet_number);
  void send_rfr(const ClientSlot &slot, uint32_t packet_number);
  void on_answer(Session &session, const PacketHeader &header, const RxPacket &packet);
  bool expected_answer(const ClientSlot &slot, const PacketHeader &header) const;
  bool accept_response(ClientSlot &slot, const PacketHeader &header, const RxPacket &packet,
                       Status &failure);
  bool begin_response(ClientSlot &slot, const PacketHeader &header, Status &failure);
  void made_progress(ClientSlot &slot);
  void finish(ClientSlot &slot, Status status, std::span<const uint8_t> data);
  void complete(ClientSlot &slot, const CallResult &result);
  void serve_backlog(Session &session);
  void serve_stalled();
  void advance_client();
  void expire_deadlines();
  void go_back(ClientSlot &slot);
  void lose_peer(Session &session);
  void note_deadline(uint64_t deadline_ns);
  void link_active(ClientSlot &slot);
  void unlink_active(ClientSlot &slot);

  // rpc_server.cpp: requests
  void on_request(Session &session, const PacketHeader &header, const RxPacket &packet);
  bool begin_request(Session &session, ServerSlot &slot, const PacketHeader &header);
  void repeat_answer(Session &session, ServerSlot &slot, const PacketHeader &header);
  void append_request(Session &session, ServerSlot &slot, const PacketHeader &header,
                      const RxPacket &packet);
  void on_rfr(Session &session, const PacketHeader &header);
  void run_handler(Session &session, ServerSlot &slot, std::span<const uint8_t> data);
  void send_response_packet(const Session &session, ServerSlot &slot, uint32_t index);
  bool charge_server(uint32_t bytes, uint32_t &charged);
  ServerSlot *slot_of(const RequestHandle &handle, Session *&session);
  Status answer(Session &session, ServerSlot &slot);
  void release_response(ServerSlot &slot);

  RpcOptions options_;
  Backend &backend_;
  SmChannel &sm_;
  uint64_t now_ns_ = 0;
  uint64_t random_state_;
  std::array<RequestHandler, 256> handlers_{};
  RequestHandler default_handler_;
  SessionHandler session_handler_;
  AbandonedHandler abandoned_handler_;
  Counters counters_;

  std::vector<std::unique_ptr<Session>> sessions_;  ///< by number minus the first number
  std::vector<std::unique_ptr<Session>> graveyard_; ///< freed at the end of the turn
  std::deque<uint16_t> freed_numbers_;
  std::unordered_map<uint64_t, uint16_t> numbers_by_token_;
  std::vector<uint64_t> tokens_; ///< by number minus the first number, kept after the session
  std::vector<uint16_t> sm_pending_;
  uint16_t first_session_ = 0;
  uint32_t session_count_ = 0;
  uint64_t session_serial_ = 0;

  ClientSlot *active_first_ = nullptr; ///< oldest progress first
  ClientSlot *active_last_ = nullptr;
  std::deque<ClientSlot *> stalled_;
  std::vector<uint16_t> sessions_lost_;
  uint64_t earliest_deadline_ns_ = kNever;
  uint64_t sweep_ns_ = 0;
  uint32_t calls_pending_ = 0;
  uint32_t partial_requests_ = 0;
  uint64_t memory_bytes_ = 0;

  std::atomic<bool> inbox_filled_{false};
  std::mutex inbox_lock_;
  std::deque<SmItem> sm_inbox_;
  std::deque<PostedResponse> response_inbox_;
  uint64_t inbox_drops_ = 0;
};

} // namespace sledge::rpc
