// options.hpp - what can be set for one Rpc, with the defaults of upstream.
#pragma once
#include <cstdint>
#include <string>

#include "rpc/wire.hpp"

namespace sledge::rpc {

inline constexpr uint64_t kMicrosecondNs = 1'000;
inline constexpr uint64_t kMillisecondNs = 1'000'000;
inline constexpr uint64_t kSecondNs = 1'000'000'000;
inline constexpr uint64_t kNever = ~uint64_t{0};

enum class LogLevel : uint8_t { info, warning };

/// Receives a line at a time; called on the Rpc's thread.
struct Logger {
  void (*write)(void *context, LogLevel level, const char *line) = nullptr;
  void *context = nullptr;
};

struct RpcOptions {
  uint8_t rpc_id = 0;       ///< 0 to 254, unique in its process
  std::string host;         ///< name or address by which peers reach this process
  uint16_t sm_port = 31850; ///< of this process

  uint32_t request_window = 8;     ///< slots per session, a power of two; equal on both sides
  uint32_t credits = 32;           ///< unanswered packets per session; equal on both sides
  uint32_t rx_ring_entries = 4096; ///< divided by `credits`: the sessions of one Rpc
  uint16_t rss_queues = 16;      ///< modulus of the source port search (32 in SLEdgeScale's builds)
  uint32_t backlog_calls = 1024; ///< calls per session that may wait for a slot

  uint64_t retransmit_ns = 5 * kMillisecondNs;
  uint32_t retry_limit = 6000; ///< rounds without any sign of life until a peer counts as lost
  uint64_t sm_retry_ns = 100 * kMillisecondNs;
  uint32_t sm_retry_limit = 50;
  uint64_t partial_request_ns = 10 * kSecondNs; ///< silence that ends a half-sent request's session
  uint64_t evict_silent_ns = 60 * kSecondNs; ///< silence after which a full Rpc gives a session up
  uint64_t response_retain_ns = kSecondNs;   ///< a fetched response is kept that long at least
  bool retry_connect_on_invalid_rpc_id = false;

  uint32_t window_floor_packets = 8;              ///< rate control does not go below
  uint32_t response_bytes_max = kMessageBytesMax; ///< larger responses end their call
  uint64_t memory_bytes_max = 256u << 20;         ///< of messages that need more than one packet
  bool source_check = true; ///< packets must come from the address that the peer advertised

  uint64_t seed = 1;          ///< of tokens and of the first session number
  int32_t first_session = -1; ///< -1: drawn from the seed, so that a restart is noticed
  Logger logger;
};

} // namespace sledge::rpc
