// recorder.hpp - one Rpc whose peer is the test: packets are made by hand and answers recorded.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "rpc/endpoint.hpp"

namespace sledge::rpc::test {

struct SentPacket {
  Route route;
  PacketHeader header;
  std::vector<uint8_t> bytes; ///< header and data

  std::span<const uint8_t> data() const { return std::span(bytes).subspan(kHeaderBytes); }
};

struct SentSm {
  SmAddress to;
  SmBytes bytes;

  SmPacket packet() const { return *decode_sm(bytes); }
};

class Recorder final : public Backend, public SmChannel {
 public:
  explicit Recorder(const RoutingInfo &routing) : routing_(routing) {}

  const RoutingInfo &routing() const override { return routing_; }
  void send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
            std::span<const uint8_t> data) override {
    SentPacket sent{route, {}, {header.begin(), header.end()}};
    sent.bytes.insert(sent.bytes.end(), data.begin(), data.end());
    EXPECT_TRUE(decode_header(sent.bytes.data(), sent.header));
    packets.push_back(std::move(sent));
  }
  void flush() override {}
  size_t receive(std::span<RxPacket>) override { return 0; }
  void send(const SmAddress &to, const SmBytes &bytes) override {
    management.push_back({to, bytes});
  }
  bool receive(SmDatagram &) override { return false; }
  std::optional<uint32_t> resolve(const std::string &host) override { return parse_ipv4(host); }

  std::deque<SentPacket> packets;
  std::deque<SentSm> management;

 private:
  RoutingInfo routing_;
};

inline std::vector<uint8_t> pattern(uint32_t size, uint32_t seed = 1) {
  std::vector<uint8_t> bytes(size);
  uint32_t state = seed * 2654435761u + size;
  for (uint8_t &byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

inline std::vector<uint8_t> make_packet(const PacketHeader &header,
                                        std::span<const uint8_t> data = {}) {
  std::vector<uint8_t> bytes(kHeaderBytes);
  encode_header(header, bytes.data());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

inline constexpr uint32_t kLocalIpv4 = 0x0A4D0001;
inline constexpr uint32_t kPeerIpv4 = 0x0A4D0002;
inline const char *const kLocalHost = "10.77.0.1";
inline const char *const kPeerHost = "10.77.0.2";

inline RpcOptions test_options() {
  RpcOptions options;
  options.host = kLocalHost;
  options.first_session = 0;
  return options;
}

inline RoutingInfo routing_of(uint32_t ipv4) {
  return {{2, 0, 0, 0, 0, 1}, ipv4, 10000, 0, 128};
}

/// The Rpc under test, its clock, and a hand for the peer.
struct Bench {
  explicit Bench(const RpcOptions &options = test_options())
      : wire(routing_of(kLocalIpv4)), endpoint(wire), rpc(options, wire, wire) {
    endpoint.attach(rpc);
  }
  ~Bench() { endpoint.detach(rpc); }

  void sm(const SmPacket &packet) { sm_bytes(encode_sm(packet)); }
  void sm_bytes(std::span<const uint8_t> bytes) {
    endpoint.on_datagram({bytes, kPeerIpv4});
    rpc.poll(now_ns);
  }
  void data(const std::vector<uint8_t> &bytes, uint32_t source_ipv4 = kPeerIpv4) {
    rpc.on_packet({bytes, source_ipv4}, now_ns);
    rpc.advance(now_ns);
  }
  void pass(uint64_t ns) {
    now_ns += ns;
    rpc.poll(now_ns);
  }

  /// The one packet sent since the last look.
  SentPacket sent() {
    EXPECT_EQ(wire.packets.size(), 1u);
    if (wire.packets.empty())
      return {};
    SentPacket packet = std::move(wire.packets.front());
    wire.packets.clear();
    return packet;
  }
  /// Takes everything sent since the last look.
  std::deque<SentPacket> all_sent() { return std::exchange(wire.packets, {}); }
  bool silent() const { return wire.packets.empty(); }

  SmPacket sm_sent() {
    EXPECT_EQ(wire.management.size(), 1u);
    if (wire.management.empty())
      return {};
    const SmPacket packet = wire.management.front().packet();
    wire.management.clear();
    return packet;
  }

  uint64_t now_ns = kSecondNs;
  Recorder wire;
  Endpoint endpoint;
  Rpc rpc;
};

inline SmPacket connect_request(uint64_t token, uint16_t client_session = 0) {
  SmPacket packet;
  packet.type = SmType::connect_request;
  packet.token = token;
  packet.client = {
      kTransportDpdk, kPeerHost, 31850, 0, client_session, encode_routing(routing_of(kPeerIpv4))};
  packet.server = {kTransportDpdk, kLocalHost, 31850, 0, kSessionInvalid, {}};
  return packet;
}

} // namespace sledge::rpc::test
