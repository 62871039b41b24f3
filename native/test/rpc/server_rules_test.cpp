// The server's table of duplicate, old, future and out-of-order packets, row by row.
#include "recorder.hpp"

namespace sledge::rpc::test {
namespace {

constexpr uint32_t kLargeBytes = 2500; // three packets

class ServerRules : public ::testing::Test {
 protected:
  ServerRules() {
    bench.rpc.set_default_handler({&ServerRules::on_request, this});
    bench.sm(connect_request(1));
    EXPECT_EQ(bench.sm_sent().error, SmError::none);
  }

  static void on_request(void *context, Rpc &rpc, const Request &request) {
    auto &self = *static_cast<ServerRules *>(context);
    self.runs.push_back(request.handle.request_number);
    self.last.assign(request.data.begin(), request.data.end());
    if (self.answer_at_once)
      EXPECT_EQ(rpc.respond(request.handle, self.response), Status::ok);
    else
      self.held = request.handle;
  }

  void request(uint64_t number, uint16_t packet = 0, uint32_t size = 16, uint8_t type = 1) {
    const std::vector<uint8_t> body = pattern(size);
    const uint32_t bytes = packet_data_bytes(size, packet);
    const auto data = std::span(body).subspan(bytes == 0 ? 0 : packet * kDataBytesPerPacket, bytes);
    bench.data(make_packet({type, size, 0, PacketType::request, packet, number}, data));
  }
  void rfr(uint64_t number, uint16_t packet) {
    bench.data(make_packet({1, 0, 0, PacketType::request_for_response, packet, number}));
  }
  void expect_sent(PacketType type, uint16_t packet, uint64_t number) {
    const SentPacket sent = bench.sent();
    EXPECT_EQ(sent.header.type, type);
    EXPECT_EQ(sent.header.packet_number, packet);
    EXPECT_EQ(sent.header.request_number, number);
  }
  void expect_dropped(Counter Counters::*counter) {
    EXPECT_TRUE(bench.silent());
    EXPECT_EQ(bench.rpc.counters().*counter, ++drops[counter_index(counter)]);
  }
  static size_t counter_index(Counter Counters::*counter) {
    for (size_t at = 0; at < std::size(kCounterDescriptions); ++at) {
      if (kCounterDescriptions[at].value == counter)
        return at;
    }
    return std::size(kCounterDescriptions);
  }

