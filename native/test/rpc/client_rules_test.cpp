// The client's counters, credits, acceptance test, go-back-N and the end of calls.
#include "sim.hpp"

namespace sledge::rpc::test {
namespace {

class ClientRules : public ::testing::Test {
 protected:
  ClientRules() { open(test_options()); }

  void open(const RpcOptions &options) {
    bench = std::make_unique<Bench>(options);
    bench->rpc.set_session_handler({&ClientRules::on_session, this});
    ASSERT_EQ(bench->rpc.create_session(kPeerHost, 31850, 0, session), Status::ok);
    SmPacket response = bench->sm_sent();
    response.type = SmType::connect_response;
    response.server.session = 77;
    response.server.routing = encode_routing(routing_of(kPeerIpv4));
    bench->sm(response);
    ASSERT_TRUE(bench->rpc.is_connected(session));
    events.clear();
  }

  static void on_session(void *context, uint16_t, SessionEvent event, SmError) {
    static_cast<ClientRules *>(context)->events.push_back(event);
  }

  Status call(Outcome &outcome, uint32_t size = 16, uint64_t deadline_ns = kNever) {
    const auto body = pattern(size);
    return bench->rpc.call(session, 3, body, outcome.completion(), deadline_ns);
  }
  void answer(PacketType type, uint64_t number, uint16_t packet, uint32_t size = 0,
              std::span<const uint8_t> data = {}) {
    bench->data(make_packet({3, size, session, type, packet, number}, data));
  }
  void credit(uint64_t number, uint16_t packet) {
    answer(PacketType::credit_return, number, packet);
  }
  void response(uint64_t number, uint16_t packet, std::span<const uint8_t> body,
                uint32_t index = 0) {
    const auto size = static_cast<uint32_t>(body.size());
    const uint32_t bytes = packet_data_bytes(size, index);
    answer(PacketType::response, number, packet, size,
           body.subspan(bytes == 0 ? 0 : index * kDataBytesPerPacket, bytes));
  }
  void expect_dropped() {
    EXPECT_TRUE(bench->silent());
    EXPECT_EQ(bench->rpc.counters().drop_answer, ++dropped);
  }

