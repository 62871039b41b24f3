#include "rpc/frame.hpp"

#include <algorithm>

namespace sledge::rpc {
namespace {

constexpr size_t kIpOffset = 14;
constexpr size_t kUdpOffset = 34;
constexpr uint8_t kTrafficClass = 0x01; // upstream sets the ECN field to 1
constexpr uint8_t kTimeToLive = 128;
constexpr uint8_t kProtocolUdp = 17;
constexpr std::array<uint8_t, 40> kRssKey = {
    0x2c, 0xc6, 0x81, 0xd1, 0x5b, 0xdb, 0xf4, 0xf7, 0xfc, 0xa2, 0x83, 0x19, 0xdb, 0x1a,
    0x3e, 0x94, 0x6b, 0x9e, 0x38, 0xd9, 0x2c, 0x9c, 0x03, 0xd1, 0xad, 0x99, 0x44, 0xa7,
    0xd9, 0x56, 0x3d, 0x59, 0x06, 0x3c, 0x25, 0xf3, 0xfc, 0x1f, 0xdc, 0x2a};

void put16(uint8_t *out, uint32_t value) {
  out[0] = static_cast<uint8_t>(value >> 8);
  out[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t *out, uint32_t value) {
  put16(out, value >> 16);
  put16(out + 2, value & 0xFFFF);
}

uint16_t get16(const uint8_t *in) {
  return static_cast<uint16_t>(in[0] << 8 | in[1]);
}

uint32_t get32(const uint8_t *in) {
  return uint32_t{get16(in)} << 16 | get16(in + 2);
}

uint16_t ip_checksum(const uint8_t *header) {
  uint32_t sum = 0;
  for (size_t at = 0; at < 20; at += 2)
    sum += get16(header + at);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  const auto checksum = static_cast<uint16_t>(~sum);
  return checksum == 0 ? 0xFFFF : checksum;
}

} // namespace

uint32_t toeplitz(uint32_t source_ipv4, uint32_t destination_ipv4, uint16_t source_port,
                  uint16_t destination_port) {
  std::array<uint8_t, 12> input{};
  put32(input.data(), source_ipv4);
  put32(input.data() + 4, destination_ipv4);
  put16(input.data() + 8, source_port);
  put16(input.data() + 10, destination_port);
  uint32_t window = get32(kRssKey.data());
  uint32_t hash = 0;
  for (size_t at = 0; at < input.size(); ++at) {
    for (int bit = 7; bit >= 0; --bit) {
      if (input[at] >> bit & 1)
        hash ^= window;
      window = window << 1 | (kRssKey[at + 4] >> bit & 1u);
    }
  }
  return hash;
}

std::optional<uint16_t> rss_source_port(uint32_t source_ipv4, const RoutingInfo &peer,
                                        uint16_t rss_queues) {
  if (peer.reta_size == 0 || peer.rx_queue >= std::min(rss_queues, peer.reta_size))
    return std::nullopt;
  for (uint32_t port = kDataPortFirst; port < 0xFFFF; ++port) {
    const uint32_t hash =
        toeplitz(source_ipv4, peer.ipv4, static_cast<uint16_t>(port), peer.udp_port);
    if (hash % peer.reta_size % rss_queues == peer.rx_queue)
      return static_cast<uint16_t>(port);
  }
  return std::nullopt;
}

std::optional<Route> make_route(const RoutingInfo &local, const RoutingInfo &peer,
                                uint16_t rss_queues) {
  if (peer.ipv4 == 0 || peer.udp_port == 0)
    return std::nullopt;
  const auto source_port = rss_source_port(local.ipv4, peer, rss_queues);
  if (!source_port)
    return std::nullopt;
  Route route{peer.ipv4, peer.udp_port, *source_port, {}};
  uint8_t *header = route.header.data();
  std::copy(peer.mac.begin(), peer.mac.end(), header);
  std::copy(local.mac.begin(), local.mac.end(), header + 6);
  put16(header + 12, 0x0800);
  uint8_t *ip = header + kIpOffset;
  ip[0] = 0x45;
  ip[1] = kTrafficClass;
  put16(ip + 2, 28);
  ip[8] = kTimeToLive;
  ip[9] = kProtocolUdp;
  put32(ip + 12, local.ipv4);
  put32(ip + 16, peer.ipv4);
  put16(header + kUdpOffset, *source_port);
  put16(header + kUdpOffset + 2, peer.udp_port);
  put16(header + kUdpOffset + 4, 8);
  return route;
}

void complete_frame_header(FrameHeader &header, size_t payload_bytes) {
  uint8_t *ip = header.data() + kIpOffset;
  put16(ip + 2, static_cast<uint32_t>(28 + payload_bytes));
  put16(ip + 10, 0);
  put16(ip + 10, ip_checksum(ip));
  put16(header.data() + kUdpOffset + 4, static_cast<uint32_t>(8 + payload_bytes));
}

std::optional<ParsedFrame> parse_frame(std::span<const uint8_t> frame) {
  if (frame.size() < kFrameHeaderBytes || get16(frame.data() + 12) != 0x0800)
    return std::nullopt;
  const uint8_t *ip = frame.data() + kIpOffset;
  const bool fragmented = (get16(ip + 6) & 0x3FFF) != 0;
  if (ip[0] != 0x45 || ip[9] != kProtocolUdp || fragmented)
    return std::nullopt;
  const uint8_t *udp = frame.data() + kUdpOffset;
  const size_t udp_bytes = get16(udp + 4);
  if (udp_bytes < 8 || kUdpOffset + udp_bytes > frame.size() || get16(ip + 2) < 20 + udp_bytes)
    return std::nullopt;
  ParsedFrame parsed{get32(ip + 12), get32(ip + 16), get16(udp), get16(udp + 2), {}};
  parsed.payload = frame.subspan(kFrameHeaderBytes, udp_bytes - 8);
  return parsed;
}

uint32_t ipv4_of_mac(const std::array<uint8_t, 6> &mac) {
  return uint32_t{mac[2]} | uint32_t{mac[3]} << 8 | uint32_t{mac[4]} << 16 | uint32_t{mac[5]} << 24;
}

} // namespace sledge::rpc
