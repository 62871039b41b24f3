// Bad input, row by row: dropped, counted, or answered as the specification recommends; and the
// session beside it goes on.
#include "sim.hpp"

namespace sledge::rpc::test {
namespace {

class BadInput : public ::testing::Test {
 protected:
  BadInput() {
    bench.rpc.set_handler(1, {&echo, nullptr});
    bench.sm(connect_request(1));
    EXPECT_EQ(bench.sm_sent().error, SmError::none);
  }
  ~BadInput() override { expect_serving(); }

  void expect_serving() {
    bench.all_sent();
    bench.data(make_packet({1, 16, 0, PacketType::request, 0, next}, pattern(16)));
    const SentPacket sent = bench.sent();
    EXPECT_EQ(sent.header.type, PacketType::response);
    EXPECT_TRUE(std::ranges::equal(sent.data(), pattern(16)));
    next += 8;
  }
  void expect_dropped(const std::vector<uint8_t> &bytes, Counter Counters::*counter) {
    const uint64_t before = bench.rpc.counters().*counter;
    bench.data(bytes);
    EXPECT_TRUE(bench.silent());
    EXPECT_EQ(bench.rpc.counters().*counter, before + 1);
  }
  void expect_sm_malformed(std::span<const uint8_t> bytes) {
    const uint64_t before = bench.endpoint.dropped_malformed();
    bench.sm_bytes(bytes);
    EXPECT_TRUE(bench.wire.management.empty());
    EXPECT_EQ(bench.endpoint.dropped_malformed(), before + 1);
  }
  void expect_sm_unfit(const SmPacket &packet) {
    const uint64_t before = bench.rpc.counters().drop_sm_state;
    bench.sm(packet);
    EXPECT_TRUE(bench.wire.management.empty());
    EXPECT_EQ(bench.rpc.counters().drop_sm_state, before + 1);
  }
  SmPacket changed(SmType type) {
    SmPacket packet = connect_request(2, 1);
    packet.type = type;
    return packet;
  }

