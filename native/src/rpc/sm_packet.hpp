// sm_packet.hpp - the session-management datagram: 392 bytes, little-endian.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "rpc/wire.hpp"

namespace sledge::rpc {

inline constexpr size_t kSmPacketBytes = 392;
inline constexpr size_t kHostBytes = 128;
inline constexpr size_t kRoutingBytes = 48;
inline constexpr uint8_t kRpcIdInvalid = 255;
inline constexpr uint16_t kSmPortFirst = 31850;
inline constexpr uint16_t kSmPortLast = 31881;

enum class SmType : uint32_t {
  unblock = 0,
  ping_request = 1,
  ping_response = 2,
  connect_request = 3,
  connect_response = 4,
  disconnect_request = 5,
  disconnect_response = 6
};

enum class SmError : uint32_t {
  none = 0,
  server_disconnected = 1,
  ring_exhausted = 2,
  out_of_memory = 3,
  routing_resolution_failure = 4,
  invalid_remote_rpc_id = 5,
  invalid_transport = 6
};

/// Where an Rpc receives data packets, as it travels inside a session-management packet.
struct RoutingInfo {
  std::array<uint8_t, 6> mac{};
  uint32_t ipv4 = 0; ///< host order
  uint16_t udp_port = 0;
  uint16_t rx_queue = 0;
  uint16_t reta_size = 0;

  bool operator==(const RoutingInfo &) const = default;
};

struct SessionEndpoint {
  uint32_t transport = kTransportDpdk;
  std::string host;
  uint16_t sm_port = 0;
  uint8_t rpc_id = kRpcIdInvalid;
  uint16_t session = kSessionInvalid;
  std::array<uint8_t, kRoutingBytes> routing{}; ///< raw: a DisconnectReq carries something else
};

struct SmPacket {
  SmType type = SmType::unblock;
  SmError error = SmError::none;
  uint64_t token = 0;
  SessionEndpoint client;
  SessionEndpoint server;
};

using SmBytes = std::array<uint8_t, kSmPacketBytes>;

SmBytes encode_sm(const SmPacket &packet);

/// Empty when the size is not 392, the type or error is unknown, or a host name has no NUL.
std::optional<SmPacket> decode_sm(std::span<const uint8_t> bytes);

std::array<uint8_t, kRoutingBytes> encode_routing(const RoutingInfo &routing);
RoutingInfo decode_routing(std::span<const uint8_t, kRoutingBytes> bytes);

/// "10.1.2.3" as a host-order number; empty for anything else, names included.
std::optional<uint32_t> parse_ipv4(const std::string &text);
std::string format_ipv4(uint32_t ipv4);

} // namespace sledge::rpc
