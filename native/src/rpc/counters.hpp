// counters.hpp - every event an Rpc counts, declared once with its meaning.
#pragma once
#include <atomic>
#include <cstdint>

// clang-format off
#define SLEDGE_RPC_COUNTERS(X) \
  X(packets_received, "data packets taken from the backend") \
  X(packets_sent, "data packets given to the backend") \
  X(requests_received, "requests handed to a handler") \
  X(responses_sent, "responses given by the application and accepted") \
  X(calls_started, "calls that got a request slot") \
  X(calls_completed, "calls whose response arrived whole") \
  X(calls_failed, "calls that ended with an error") \
  X(calls_refused, "calls refused because window and backlog were full") \
  X(retransmissions, "go-back-N rounds of the client") \
  X(answers_repeated, "credit returns and responses sent again for a duplicate") \
  X(sessions_connected, "sessions that reached the connected state, either role") \
  X(sessions_refused, "connect requests answered with an error") \
  X(sessions_evicted, "silent server sessions that gave way to a new one") \
  X(peers_lost, "sessions reset because the peer stopped answering") \
  X(peers_restarted, "server sessions reset because their client began anew") \
  X(drop_short, "packets shorter than their header or than the data they claim") \
  X(drop_magic, "packets without eRPC's magic") \
  X(drop_session, "packets for a session that does not exist or is not connected") \
  X(drop_source, "packets from an address that is not the session's peer") \
  X(drop_role, "requests to a client session, answers to a server session") \
  X(drop_request_type, "requests of the reserved type 255") \
  X(drop_message_size, "messages above the maximum, or whose size changed") \
  X(drop_packet_number, "packet numbers that the message does not have") \
  X(drop_old, "packets of a request that was answered and replaced") \
  X(drop_duplicate, "repeated last packets of a request still being handled") \
  X(drop_future, "packets ahead of the next one in order") \
  X(drop_request_number, "request numbers that do not follow: the windows may differ") \
  X(drop_answer, "credit returns and responses that were not the next expected one") \
  X(drop_memory, "packets dropped because the memory limit was reached") \
  X(drop_sm_malformed, "session-management datagrams of a wrong size, type or form") \
  X(drop_sm_state, "session-management packets that fit no session") \
  X(drop_sm_queue, "session-management packets dropped because the inbox was full") \
  X(responses_reclaimed, "old fetched responses freed because memory ran short") \
  X(stale_responses, "responses whose request or session was gone")
// clang-format on

namespace sledge::rpc {

/// Written by one thread at a time, read by any.
class Counter {
 public:
  Counter &operator++() { return *this += 1; }
  Counter &operator+=(uint64_t more) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    return *this;
  }
  operator uint64_t() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// The thread that drives the Rpc counts; any may read one after another.
struct Counters {
#define SLEDGE_RPC_FIELD(name, text) Counter name;
  SLEDGE_RPC_COUNTERS(SLEDGE_RPC_FIELD)
#undef SLEDGE_RPC_FIELD
};

struct CounterDescription {
  const char *name;
  const char *text;
  Counter Counters::*value;
};

inline constexpr CounterDescription kCounterDescriptions[] = {
#define SLEDGE_RPC_ROW(name, text) {#name, text, &Counters::name},
    SLEDGE_RPC_COUNTERS(SLEDGE_RPC_ROW)
#undef SLEDGE_RPC_ROW
};

} // namespace sledge::rpc
