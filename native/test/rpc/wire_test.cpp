// The codecs: data header, session-management packet, frame header, source port search.
#include "recorder.hpp"

namespace sledge::rpc::test {
namespace {

TEST(Wire, HeaderMatchesTheCheckVector) {
  const PacketHeader header{0xAB, 0x123456, 0xCDEF, PacketType::response, 0x1234, 0x89ABCDEF012};
  const std::vector<uint8_t> expected = {0xab, 0x56, 0x34, 0x12, 0xef, 0xcd, 0xd3,
                                         0x48, 0x12, 0xf0, 0xde, 0xbc, 0x9a, 0xb8};
  EXPECT_EQ(make_packet(header), expected);
  PacketHeader read;
  ASSERT_TRUE(decode_header(expected.data(), read));
  EXPECT_EQ(read.request_type, header.request_type);
  EXPECT_EQ(read.message_bytes, header.message_bytes);
  EXPECT_EQ(read.session, header.session);
  EXPECT_EQ(read.type, header.type);
  EXPECT_EQ(read.packet_number, header.packet_number);
  EXPECT_EQ(read.request_number, header.request_number);
}

TEST(Wire, HeaderOfAnotherMagicIsRefused) {
  for (int magic = 0; magic < 16; ++magic) {
    std::vector<uint8_t> bytes = make_packet({});
    bytes[13] = static_cast<uint8_t>(magic << 4);
    PacketHeader header;
    EXPECT_EQ(decode_header(bytes.data(), header), magic == 11);
  }
}

TEST(Wire, MessagesAreCutIntoPacketsOf968Bytes) {
  EXPECT_EQ(packets_of(0), 1u);
  EXPECT_EQ(packets_of(968), 1u);
  EXPECT_EQ(packets_of(969), 2u);
  EXPECT_EQ(packets_of(2500), 3u);
  EXPECT_EQ(packets_of(kMessageBytesMax), 8165u);
  EXPECT_EQ(packet_data_bytes(2500, 1), 968u);
  EXPECT_EQ(packet_data_bytes(2500, 2), 564u);
  EXPECT_EQ(packet_data_bytes(2500, 3), 0u);
  EXPECT_EQ(packet_data_bytes(0, 0), 0u);
}

TEST(Wire, SmPacketFieldsAreWhereThePeerReadsThem) {
  SmPacket packet = connect_request(0x1122334455667788, 0x0102);
  packet.client.sm_port = 31850;
  packet.client.rpc_id = 9;
  const SmBytes bytes = encode_sm(packet);
  EXPECT_EQ(bytes[0], 3);
  EXPECT_EQ(bytes[8], 0x88);
  EXPECT_EQ(bytes[16], 2);
  EXPECT_STREQ(reinterpret_cast<const char *>(&bytes[20]), kPeerHost);
  EXPECT_EQ(bytes[148], 0x6a);
  EXPECT_EQ(bytes[149], 0x7c);
  EXPECT_EQ(bytes[150], 9);
  EXPECT_EQ(bytes[152], 0x02);
  EXPECT_EQ(bytes[153], 0x01);
  EXPECT_EQ(bytes[154 + 8], 0x02); // 10.77.0.2, the number's low byte first
  EXPECT_EQ(bytes[154 + 11], 0x0a);
  EXPECT_EQ(bytes[154 + 12], 0x10); // port 10000
  EXPECT_STREQ(reinterpret_cast<const char *>(&bytes[208]), kLocalHost);
  EXPECT_EQ(bytes[340], 0xff);
  const auto read = decode_sm(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(encode_sm(*read), bytes);
}

TEST(Wire, SmPacketOfWrongFormIsRefused) {
  const SmBytes good = encode_sm(connect_request(1));
  EXPECT_FALSE(decode_sm({}).has_value());
  EXPECT_FALSE(decode_sm(std::span(good).first(391)).has_value());
  std::vector<uint8_t> longer(good.begin(), good.end());
  longer.push_back(0);
  EXPECT_FALSE(decode_sm(longer).has_value());
  SmBytes bad = good;
  bad[0] = 7;
  EXPECT_FALSE(decode_sm(bad).has_value());
  bad = good;
  bad[4] = 7;
  EXPECT_FALSE(decode_sm(bad).has_value());
  for (const size_t host : {20u, 208u}) {
    bad = good;
    std::fill_n(bad.begin() + host, kHostBytes, uint8_t{'a'});
    EXPECT_FALSE(decode_sm(bad).has_value());
  }
}

TEST(Wire, SourcePortsAreThoseOfTheCapture) {
  const uint32_t client = 0x01024D0A;
  const uint32_t server = 0x01014D0A;
  EXPECT_EQ(rss_source_port(client, {{}, server, 10000, 0, 128}, 16), 10006);
  EXPECT_EQ(rss_source_port(server, {{}, client, 10000, 0, 128}, 16), 10010);
  EXPECT_EQ(rss_source_port(client, {{}, server, 10000, 0, 1}, 16), 10000);
}

TEST(Wire, RoutingThatKillsAnUpstreamProcessHasNoRoute) {
  const RoutingInfo local = routing_of(kLocalIpv4);
  RoutingInfo peer = routing_of(kPeerIpv4);
  EXPECT_TRUE(make_route(local, peer, 16).has_value());
  peer.reta_size = 0;
  EXPECT_FALSE(make_route(local, peer, 16).has_value());
  peer = routing_of(kPeerIpv4);
  peer.rx_queue = 99;
  EXPECT_FALSE(make_route(local, peer, 16).has_value());
  peer.rx_queue = 31;
  EXPECT_TRUE(make_route(local, peer, 32).has_value());
  peer = routing_of(0);
  EXPECT_FALSE(make_route(local, peer, 16).has_value());
  peer = routing_of(kPeerIpv4);
  peer.udp_port = 0;
  EXPECT_FALSE(make_route(local, peer, 16).has_value());
}

TEST(Wire, FrameIsReadBackAndPaddingIsIgnored) {
  Route route = *make_route(routing_of(kLocalIpv4), routing_of(kPeerIpv4), 16);
  complete_frame_header(route.header, 14);
  std::vector<uint8_t> frame(route.header.begin(), route.header.end());
  const std::vector<uint8_t> payload = make_packet({});
  frame.insert(frame.end(), payload.begin(), payload.end());
  frame.resize(64);
  const auto parsed = parse_frame(frame);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->source_ipv4, kLocalIpv4);
  EXPECT_EQ(parsed->destination_port, 10000);
  EXPECT_EQ(parsed->payload.size(), kHeaderBytes);
}

TEST(Wire, FramesThatAreNotPlainUdpAreRefused) {
  Route route = *make_route(routing_of(kLocalIpv4), routing_of(kPeerIpv4), 16);
  complete_frame_header(route.header, 0);
  const std::vector<uint8_t> good(route.header.begin(), route.header.end());
  ASSERT_TRUE(parse_frame(good).has_value());
  const auto with = [&](size_t at, uint8_t value) {
    std::vector<uint8_t> frame = good;
    frame[at] = value;
    return parse_frame(frame).has_value();
  };
  EXPECT_FALSE(with(13, 6));    // ARP
  EXPECT_FALSE(with(14, 0x46)); // options
  EXPECT_FALSE(with(20, 0x20)); // fragment
  EXPECT_FALSE(with(23, 6));    // TCP
  EXPECT_FALSE(with(39, 9));    // longer than the frame
  EXPECT_FALSE(with(39, 7));    // shorter than a UDP header
  EXPECT_FALSE(parse_frame(std::span(good).first(41)).has_value());
}

} // namespace
} // namespace sledge::rpc::test