  std::unique_ptr<Bench> bench;
  uint16_t session = 0;
  uint64_t dropped = 0;
  std::vector<SessionEvent> events;
};

TEST_F(ClientRules, SequentialCallsUseTheSlotFreedLast) {
  for (const uint64_t number : {8u, 16u, 24u}) {
    Outcome outcome;
    ASSERT_EQ(call(outcome), Status::ok);
    const SentPacket sent = bench->sent();
    EXPECT_EQ(sent.header.request_number, number);
    EXPECT_EQ(sent.header.session, 77);
    EXPECT_EQ(sent.header.request_type, 3);
    EXPECT_TRUE(std::ranges::equal(sent.data(), pattern(16)));
    response(number, 0, pattern(5, 2));
    EXPECT_EQ(outcome.times, 1);
    EXPECT_EQ(outcome.data, pattern(5, 2));
  }
}

TEST_F(ClientRules, ConcurrentCallsTakeSlotsInOrderAndTheRestWaits) {
  std::array<Outcome, 10> outcomes;
  for (Outcome &outcome : outcomes)
    ASSERT_EQ(call(outcome), Status::ok);
  const auto sent = bench->all_sent();
  ASSERT_EQ(sent.size(), 8u);
  for (size_t at = 0; at < 8; ++at)
    EXPECT_EQ(sent[at].header.request_number, 8 + at);
  response(11, 0, pattern(1));
  EXPECT_EQ(bench->sent().header.request_number, 19u); // the backlog got the freed slot
  EXPECT_TRUE(outcomes[3].done);
}

TEST_F(ClientRules, ABacklogThatIsFullRefusesTheCall) {
  RpcOptions options = test_options();
  options.backlog_calls = 0;
  open(options);
  std::array<Outcome, 9> outcomes;
  for (size_t at = 0; at < 8; ++at)
    ASSERT_EQ(call(outcomes[at]), Status::ok);
  EXPECT_EQ(call(outcomes[8]), Status::backlog_full);
  EXPECT_EQ(bench->rpc.counters().calls_refused, 1u);
}

TEST_F(ClientRules, NeverMoreUnansweredPacketsThanCredits) {
  Outcome outcome;
  ASSERT_EQ(call(outcome, 40 * 968), Status::ok);
  EXPECT_EQ(bench->all_sent().size(), 32u);
  credit(8, 0);
  EXPECT_EQ(bench->sent().header.packet_number, 32);
  credit(8, 1);
  EXPECT_EQ(bench->sent().header.packet_number, 33);
}

TEST_F(ClientRules, ACallWithoutCreditsWaitsInTheStallQueue) {
  Outcome large;
  Outcome small;
  ASSERT_EQ(call(large, 32 * 968), Status::ok);
  ASSERT_EQ(call(small), Status::ok);
  EXPECT_EQ(bench->all_sent().size(), 32u);
  credit(8, 0);
  EXPECT_EQ(bench->sent().header.request_number, 9u);
  bench->pass(20 * kMillisecondNs); // go-back of the large one must not lose the small one
  EXPECT_FALSE(bench->silent());
}

TEST_F(ClientRules, ResponsesInSeveralPacketsAreFetchedByRfr) {
  Outcome outcome;
  ASSERT_EQ(call(outcome, 2500), Status::ok);
  bench->all_sent();
  credit(8, 0);
  credit(8, 1);
  const auto body = pattern(2500, 9);
  response(8, 2, body, 0);
  const auto rfrs = bench->all_sent();
  ASSERT_EQ(rfrs.size(), 2u);
  EXPECT_EQ(rfrs[0].header.type, PacketType::request_for_response);
  EXPECT_EQ(rfrs[0].header.packet_number, 3);
  EXPECT_EQ(rfrs[1].header.packet_number, 4);
  EXPECT_EQ(rfrs[0].header.message_bytes, 0u);
  response(8, 3, body, 1);
  EXPECT_FALSE(outcome.done);
  response(8, 4, body, 2);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.data, body);
  EXPECT_EQ(bench->rpc.memory_bytes(), 0u);
}

TEST_F(ClientRules, OnlyTheNextAnswerInOrderIsAccepted) {
  Outcome outcome;
  ASSERT_EQ(call(outcome, 2500), Status::ok);
  bench->all_sent();
  const auto body = pattern(2500);
  credit(8, 1); // future
  expect_dropped();
  credit(16, 0); // another request
  expect_dropped();
  credit(0, 0); // an old one
  expect_dropped();
  credit(9, 0); // an idle slot
  expect_dropped();
  response(8, 0, body); // a response where a credit return is due
  expect_dropped();
  credit(8, 0);
  credit(8, 0); // twice
  expect_dropped();
  credit(8, 1);
  credit(8, 2); // a credit return for the last packet
  expect_dropped();
  response(8, 3, body, 1); // not asked for yet
  expect_dropped();
  response(8, 2, body, 0);
  bench->all_sent();
  response(8, 2, body, 0);
  expect_dropped();
  response(8, 4, body, 2);
  expect_dropped();
}

TEST_F(ClientRules, AnswersAfterTheEndAreDropped) {
  Outcome outcome;
  ASSERT_EQ(call(outcome), Status::ok);
  bench->all_sent();
  response(8, 0, pattern(4));
  response(8, 0, pattern(4));
  expect_dropped();
  EXPECT_EQ(outcome.times, 1);
}

TEST_F(ClientRules, AResponseWhoseSizeChangesIsDropped) {
  Outcome outcome;
  ASSERT_EQ(call(outcome), Status::ok);
  bench->all_sent();
  const auto body = pattern(2500);
  response(8, 0, body, 0);
  bench->all_sent();
  answer(PacketType::response, 8, 1, 4000, std::span(body).first(968));
  EXPECT_EQ(bench->rpc.counters().drop_message_size, 1u);
  response(8, 1, body, 1);
  response(8, 2, body, 2);
  EXPECT_EQ(outcome.data, body);
}

TEST_F(ClientRules, AResponseThatItsPacketDoesNotHoldIsDropped) {
  Outcome outcome;
  ASSERT_EQ(call(outcome), Status::ok);
  bench->all_sent();
  answer(PacketType::response, 8, 0, 100, pattern(99));
  EXPECT_EQ(bench->rpc.counters().drop_short, 1u);
  EXPECT_FALSE(outcome.done);
}

TEST_F(ClientRules, AResponseLargerThanAllowedEndsTheCallAndTheSlotGoesOn) {
  RpcOptions options = test_options();
  options.response_bytes_max = 2000;
  open(options);
  Outcome outcome;
  ASSERT_EQ(call(outcome), Status::ok);
  bench->all_sent();
  const auto body = pattern(2500);
  response(8, 0, body, 0);
  EXPECT_EQ(outcome.status, Status::response_too_large);
  EXPECT_EQ(bench->all_sent().size(), 2u);
  response(8, 1, body, 1);
  response(8, 2, body, 2);
  EXPECT_EQ(outcome.times, 1);
  Outcome next;
  ASSERT_EQ(call(next), Status::ok);
  EXPECT_EQ(bench->sent().header.request_number, 16u);
}

TEST_F(ClientRules, AResponseTooLargeForACallWhoseDeadlinePassedIsFetchedInSilence) {
  RpcOptions options = test_options();
  options.response_bytes_max = 2000;
  open(options);
  Outcome outcome;
  ASSERT_EQ(call(outcome, 16, bench->now_ns + kMillisecondNs), Status::ok);
  bench->pass(kMillisecondNs);
  EXPECT_EQ(outcome.status, Status::deadline);
  bench->all_sent();
  const auto body = pattern(2500);
  for (uint16_t packet = 0; packet < 3; ++packet)
    response(8, packet, body, packet);
  EXPECT_EQ(outcome.times, 1);
  EXPECT_EQ(bench->rpc.destroy_session(session), Status::ok);
}

TEST_F(ClientRules, AResponseBeyondTheMemoryLimitIsDroppedAndFetchedLater) {
  RpcOptions options = test_options();
  options.memory_bytes_max = 2000;
  open(options);
  Outcome outcome;
  ASSERT_EQ(call(outcome), Status::ok);
  bench->all_sent();
  response(8, 0, pattern(2500), 0);
  EXPECT_EQ(bench->rpc.counters().drop_memory, 1u);
  EXPECT_FALSE(outcome.done);
  bench->pass(6 * kMillisecondNs);
  EXPECT_EQ(bench->sent().header.type, PacketType::request);
}

TEST_F(ClientRules, AfterFiveMillisecondsTheClientGoesBackToTheLastAnswer) {
  Outcome outcome;
  ASSERT_EQ(call(outcome, 5 * 968), Status::ok);
  bench->all_sent();
  credit(8, 0);
  credit(8, 1);
  bench->pass(5 * kMillisecondNs);
  EXPECT_TRUE(bench->silent());
  bench->pass(1);
  const auto again = bench->all_sent();
  ASSERT_EQ(again.size(), 3u);
  EXPECT_EQ(again[0].header.packet_number, 2);
  EXPECT_EQ(again[2].header.packet_number, 4);
  EXPECT_EQ(bench->rpc.counters().retransmissions, 1u);
  bench->pass(5 * kMillisecondNs);
  EXPECT_TRUE(bench->silent());
  bench->pass(1); // no back-off
  EXPECT_EQ(bench->all_sent().size(), 3u);
}

TEST_F(ClientRules, LossHalvesTheWindowDownToItsFloorAndProgressReopensIt) {
  Outcome outcome;
  ASSERT_EQ(call(outcome, 400 * 968), Status::ok);
  EXPECT_EQ(bench->all_sent().size(), 32u);
  for (const size_t expected : {16u, 8u, 8u}) {
    bench->pass(5 * kMillisecondNs + 1);
    EXPECT_EQ(bench->all_sent().size(), expected);
  }
  for (uint16_t packet = 0; packet < 8; ++packet)
    credit(8, packet);
  EXPECT_EQ(bench->all_sent().size(), 9u);
}

TEST_F(ClientRules, AWaitForASlowHandlerDoesNotCloseTheWindow) {
  Outcome slow;
  ASSERT_EQ(call(slow), Status::ok);
  bench->all_sent();
  for (int round = 0; round < 10; ++round) {
    bench->pass(5 * kMillisecondNs + 1);
    EXPECT_EQ(bench->sent().header.request_number, 8u);
  }
  Outcome large;
  ASSERT_EQ(call(large, 40 * 968), Status::ok);
  EXPECT_EQ(bench->all_sent().size(), 31u);
}

TEST_F(ClientRules, APassedDeadlineEndsTheCallOnceAndItsSlotLater) {
  Outcome outcome;
  ASSERT_EQ(call(outcome, 16, bench->now_ns + 2 * kMillisecondNs), Status::ok);
  EXPECT_EQ(bench->rpc.next_timer_ns(), bench->now_ns + 2 * kMillisecondNs);
  bench->pass(2 * kMillisecondNs);
  EXPECT_EQ(outcome.status, Status::deadline);
  EXPECT_EQ(bench->rpc.destroy_session(session), Status::busy);
  bench->all_sent();
  response(8, 0, pattern(3));
  EXPECT_EQ(outcome.times, 1);
  EXPECT_EQ(bench->rpc.destroy_session(session), Status::ok);
}

TEST_F(ClientRules, APassedDeadlineEndsACallInTheBacklog) {
  std::array<Outcome, 9> outcomes;
  for (size_t at = 0; at < 8; ++at)
    ASSERT_EQ(call(outcomes[at]), Status::ok);
  ASSERT_EQ(call(outcomes[8], 16, bench->now_ns + kMillisecondNs), Status::ok);
  bench->pass(kMillisecondNs);
  EXPECT_EQ(outcomes[8].status, Status::deadline);
  EXPECT_EQ(bench->rpc.calls_pending(), 8u);
}

TEST_F(ClientRules, APeerThatStopsAnsweringIsLostAfterTheRetryLimit) {
  RpcOptions options = test_options();
  options.retry_limit = 10;
  options.backlog_calls = 4;
  open(options);
  std::array<Outcome, 10> outcomes;
  for (Outcome &outcome : outcomes)
    ASSERT_EQ(call(outcome), Status::ok);
  for (int round = 0; round < 13; ++round)
    bench->pass(5 * kMillisecondNs + 1);
  for (const Outcome &outcome : outcomes) {
    EXPECT_EQ(outcome.status, Status::peer_lost);
    EXPECT_EQ(outcome.times, 1);
  }
  EXPECT_EQ(events, std::vector{SessionEvent::peer_lost});
  EXPECT_EQ(bench->rpc.counters().peers_lost, 1u);
  EXPECT_EQ(bench->rpc.session_count(), 0u);
  EXPECT_EQ(bench->rpc.next_timer_ns(), kNever);
}

TEST_F(ClientRules, APeerThatAnswersOtherCallsIsNotLost) {
  RpcOptions options = test_options();
  options.retry_limit = 10;
  open(options);
  Outcome slow;
  ASSERT_EQ(call(slow), Status::ok);
  uint64_t number = 9;
  for (int round = 0; round < 50; ++round) {
    Outcome quick;
    ASSERT_EQ(call(quick), Status::ok);
    response(number, 0, pattern(1));
    ASSERT_TRUE(quick.done);
    number += 8;
    bench->pass(5 * kMillisecondNs + 1);
  }
  EXPECT_FALSE(slow.done);
  EXPECT_TRUE(bench->rpc.is_connected(session));
}

TEST_F(ClientRules, CallsThatCannotBeMadeAreRefused) {
  Outcome outcome;
  const std::vector<uint8_t> body(kMessageBytesMax + 1);
  Rpc &rpc = bench->rpc;
  EXPECT_EQ(rpc.call(session, 3, body, outcome.completion()), Status::invalid_argument);
  EXPECT_EQ(rpc.call(session, 255, pattern(1), outcome.completion()), Status::invalid_argument);
  EXPECT_EQ(rpc.call(session, 3, pattern(1), {}), Status::invalid_argument);
  EXPECT_EQ(rpc.call(99, 3, pattern(1), outcome.completion()), Status::no_session);
  EXPECT_EQ(rpc.destroy_session(session), Status::ok);
  EXPECT_EQ(call(outcome), Status::not_connected);
  EXPECT_EQ(outcome.times, 0);
}

} // namespace
} // namespace sledge::rpc::test
