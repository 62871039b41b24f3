// frame.hpp - the Ethernet, IPv4 and UDP headers that eRPC's DPDK transport writes by hand.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "rpc/sm_packet.hpp"

namespace sledge::rpc {

inline constexpr size_t kFrameHeaderBytes = 42;
inline constexpr size_t kFrameBytesMax = kFrameHeaderBytes + kPacketBytesMax; ///< 1024
inline constexpr uint16_t kDataPortFirst = 10000;
inline constexpr uint16_t kRssQueuesDefault = 16;

using FrameHeader = std::array<uint8_t, kFrameHeaderBytes>;

/// Where a session's packets go. `header` is the frame header of an empty payload, ready to be
/// completed per packet; kernel sockets use only the addresses.
struct Route {
  uint32_t ipv4 = 0; ///< host order
  uint16_t udp_port = 0;
  uint16_t source_port = 0;
  FrameHeader header{};
};

/// The source port that leads plain RSS at the peer to the peer's queue: the first one from 10000.
/// Empty when the peer's queue cannot be reached (its RETA size is 0, or its queue number is too
/// large), which upstream does not survive.
std::optional<uint16_t> rss_source_port(uint32_t source_ipv4, const RoutingInfo &peer,
                                        uint16_t rss_queues);

/// Route from `local` to `peer`; empty as above, or without an address or port of the peer.
std::optional<Route> make_route(const RoutingInfo &local, const RoutingInfo &peer,
                                uint16_t rss_queues);

/// Fills in lengths and the IPv4 checksum for a UDP payload of `payload_bytes`.
void complete_frame_header(FrameHeader &header, size_t payload_bytes);

/// A data-plane frame that passed the checks upstream leaves to the network card.
struct ParsedFrame {
  uint32_t source_ipv4 = 0;
  uint32_t destination_ipv4 = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  std::span<const uint8_t> payload; ///< without Ethernet padding
};

/// Empty when the frame is not IPv4 without options and fragments, carrying UDP, or is too short.
std::optional<ParsedFrame> parse_frame(std::span<const uint8_t> frame);

/// The address that bare-metal eRPC invents from the last four bytes of a MAC, host order.
uint32_t ipv4_of_mac(const std::array<uint8_t, 6> &mac);

/// Standard RSS hash over source address, destination address, source port, destination port.
uint32_t toeplitz(uint32_t source_ipv4, uint32_t destination_ipv4, uint16_t source_port,
                  uint16_t destination_port);

} // namespace sledge::rpc
