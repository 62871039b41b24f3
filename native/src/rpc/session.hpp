// session.hpp - what an Rpc keeps per session and per request slot.
#pragma once
#include <deque>
#include <vector>

#include "rpc/rpc.hpp"

namespace sledge::rpc {

inline constexpr uint32_t kRetainedBytes = 1024; ///< message memory a slot keeps for the next one

struct ClientSlot {
  Session *session = nullptr;
  uint64_t request_number = 0;
  uint64_t progress_ns = 0;
  uint64_t deadline_ns = kNever;
  uint32_t packets_sent = 0;     ///< requests, then RFRs
  uint32_t packets_received = 0; ///< in order: credit returns, then responses
  uint32_t request_packets = 0;
  uint32_t response_packets = 0; ///< 0 until the first response packet
  uint32_t response_bytes = 0;
  uint32_t retries = 0;
  uint32_t response_charge = 0;
  uint8_t type = 0;
  uint8_t rfr_type = 0;
  bool active = false;
  bool stalled = false;
  Buffer request;
  Buffer response;
  Completion completion;
  ClientSlot *previous = nullptr; ///< neighbours in the list of active slots
  ClientSlot *next = nullptr;

  /// Packets that may be sent so far.
  uint32_t packets_known() const {
    return response_packets == 0 ? request_packets : request_packets + response_packets - 1;
  }
};

enum class ServerSlotState : uint8_t { idle, receiving, handling, answered, forgotten };

struct ServerSlot {
  uint64_t request_number = 0;
  uint64_t answered_ns = 0;
  uint32_t packets_received = 0;
  uint32_t request_bytes = 0;
  uint32_t request_packets = 0;
  uint32_t response_packets = 0;
  uint32_t request_charge = 0;
  uint32_t response_charge = 0;
  uint8_t type = 0;
  ServerSlotState state = ServerSlotState::idle;
  Buffer request;
  Buffer response;
};

struct BackloggedCall {
  Buffer request;
  Completion completion;
  uint64_t deadline_ns = kNever;
  uint8_t type = 0;
};

enum class SessionState : uint8_t { connecting, connected, disconnecting };

struct Session {
  bool client = false;
  bool mismatch_logged = false;
  SessionState state = SessionState::connecting;
  uint16_t number = 0;
  uint16_t remote_number = kSessionInvalid;
  uint64_t serial = 0;
  uint64_t token = 0;
  uint64_t heard_ns = 0;
  SessionEndpoint client_endpoint;
  SessionEndpoint server_endpoint;
  Route route;
  SmAddress peer_sm;

  // client
  uint32_t in_flight = 0;      ///< packets sent and not answered
  uint32_t window_packets = 0; ///< rate control: at most this many in flight, at most the credits
  uint32_t window_progress = 0;
  uint32_t sm_retries = 0;
  uint64_t sm_sent_ns = 0;
  bool sm_pending = false;
  std::vector<ClientSlot> client_slots;
  std::vector<uint16_t> free_slots; ///< last in, first out
  std::deque<BackloggedCall> backlog;

  // server
  std::vector<ServerSlot> server_slots;
};

} // namespace sledge::rpc