  uint64_t next = 8;
  Bench bench;
};

TEST_F(BadInput, PacketsShorterThanAHeader) {
  for (size_t size = 0; size < kHeaderBytes; ++size)
    expect_dropped(std::vector<uint8_t>(size, 0xB0), &Counters::drop_short);
}

TEST_F(BadInput, WrongMagic) {
  std::vector<uint8_t> bytes = make_packet({1, 0, 0, PacketType::request, 0, 8});
  bytes[13] = 0xA0;
  expect_dropped(bytes, &Counters::drop_magic);
}

TEST_F(BadInput, UnknownSession) {
  for (const uint16_t session : std::initializer_list<uint16_t>{1, 500, 65535})
    expect_dropped(make_packet({1, 0, session, PacketType::request, 0, 8}),
                   &Counters::drop_session);
}

TEST_F(BadInput, SessionThatWasFreed) {
  bench.sm(connect_request(2, 1));
  bench.sm_sent();
  SmPacket disconnect = changed(SmType::disconnect_request);
  disconnect.server.session = 1;
  bench.sm(disconnect);
  EXPECT_EQ(bench.sm_sent().type, SmType::disconnect_response);
  expect_dropped(make_packet({1, 0, 1, PacketType::request, 0, 8}), &Counters::drop_session);
}

TEST_F(BadInput, SessionThatIsNotConnectedYet) {
  uint16_t session = 0;
  ASSERT_EQ(bench.rpc.create_session(kPeerHost, 31850, 3, session), Status::ok);
  expect_dropped(make_packet({1, 0, session, PacketType::response, 0, 8}), &Counters::drop_session);
}

TEST_F(BadInput, AnswersToAServerSessionAndRequestsToAClientSession) {
  expect_dropped(make_packet({1, 0, 0, PacketType::response, 0, 8}), &Counters::drop_role);
  expect_dropped(make_packet({1, 0, 0, PacketType::credit_return, 0, 8}), &Counters::drop_role);
  uint16_t session = 0;
  bench.wire.management.clear();
  ASSERT_EQ(bench.rpc.create_session(kPeerHost, 31850, 3, session), Status::ok);
  SmPacket response = bench.sm_sent();
  response.type = SmType::connect_response;
  response.server.session = 0;
  response.server.routing = encode_routing(routing_of(kPeerIpv4));
  bench.sm(response);
  expect_dropped(make_packet({1, 0, session, PacketType::request, 0, 8}), &Counters::drop_role);
  expect_dropped(make_packet({1, 0, session, PacketType::request_for_response, 1, 8}),
                 &Counters::drop_role);
}

TEST_F(BadInput, PacketsFromAnotherAddressThanThePeers) {
  bench.data(make_packet({1, 0, 0, PacketType::request, 0, 8}), kPeerIpv4 + 1);
  EXPECT_TRUE(bench.silent());
  EXPECT_EQ(bench.rpc.counters().drop_source, 1u);
}

TEST_F(BadInput, AnUnregisteredRequestTypeGetsAnEmptyResponse) {
  bench.data(make_packet({200, 16, 0, PacketType::request, 0, 8}, pattern(16)));
  const SentPacket sent = bench.sent();
  EXPECT_EQ(sent.header.type, PacketType::response);
  EXPECT_EQ(sent.header.request_type, 200);
  EXPECT_EQ(sent.header.message_bytes, 0u);
  next = 16;
}

TEST_F(BadInput, AnUnregisteredRequestTypeGoesToTheDefaultHandler) {
  bench.rpc.set_default_handler({[](void *, Rpc &rpc, const Request &request) {
                                   static constexpr std::array<uint8_t, 2> kText = {'1', ' '};
                                   rpc.respond(request.handle, kText);
                                 },
                                 nullptr});
  bench.data(make_packet({200, 16, 0, PacketType::request, 0, 8}, pattern(16)));
  EXPECT_EQ(bench.sent().header.message_bytes, 2u);
  next = 16;
}

TEST_F(BadInput, TheReservedRequestType) {
  expect_dropped(make_packet({255, 0, 0, PacketType::request, 0, 8}), &Counters::drop_request_type);
}

TEST_F(BadInput, AMessageAboveTheMaximum) {
  for (const uint32_t size : {kMessageBytesMax + 1, 0xFFFFFFu})
    expect_dropped(make_packet({1, size, 0, PacketType::request, 0, 8}, pattern(968)),
                   &Counters::drop_message_size);
}

TEST_F(BadInput, AMessageThatItsPacketDoesNotHold) {
  expect_dropped(make_packet({1, 16, 0, PacketType::request, 0, 8}, pattern(15)),
                 &Counters::drop_short);
  expect_dropped(make_packet({1, 2500, 0, PacketType::request, 0, 8}, pattern(967)),
                 &Counters::drop_short);
}

TEST_F(BadInput, AMessageSizeOrTypeThatChangesInsideARequest) {
  bench.data(make_packet({1, 2500, 0, PacketType::request, 0, 8}, pattern(968)));
  bench.sent();
  for (const uint32_t size : {3000u, 2501u, 100u, kMessageBytesMax}) {
    const uint16_t packet = size > 968 ? 1 : 0;
    expect_dropped(make_packet({1, size, 0, PacketType::request, packet, 8}, pattern(968)),
                   &Counters::drop_message_size);
  }
  expect_dropped(make_packet({2, 2500, 0, PacketType::request, 1, 8}, pattern(968)),
                 &Counters::drop_message_size);
  next = 9;
}

TEST_F(BadInput, APacketNumberBeyondTheMessage) {
  expect_dropped(make_packet({1, 16, 0, PacketType::request, 1, 8}, pattern(16)),
                 &Counters::drop_packet_number);
  expect_dropped(make_packet({1, 2500, 0, PacketType::request, 3, 8}, pattern(968)),
                 &Counters::drop_packet_number);
  expect_dropped(make_packet({1, 2500, 0, PacketType::request, 0x3FFF, 8}, pattern(968)),
                 &Counters::drop_packet_number);
}

TEST_F(BadInput, TheInputsThatEndAnUpstreamProcess) {
  const SmBytes good = encode_sm(connect_request(9, 9));
  expect_sm_malformed(std::span(good).first(100)); // 1: a short datagram
  SmBytes bytes = good;
  bytes[0] = 99; // 2: an unknown type
  expect_sm_malformed(bytes);
  for (const uint8_t rpc_id :
       std::initializer_list<uint8_t>{255, 0}) { // 3, 4: pings, in the heartbeat form and another
    SmPacket ping = connect_request(0);
    ping.type = SmType::ping_request;
    ping.client.rpc_id = rpc_id;
    ping.server.rpc_id = rpc_id;
    expect_sm_malformed(encode_sm(ping));
  }
  SmPacket connect = connect_request(9, 9);
  RoutingInfo routing = routing_of(kPeerIpv4);
  routing.reta_size = 0; // 5
  connect.client.routing = encode_routing(routing);
  bench.sm(connect);
  EXPECT_EQ(bench.sm_sent().error, SmError::routing_resolution_failure);
  routing = routing_of(kPeerIpv4);
  routing.rx_queue = 99; // 6
  connect.client.routing = encode_routing(routing);
  bench.sm(connect);
  EXPECT_EQ(bench.sm_sent().error, SmError::routing_resolution_failure);
  SmPacket disconnect = changed(SmType::disconnect_request);
  disconnect.server.session = 500; // 7
  expect_sm_unfit(disconnect);
  SmPacket response = changed(SmType::connect_response);
  response.client.session = 500; // 8
  response.client.rpc_id = 0;
  expect_sm_unfit(response);
  // 9: a request of an unregistered type
  bench.data(make_packet({99, 0, 0, PacketType::request, 0, 8}));
  EXPECT_EQ(bench.sent().header.message_bytes, 0u);
  next = 16;
}

TEST_F(BadInput, ManagementDatagramsOfOddSizesAndForms) {
  const SmBytes good = encode_sm(connect_request(9, 9));
  expect_sm_malformed({});
  std::vector<uint8_t> longer(good.begin(), good.end());
  longer.resize(500);
  expect_sm_malformed(longer);
  expect_sm_malformed(encode_sm(changed(SmType::unblock)));
  SmPacket nobody = connect_request(9, 9);
  nobody.server.rpc_id = 255;
  expect_sm_malformed(encode_sm(nobody));
  SmBytes endless = good;
  std::fill_n(endless.begin() + 20, kHostBytes, uint8_t{'x'});
  expect_sm_malformed(endless);
}

TEST_F(BadInput, ManagementResponsesThatNobodyAskedFor) {
  expect_sm_unfit(changed(SmType::connect_response));
  expect_sm_unfit(changed(SmType::disconnect_response));
  SmPacket unknown_rpc = changed(SmType::connect_response);
  unknown_rpc.client.rpc_id = 42;
  bench.sm(unknown_rpc);
  EXPECT_TRUE(bench.wire.management.empty());
}

TEST_F(BadInput, ADisconnectWithAnotherTokenLeavesTheSession) {
  SmPacket disconnect = changed(SmType::disconnect_request);
  disconnect.server.session = 0;
  expect_sm_unfit(disconnect);
  EXPECT_EQ(bench.rpc.session_count(), 1u);
}

TEST_F(BadInput, AFloodOfManagementPacketsIsBounded) {
  for (int at = 0; at < 5000; ++at)
    bench.rpc.deliver_sm(changed(SmType::connect_response), kPeerIpv4);
  bench.pass(1);
  EXPECT_EQ(bench.rpc.counters().drop_sm_queue, 5000u - 1024u);
}

} // namespace
} // namespace sledge::rpc::test
