#include "rpc/capture.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>

#include "rpc/frame.hpp"

namespace sledge::rpc {
namespace {

constexpr uint32_t kMagicMicroseconds = 0xA1B2C3D4;
constexpr uint32_t kMagicNanoseconds = 0xA1B23C4D;
constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;
constexpr uint32_t kLinkEthernet = 1;

uint32_t read32(const uint8_t *in, bool swapped) {
  uint32_t value;
  std::memcpy(&value, in, 4);
  return swapped ? __builtin_bswap32(value) : value;
}

template <typename... Values> std::string format(const char *pattern, Values... values) {
  char text[320];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string describe_endpoint(const char *name, const SessionEndpoint &endpoint) {
  const RoutingInfo routing = decode_routing(endpoint.routing);
  const auto &mac = routing.mac;
  const std::string session =
      endpoint.session == kSessionInvalid ? "none" : std::to_string(endpoint.session);
  return format("\n  %s %s:%u rpc=%u session=%s transport=%u", name, endpoint.host.c_str(),
                endpoint.sm_port, endpoint.rpc_id, session.c_str(), endpoint.transport) +
         format(" mac=%02x:%02x:%02x:%02x:%02x:%02x data=%s:%u rx_queue=%u reta_size=%u", mac[0],
                mac[1], mac[2], mac[3], mac[4], mac[5], format_ipv4(routing.ipv4).c_str(),
                routing.udp_port, routing.rx_queue, routing.reta_size);
}

std::string describe_sm(std::span<const uint8_t> payload) {
  constexpr const char *kTypes[] = {"Unblock",     "PingReq",       "PingResp",      "ConnectReq",
                                    "ConnectResp", "DisconnectReq", "DisconnectResp"};
  constexpr const char *kErrors[] = {
      "NoError",         "SrvDisconnected",          "RingExhausted",
      "OutOfMemory",     "RoutingResolutionFailure", "InvalidRemoteRpcId",
      "InvalidTransport"};
  const auto packet = decode_sm(payload);
  if (!packet)
    return format("SM malformed, %zu bytes", payload.size());
  return format("SM %s %s token=%016llx", kTypes[static_cast<size_t>(packet->type)],
                kErrors[static_cast<size_t>(packet->error)],
                static_cast<unsigned long long>(packet->token)) +
         describe_endpoint("client", packet->client) + describe_endpoint("server", packet->server);
}

std::string describe_data(std::span<const uint8_t> payload) {
  constexpr const char *kTypes[] = {"REQ ", "RFR ", "CR  ", "RESP"};
  PacketHeader header;
  if (payload.size() < kHeaderBytes || !decode_header(payload.data(), header))
    return {};
  return format("%s type=%u size=%u session=%u packet=%u request=%llu data=%zu",
                kTypes[static_cast<size_t>(header.type)], header.request_type, header.message_bytes,
                header.session, header.packet_number,
                static_cast<unsigned long long>(header.request_number),
                payload.size() - kHeaderBytes);
}

} // namespace

std::optional<std::vector<CapturedFrame>> parse_pcap(std::span<const uint8_t> file,
                                                     std::string &error) {
  if (file.size() < kFileHeaderBytes) {
    error = "shorter than a pcap header";
    return std::nullopt;
  }
  uint32_t magic = read32(file.data(), false);
  const bool swapped = __builtin_bswap32(magic) == kMagicMicroseconds ||
                       __builtin_bswap32(magic) == kMagicNanoseconds;
  magic = read32(file.data(), swapped);
  if (magic != kMagicMicroseconds && magic != kMagicNanoseconds) {
    error = "not a pcap file (pcapng is not read; convert it with `tshark -F pcap`)";
    return std::nullopt;
  }
  if ((read32(file.data() + 20, swapped) & 0xFFFF) != kLinkEthernet) {
    error = "not an Ethernet capture";
    return std::nullopt;
  }
  const uint64_t unit_ns = magic == kMagicNanoseconds ? 1 : 1000;
  std::vector<CapturedFrame> frames;
  uint64_t first_ns = 0;
  size_t at = kFileHeaderBytes;
  while (file.size() - at >= kRecordHeaderBytes) {
    const uint8_t *record = file.data() + at;
    const uint64_t time_ns =
        read32(record, swapped) * uint64_t{1'000'000'000} + read32(record + 4, swapped) * unit_ns;
    const size_t bytes = read32(record + 8, swapped);
    at += kRecordHeaderBytes;
    if (bytes > file.size() - at)
      break;
    first_ns = frames.empty() ? time_ns : first_ns;
    const auto frame = file.subspan(at, bytes);
    frames.push_back({time_ns - first_ns, {frame.begin(), frame.end()}});
    at += bytes;
  }
  return frames;
}

std::optional<std::vector<CapturedFrame>> read_pcap(const std::string &path, std::string &error) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    error = path + ": cannot be opened";
    return std::nullopt;
  }
  const std::vector<uint8_t> file{std::istreambuf_iterator<char>(stream), {}};
  return parse_pcap(file, error);
}

std::string describe_frame(std::span<const uint8_t> frame) {
  const auto parsed = parse_frame(frame);
  if (!parsed)
    return {};
  const bool management =
      parsed->destination_port >= kSmPortFirst && parsed->destination_port <= kSmPortLast;
  const std::string what =
      management ? describe_sm(parsed->payload) : describe_data(parsed->payload);
  if (what.empty())
    return {};
  return format("%s:%u > %s:%u ", format_ipv4(parsed->source_ipv4).c_str(), parsed->source_port,
                format_ipv4(parsed->destination_ipv4).c_str(), parsed->destination_port) +
         what;
}

} // namespace sledge::rpc
