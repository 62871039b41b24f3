#include "rpc/sm_packet.hpp"

#include <arpa/inet.h>

namespace sledge::rpc {
namespace {

constexpr size_t kClientOffset = 16;
constexpr size_t kServerOffset = 204;
constexpr size_t kHostOffset = 4;
constexpr size_t kPortOffset = 132;
constexpr size_t kRpcIdOffset = 134;
constexpr size_t kSessionOffset = 136;
constexpr size_t kRoutingOffset = 138;

template <typename T> void put(uint8_t *out, T value) {
  std::memcpy(out, &value, sizeof value);
}

template <typename T> T get(const uint8_t *in) {
  T value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

void encode_endpoint(const SessionEndpoint &endpoint, uint8_t *out) {
  put<uint32_t>(out, endpoint.transport);
  const size_t host_bytes = std::min(endpoint.host.size(), kHostBytes - 1);
  std::memcpy(out + kHostOffset, endpoint.host.data(), host_bytes);
  put<uint16_t>(out + kPortOffset, endpoint.sm_port);
  out[kRpcIdOffset] = endpoint.rpc_id;
  put<uint16_t>(out + kSessionOffset, endpoint.session);
  std::memcpy(out + kRoutingOffset, endpoint.routing.data(), kRoutingBytes);
}

bool decode_endpoint(const uint8_t *in, SessionEndpoint &endpoint) {
  endpoint.transport = get<uint32_t>(in);
  const char *host = reinterpret_cast<const char *>(in + kHostOffset);
  const size_t length = strnlen(host, kHostBytes);
  if (length == kHostBytes)
    return false;
  endpoint.host.assign(host, length);
  endpoint.sm_port = get<uint16_t>(in + kPortOffset);
  endpoint.rpc_id = in[kRpcIdOffset];
  endpoint.session = get<uint16_t>(in + kSessionOffset);
  std::memcpy(endpoint.routing.data(), in + kRoutingOffset, kRoutingBytes);
  return true;
}

} // namespace

SmBytes encode_sm(const SmPacket &packet) {
  SmBytes out{};
  put<uint32_t>(out.data(), static_cast<uint32_t>(packet.type));
  put<uint32_t>(out.data() + 4, static_cast<uint32_t>(packet.error));
  put<uint64_t>(out.data() + 8, packet.token);
  encode_endpoint(packet.client, out.data() + kClientOffset);
  encode_endpoint(packet.server, out.data() + kServerOffset);
  return out;
}

std::optional<SmPacket> decode_sm(std::span<const uint8_t> bytes) {
  if (bytes.size() != kSmPacketBytes)
    return std::nullopt;
  const auto type = get<uint32_t>(bytes.data());
  const auto error = get<uint32_t>(bytes.data() + 4);
  if (type > static_cast<uint32_t>(SmType::disconnect_response) ||
      error > static_cast<uint32_t>(SmError::invalid_transport))
    return std::nullopt;
  SmPacket packet;
  packet.type = static_cast<SmType>(type);
  packet.error = static_cast<SmError>(error);
  packet.token = get<uint64_t>(bytes.data() + 8);
  if (!decode_endpoint(bytes.data() + kClientOffset, packet.client) ||
      !decode_endpoint(bytes.data() + kServerOffset, packet.server))
    return std::nullopt;
  return packet;
}

std::array<uint8_t, kRoutingBytes> encode_routing(const RoutingInfo &routing) {
  std::array<uint8_t, kRoutingBytes> out{};
  std::memcpy(out.data(), routing.mac.data(), routing.mac.size());
  put<uint32_t>(out.data() + 8, routing.ipv4);
  put<uint16_t>(out.data() + 12, routing.udp_port);
  put<uint16_t>(out.data() + 14, routing.rx_queue);
  put<uint16_t>(out.data() + 16, routing.reta_size);
  return out;
}

RoutingInfo decode_routing(std::span<const uint8_t, kRoutingBytes> bytes) {
  RoutingInfo routing;
  std::memcpy(routing.mac.data(), bytes.data(), routing.mac.size());
  routing.ipv4 = get<uint32_t>(bytes.data() + 8);
  routing.udp_port = get<uint16_t>(bytes.data() + 12);
  routing.rx_queue = get<uint16_t>(bytes.data() + 14);
  routing.reta_size = get<uint16_t>(bytes.data() + 16);
  return routing;
}

std::optional<uint32_t> parse_ipv4(const std::string &text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1)
    return std::nullopt;
  return ntohl(address.s_addr);
}

std::string format_ipv4(uint32_t ipv4) {
  const in_addr address{htonl(ipv4)};
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

} // namespace sledge::rpc