  bool answer_at_once = true;
  std::vector<uint8_t> response = pattern(24, 7);
  std::vector<uint8_t> last;
  std::vector<uint64_t> runs;
  RequestHandle held;
  std::array<uint64_t, std::size(kCounterDescriptions) + 1> drops{};
  Bench bench;
};

TEST_F(ServerRules, SmallRequestsAreAnsweredOnceAndRepeatedForDuplicates) {
  request(8);
  const SentPacket first = bench.sent();
  EXPECT_EQ(first.header.type, PacketType::response);
  EXPECT_EQ(first.header.message_bytes, 24u);
  request(8);
  EXPECT_EQ(bench.sent().bytes, first.bytes);
  request(16);
  expect_sent(PacketType::response, 0, 16);
  request(8);
  expect_dropped(&Counters::drop_old);
  EXPECT_EQ(runs, (std::vector<uint64_t>{8, 16}));
  EXPECT_EQ(bench.rpc.counters().answers_repeated, 1u);
}

TEST_F(ServerRules, DuplicateOfARequestBeingHandledIsDropped) {
  answer_at_once = false;
  request(8);
  EXPECT_TRUE(bench.silent());
  request(8);
  expect_dropped(&Counters::drop_duplicate);
  EXPECT_EQ(bench.rpc.respond(held, response), Status::ok);
  expect_sent(PacketType::response, 0, 8);
  EXPECT_EQ(runs.size(), 1u);
}

TEST_F(ServerRules, SlotsAreIndependent) {
  request(9);
  expect_sent(PacketType::response, 0, 9);
  request(8);
  expect_sent(PacketType::response, 0, 8);
}

TEST_F(ServerRules, ARequestNumberThatDoesNotFollowIsDropped) {
  request(0); // the idle value of slot 0
  expect_dropped(&Counters::drop_request_number);
  request(800);
  expect_dropped(&Counters::drop_request_number);
  request(8);
  expect_sent(PacketType::response, 0, 8);
  request(24);
  expect_dropped(&Counters::drop_request_number);
  EXPECT_EQ(runs.size(), 1u);
}

TEST_F(ServerRules, TheNextRequestInASlotWaitsForTheAnswer) {
  answer_at_once = false;
  request(8);
  request(16);
  expect_dropped(&Counters::drop_future);
  EXPECT_EQ(bench.rpc.respond(held, response), Status::ok);
  expect_sent(PacketType::response, 0, 8);
}

TEST_F(ServerRules, LargeRequestsGetACreditPerPacketAndTheResponseForTheLast) {
  request(8, 0, kLargeBytes);
  expect_sent(PacketType::credit_return, 0, 8);
  request(8, 1, kLargeBytes);
  const SentPacket credit = bench.sent();
  EXPECT_EQ(credit.header.message_bytes, 0u);
  EXPECT_EQ(credit.header.request_type, 1);
  EXPECT_EQ(credit.bytes.size(), kHeaderBytes + kControlPadBytes);
  request(8, 2, kLargeBytes);
  expect_sent(PacketType::response, 2, 8);
  EXPECT_EQ(last, pattern(kLargeBytes));
  EXPECT_EQ(runs.size(), 1u);
}

TEST_F(ServerRules, LargeRequestPacketsOutOfOrderAreDropped) {
  request(8, 1, kLargeBytes);
  expect_dropped(&Counters::drop_future);
  request(8, 0, kLargeBytes);
  expect_sent(PacketType::credit_return, 0, 8);
  request(8, 2, kLargeBytes);
  expect_dropped(&Counters::drop_future);
  request(16, 0, kLargeBytes); // the next request while this one is incomplete
  EXPECT_TRUE(bench.silent());
  drops[counter_index(&Counters::drop_future)]++;
  request(24, 0, kLargeBytes);
  expect_dropped(&Counters::drop_request_number);
  request(8, 1, kLargeBytes);
  expect_sent(PacketType::credit_return, 1, 8);
  request(8, 2, kLargeBytes);
  expect_sent(PacketType::response, 2, 8);
  EXPECT_EQ(last, pattern(kLargeBytes));
}

TEST_F(ServerRules, OldPacketsOfALargeRequestGetTheirCreditAgain) {
  answer_at_once = false;
  for (uint16_t packet = 0; packet < 3; ++packet)
    request(8, packet, kLargeBytes);
  bench.all_sent();
  request(8, 0, kLargeBytes);
  expect_sent(PacketType::credit_return, 0, 8);
  request(8, 1, kLargeBytes);
  expect_sent(PacketType::credit_return, 1, 8);
  request(8, 2, kLargeBytes);
  expect_dropped(&Counters::drop_duplicate);
  EXPECT_EQ(bench.rpc.respond(held, response), Status::ok);
  const SentPacket answer = bench.sent();
  request(8, 2, kLargeBytes);
  EXPECT_EQ(bench.sent().bytes, answer.bytes);
  EXPECT_EQ(runs.size(), 1u);
}

TEST_F(ServerRules, RequestsForResponsesAreAnsweredInOrderAndRepeated) {
  response = pattern(4 * 968, 3);
  for (uint16_t packet = 0; packet < 3; ++packet)
    request(8, packet, kLargeBytes);
  bench.all_sent();
  rfr(8, 3);
  const SentPacket third = bench.sent();
  EXPECT_EQ(third.header.packet_number, 3);
  EXPECT_TRUE(std::ranges::equal(third.data(), std::span(response).subspan(968, 968)));
  rfr(8, 3);
  EXPECT_EQ(bench.sent().bytes, third.bytes);
  rfr(8, 5);
  expect_dropped(&Counters::drop_future);
  rfr(8, 4);
  expect_sent(PacketType::response, 4, 8);
  rfr(8, 5);
  const SentPacket final = bench.sent();
  EXPECT_TRUE(std::ranges::equal(final.data(), std::span(response).subspan(3 * 968, 968)));
}

TEST_F(ServerRules, RequestsForWhatTheResponseDoesNotHaveAreDropped) {
  rfr(8, 1);
  expect_dropped(&Counters::drop_request_number);
  response = pattern(2 * 968);
  request(8);
  bench.all_sent();
  rfr(8, 0); // below the first
  expect_dropped(&Counters::drop_packet_number);
  rfr(8, 2); // beyond the last
  expect_dropped(&Counters::drop_packet_number);
  rfr(16, 1);
  expect_dropped(&Counters::drop_request_number);
  rfr(8, 1);
  expect_sent(PacketType::response, 1, 8);
  request(16);
  bench.all_sent();
  rfr(8, 1);
  expect_dropped(&Counters::drop_old);
}

TEST_F(ServerRules, RequestsForAResponseThatIsNotReadyAreDropped) {
  answer_at_once = false;
  request(8);
  rfr(8, 1);
  expect_dropped(&Counters::drop_packet_number);
}

TEST_F(ServerRules, AnEmptyRequestAndAnEmptyResponseAreOnePacketEach) {
  response.clear();
  request(8, 0, 0);
  const SentPacket sent = bench.sent();
  EXPECT_EQ(sent.bytes.size(), kHeaderBytes);
  EXPECT_EQ(sent.header.message_bytes, 0u);
  EXPECT_TRUE(last.empty());
}

TEST_F(ServerRules, ARequestIsAnsweredOnlyOnceAndNotAfterItsSessionIsGone) {
  answer_at_once = false;
  request(8);
  EXPECT_EQ(bench.rpc.respond(held, response), Status::ok);
  EXPECT_EQ(bench.rpc.respond(held, response), Status::stale);
  bench.all_sent();
  request(9);
  const RequestHandle gone = held;
  SmPacket disconnect = connect_request(1);
  disconnect.type = SmType::disconnect_request;
  disconnect.server.session = 0;
  bench.sm(disconnect);
  EXPECT_EQ(bench.rpc.respond(gone, response), Status::stale);
  EXPECT_TRUE(bench.silent());
  EXPECT_EQ(bench.rpc.counters().stale_responses, 2u);
}

TEST_F(ServerRules, OldFetchedResponsesGiveWayWhenMemoryIsShort) {
  RpcOptions options = test_options();
  options.memory_bytes_max = 10'000;
  Bench small(options);
  small.rpc.set_default_handler({&ServerRules::on_request, this});
  small.sm(connect_request(2));
  response = pattern(6000);
  const auto ask = [&](uint64_t number) {
    small.data(make_packet({1, 0, 0, PacketType::request, 0, number}));
  };
  ask(8);
  for (uint16_t packet = 1; packet < packets_of(6000); ++packet)
    small.data(make_packet({1, 0, 0, PacketType::request_for_response, packet, 8}));
  small.pass(10 * kMillisecondNs);
  EXPECT_EQ(small.rpc.memory_bytes(), 6000u);
  answer_at_once = false;
  ask(9);
  EXPECT_EQ(small.rpc.respond(held, response), Status::out_of_memory);
  small.pass(2 * kSecondNs);
  EXPECT_EQ(small.rpc.respond(held, response), Status::ok);
  EXPECT_EQ(small.rpc.counters().responses_reclaimed, 1u);
  EXPECT_EQ(small.rpc.memory_bytes(), 6000u);
}

TEST_F(ServerRules, PacketsAreDroppedWhileMemoryIsShort) {
  RpcOptions options = test_options();
  options.memory_bytes_max = 3000;
  Bench small(options);
  small.rpc.set_default_handler({&ServerRules::on_request, this});
  small.sm(connect_request(2));
  const std::vector<uint8_t> data = pattern(968);
  const auto first_of = [&](uint64_t number) {
    small.data(make_packet({1, 2500, 0, PacketType::request, 0, number}, data));
  };
  first_of(8);
  EXPECT_EQ(small.sent().header.type, PacketType::credit_return);
  first_of(9);
  EXPECT_TRUE(small.silent());
  EXPECT_EQ(small.rpc.counters().drop_memory, 1u);
}

TEST_F(ServerRules, HalfARequestFollowedBySilenceEndsTheSession) {
  request(8, 0, kLargeBytes);
  bench.all_sent();
  bench.pass(9 * kSecondNs);
  EXPECT_EQ(bench.rpc.session_count(), 1u);
  EXPECT_NE(bench.rpc.next_timer_ns(), kNever);
  bench.pass(3 * kSecondNs);
  bench.pass(3 * kSecondNs);
  EXPECT_EQ(bench.rpc.session_count(), 0u);
  EXPECT_EQ(bench.rpc.memory_bytes(), 0u);
  EXPECT_EQ(bench.rpc.counters().peers_lost, 1u);
}

TEST_F(ServerRules, AnIdleSessionIsNotEndedBySilence) {
  request(8);
  bench.pass(1000 * kSecondNs);
  EXPECT_EQ(bench.rpc.session_count(), 1u);
}

} // namespace
} // namespace sledge::rpc::test
