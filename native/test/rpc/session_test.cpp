// Sessions: connect, disconnect, limits, repetition, and peers that vanish, restart or differ.
#include "sim.hpp"

namespace sledge::rpc::test {
namespace {

constexpr uint32_t kClientIpv4 = 0x0A000001;
constexpr uint32_t kServerIpv4 = 0x0A000002;

RpcOptions drawn_session_numbers(uint64_t seed) {
  RpcOptions options = test_options();
  options.first_session = -1;
  options.seed = seed;
  return options;
}

TEST(ServerSessions, AConnectRequestSentAgainGetsTheSameAnswer) {
  Bench bench;
  bench.sm(connect_request(5));
  const SmBytes first = bench.wire.management.front().bytes;
  EXPECT_EQ(bench.wire.management.front().to.ipv4, kPeerIpv4);
  EXPECT_EQ(bench.wire.management.front().to.port, 31850);
  bench.wire.management.clear();
  bench.sm(connect_request(5));
  EXPECT_EQ(bench.wire.management.front().bytes, first);
  EXPECT_EQ(bench.rpc.session_count(), 1u);
}

TEST(ServerSessions, TheAnswerEchoesTheClientAndKeepsTheServerAsTheClientWroteIt) {
  Bench bench;
  SmPacket request = connect_request(5, 3);
  request.server.host = "server.example";
  request.server.sm_port = 31860;
  bench.sm(request);
  const SmPacket answer = bench.sm_sent();
  EXPECT_EQ(answer.token, 5u);
  EXPECT_EQ(answer.client.session, 3);
  EXPECT_EQ(answer.client.routing, request.client.routing);
  EXPECT_EQ(answer.server.host, "server.example");
  EXPECT_EQ(answer.server.sm_port, 31860);
  EXPECT_EQ(answer.server.session, 0);
  EXPECT_EQ(decode_routing(answer.server.routing), routing_of(kLocalIpv4));
}

TEST(ServerSessions, AClientNamedByHostNameIsAnsweredAtItsAddress) {
  Bench bench;
  SmPacket request = connect_request(5);
  request.client.host = "client.example";
  bench.sm(request);
  EXPECT_EQ(bench.wire.management.front().to.ipv4, kPeerIpv4);
}

TEST(ServerSessions, AnotherTransportAndAnUnknownRpcAreRefused) {
  Bench bench;
  SmPacket request = connect_request(5);
  request.server.transport = 1;
  bench.sm(request);
  SmPacket answer = bench.sm_sent();
  EXPECT_EQ(answer.error, SmError::invalid_transport);
  EXPECT_EQ(answer.server.session, kSessionInvalid);
  request = connect_request(6);
  request.server.rpc_id = 7;
  bench.sm(request);
  answer = bench.sm_sent();
  EXPECT_EQ(answer.type, SmType::connect_response);
  EXPECT_EQ(answer.error, SmError::invalid_remote_rpc_id);
  EXPECT_EQ(bench.endpoint.answered_unknown_rpc(), 1u);
}

TEST(ServerSessions, The129thSessionIsRefusedAndAFreedPlaceIsGivenAgain) {
  Bench bench;
  for (uint16_t at = 0; at < 128; ++at) {
    bench.sm(connect_request(100 + at, at));
    const SmPacket answer = bench.sm_sent();
    ASSERT_EQ(answer.error, SmError::none);
    ASSERT_EQ(answer.server.session, at);
  }
  bench.sm(connect_request(999, 999));
  SmPacket answer = bench.sm_sent();
  EXPECT_EQ(answer.error, SmError::ring_exhausted);
  EXPECT_EQ(answer.server.session, kSessionInvalid);
  uint16_t own = 0;
  EXPECT_EQ(bench.rpc.create_session(kPeerHost, 31850, 1, own), Status::no_ring_entries);
  SmPacket disconnect = connect_request(105, 5);
  disconnect.type = SmType::disconnect_request;
  disconnect.server.session = 5;
  bench.sm(disconnect);
  EXPECT_EQ(bench.sm_sent().type, SmType::disconnect_response);
  bench.sm(connect_request(1000, 1000));
  answer = bench.sm_sent();
  EXPECT_EQ(answer.error, SmError::none);
  EXPECT_EQ(answer.server.session, 128); // numbers are not given twice
}

TEST(ServerSessions, TheForksWindowAllows32Sessions) {
  RpcOptions options = test_options();
  options.request_window = 256;
  options.credits = 256;
  options.rx_ring_entries = 8192;
  options.rss_queues = 32;
  Bench bench(options);
  EXPECT_EQ(bench.rpc.session_count_max(), 32u);
}

TEST(ServerSessions, ASilentSessionGivesWayWhenTheRpcIsFull) {
  Bench bench;
  for (uint16_t at = 0; at < 128; ++at)
    bench.sm(connect_request(100 + at, at));
  bench.pass(61 * kSecondNs);
  bench.data(make_packet({1, 0, 0, PacketType::request, 0, 8}));
  bench.wire.management.clear();
  bench.sm(connect_request(999, 999));
  EXPECT_EQ(bench.sm_sent().error, SmError::none);
  EXPECT_EQ(bench.rpc.counters().sessions_evicted, 1u);
  EXPECT_TRUE(bench.rpc.is_connected(0)); // it was heard
  EXPECT_FALSE(bench.rpc.is_connected(1));
}

TEST(ServerSessions, ADisconnectRequestSentAgainIsAnsweredAgainAndItsTokenStaysUsed) {
  Bench bench;
  bench.sm(connect_request(5));
  bench.sm_sent();
  SmPacket disconnect = connect_request(5);
  disconnect.type = SmType::disconnect_request;
  disconnect.server.session = 0;
  for (int round = 0; round < 2; ++round) {
    bench.sm(disconnect);
    const SmPacket answer = bench.sm_sent();
    EXPECT_EQ(answer.type, SmType::disconnect_response);
    EXPECT_EQ(answer.error, SmError::none);
  }
  bench.sm(connect_request(5));
  EXPECT_TRUE(bench.wire.management.empty());
  EXPECT_EQ(bench.rpc.session_count(), 0u);
}

TEST(ServerSessions, NumbersAreReusedOnlyWhenAllWereGiven) {
  RpcOptions options = test_options();
  Bench bench(options);
  uint16_t highest = 0;
  for (uint32_t round = 0; round < 32'767 + 10; ++round) {
    const uint64_t token = 10 + round;
    bench.sm(connect_request(token, static_cast<uint16_t>(round)));
    SmPacket answer = bench.sm_sent();
    ASSERT_EQ(answer.error, SmError::none);
    highest = std::max(highest, answer.server.session);
    ASSERT_EQ(answer.server.session, round % 32'767);
    answer.type = SmType::disconnect_request;
    bench.sm(answer);
    ASSERT_EQ(bench.sm_sent().type, SmType::disconnect_response);
  }
  EXPECT_EQ(highest, 32'766);
}

TEST(ClientSessions, TheirStatesAnswerDestroyAsDocumented) {
  Sim sim;
  SimHost &client = sim.add(kClientIpv4);
  SimHost &server = sim.add(kServerIpv4);
  server.rpc.set_handler(1, {&echo, nullptr});
  uint16_t session = 0;
  ASSERT_EQ(client.rpc.create_session("10.0.0.2", 31850, 0, session), Status::ok);
  EXPECT_EQ(client.rpc.destroy_session(session), Status::not_connected);
  ASSERT_TRUE(sim.run([&] { return client.rpc.is_connected(session); }));
  Outcome outcome;
  ASSERT_EQ(client.rpc.call(session, 1, pattern(1), outcome.completion()), Status::ok);
  EXPECT_EQ(client.rpc.destroy_session(session), Status::busy);
  ASSERT_TRUE(sim.run([&] { return outcome.done; }));
  EXPECT_EQ(server.rpc.destroy_session(0), Status::no_session);
  EXPECT_EQ(client.rpc.destroy_session(session), Status::ok);
  EXPECT_EQ(client.rpc.destroy_session(session), Status::already);
  ASSERT_TRUE(sim.run([&] { return client.rpc.session_count() == 0; }));
  EXPECT_EQ(client.rpc.destroy_session(session), Status::no_session);
  EXPECT_EQ(server.rpc.session_count(), 0u);
  ASSERT_EQ(client.events.size(), 2u);
  EXPECT_EQ(client.events[0].event, SessionEvent::connected);
  EXPECT_EQ(client.events[1].event, SessionEvent::disconnected);
}

TEST(ClientSessions, WrongArgumentsAreRefused) {
  Bench bench;
  uint16_t session = 0;
  EXPECT_EQ(bench.rpc.create_session(kLocalHost, 31850, 0, session), Status::invalid_argument);
  EXPECT_EQ(bench.rpc.create_session("", 31850, 0, session), Status::invalid_argument);
  EXPECT_EQ(bench.rpc.create_session(std::string(128, 'h'), 31850, 0, session),
            Status::invalid_argument);
  EXPECT_EQ(bench.rpc.create_session(kPeerHost, 31850, 255, session), Status::invalid_argument);
  EXPECT_EQ(bench.rpc.create_session("no address", 31850, 0, session), Status::unresolved);
  EXPECT_EQ(bench.rpc.create_session(kLocalHost, 31850, 1, session), Status::ok);
}

TEST(ClientSessions, AConnectRequestIsRepeatedEvery100MillisecondsAndGivenUp) {
  RpcOptions options = test_options();
  options.sm_retry_limit = 3;
  Sim sim;
  SimHost &client = sim.add(kClientIpv4, options);
  uint16_t session = 0;
  ASSERT_EQ(client.rpc.create_session("10.0.0.2", 31850, 0, session), Status::ok);
  EXPECT_EQ(client.rpc.next_timer_ns(), 100 * kMillisecondNs + 1);
  ASSERT_TRUE(sim.run([&] { return !client.events.empty(); }));
  EXPECT_EQ(client.events[0].event, SessionEvent::connect_failed);
  EXPECT_EQ(client.rpc.session_count(), 0u);
}

TEST(ClientSessions, AnUnknownRpcCanBeWaitedFor) {
  RpcOptions options = test_options();
  options.retry_connect_on_invalid_rpc_id = true;
  Sim sim;
  SimHost &client = sim.add(kClientIpv4, options);
  SimHost &server = sim.add(kServerIpv4);
  server.endpoint.detach(server.rpc);
  uint16_t session = 0;
  ASSERT_EQ(client.rpc.create_session("10.0.0.2", 31850, 0, session), Status::ok);
  sim.pass(kSecondNs);
  EXPECT_TRUE(client.events.empty());
  server.endpoint.attach(server.rpc);
  EXPECT_TRUE(sim.run([&] { return client.rpc.is_connected(session); }));
}

TEST(ClientSessions, UnreachableRoutingEndsInADisconnect) {
  Bench bench;
  uint16_t session = 0;
  ASSERT_EQ(bench.rpc.create_session(kPeerHost, 31850, 0, session), Status::ok);
  SmPacket answer = bench.sm_sent();
  answer.type = SmType::connect_response;
  answer.server.session = 4;
  RoutingInfo routing = routing_of(kPeerIpv4);
  routing.rx_queue = 99;
  answer.server.routing = encode_routing(routing);
  bench.sm(answer);
  EXPECT_EQ(bench.sm_sent().type, SmType::disconnect_request);
  EXPECT_FALSE(bench.rpc.is_connected(session));
}

TEST(ClientSessions, SurviveLossDuplicationAndReorderingOfManagement) {
  Sim sim({.loss = 0.3,
           .duplicate = 0.3,
           .reorder = 0.5,
           .latency_ns = 20'000,
           .reorder_ns = 300 * kMillisecondNs,
           .seed = 11});
  SimHost &client = sim.add(kClientIpv4);
  SimHost &server = sim.add(kServerIpv4);
  for (int round = 0; round < 200; ++round) {
    const uint16_t session = sim.connect(client, server);
    ASSERT_EQ(client.rpc.destroy_session(session), Status::ok);
    ASSERT_TRUE(sim.run([&] { return client.rpc.session_count() == 0; }));
  }
  sim.pass(kSecondNs);
  EXPECT_EQ(server.rpc.session_count(), 0u);
  EXPECT_EQ(client.events.size(), 400u);
}

struct Log {
  std::vector<std::string> lines;
  Logger logger() {
    return {[](void *context, LogLevel, const char *line) {
              static_cast<Log *>(context)->lines.push_back(line);
            },
            this};
  }
};

TEST(Peers, AServerThatVanishesEndsCallsAndSessionWithALogLine) {
  Log log;
  RpcOptions options = test_options();
  options.retry_limit = 20;
  options.logger = log.logger();
  Sim sim;
  SimHost &client = sim.add(kClientIpv4, options);
  const uint16_t session = sim.connect(client, sim.add(kServerIpv4));
  sim.hosts.pop_back();
  Outcome outcome;
  ASSERT_EQ(client.rpc.call(session, 1, pattern(5000), outcome.completion()), Status::ok);
  ASSERT_TRUE(sim.run([&] { return outcome.done; }, kSecondNs));
  EXPECT_EQ(outcome.status, Status::peer_lost);
  EXPECT_EQ(client.events.back().event, SessionEvent::peer_lost);
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_NE(log.lines[0].find("stopped answering"), std::string::npos);
}

TEST(Peers, AServerThatRestartsAnswersNothingOfItsEarlierLife) {
  RpcOptions options = drawn_session_numbers(1);
  options.retry_limit = 20;
  Sim sim;
  SimHost &client = sim.add(kClientIpv4, options);
  const uint16_t session = sim.connect(client, sim.add(kServerIpv4, drawn_session_numbers(2)));
  sim.hosts.pop_back();
  SimHost &server = sim.add(kServerIpv4, drawn_session_numbers(3));
  server.rpc.set_handler(1, {&echo, nullptr});
  const uint16_t fresh = sim.connect(client, server);
  Outcome stale;
  Outcome good;
  ASSERT_EQ(client.rpc.call(session, 1, pattern(9), stale.completion()), Status::ok);
  ASSERT_EQ(client.rpc.call(fresh, 1, pattern(10), good.completion()), Status::ok);
  ASSERT_TRUE(sim.run([&] { return stale.done && good.done; }));
  EXPECT_EQ(stale.status, Status::peer_lost);
  EXPECT_EQ(good.data, pattern(10));
  EXPECT_GT(server.rpc.counters().drop_session, 0u);
  EXPECT_EQ(server.rpc.counters().requests_received, 1u);
}

TEST(Peers, AClientThatRestartsGetsNoAnswerMeantForItsEarlierLife) {
  Log log;
  RpcOptions options = test_options();
  options.logger = log.logger();
  Bench bench(options);
  RequestHandle held;
  bench.rpc.set_handler(1, {[](void *context, Rpc &, const Request &request) {
                              *static_cast<RequestHandle *>(context) = request.handle;
                            },
                            &held});
  bench.sm(connect_request(1, 0));
  bench.data(make_packet({1, 0, 0, PacketType::request, 0, 8}));
  bench.sm(connect_request(2, 0)); // the same session number under another token
  EXPECT_EQ(bench.rpc.respond(held, pattern(4)), Status::stale);
  EXPECT_TRUE(bench.silent());
  EXPECT_EQ(bench.rpc.counters().peers_restarted, 1u);
  EXPECT_EQ(bench.rpc.session_count(), 1u);
  ASSERT_EQ(log.lines.size(), 1u);
}

TEST(Peers, OtherWindowsShowAsDroppedRequestsAndNeverAsWrongAnswers) {
  for (const auto &[client_window, server_window] :
       {std::pair{1024u, 256u}, std::pair{8u, 256u}, std::pair{256u, 8u}, std::pair{16u, 8u}}) {
    Log log;
    RpcOptions client_options = test_options();
    client_options.request_window = client_window;
    client_options.retry_limit = 20;
    RpcOptions server_options = test_options();
    server_options.request_window = server_window;
    server_options.logger = log.logger();
    Sim sim;
    SimHost &client = sim.add(kClientIpv4, client_options);
    SimHost &server = sim.add(kServerIpv4, server_options);
    server.rpc.set_handler(1, {&echo, nullptr});
    const uint16_t session = sim.connect(client, server);
    std::vector<Outcome> outcomes(client_window);
    for (uint32_t at = 0; at < client_window; ++at)
      ASSERT_EQ(client.rpc.call(session, 1, pattern(8, at), outcomes[at].completion()), Status::ok);
    sim.run([&] { return client.rpc.calls_pending() == 0; }, 2 * kSecondNs);
    for (uint32_t at = 0; at < client_window; ++at) {
      if (outcomes[at].done && outcomes[at].status == Status::ok) {
        EXPECT_EQ(outcomes[at].data, pattern(8, at));
      }
    }
    EXPECT_GT(server.rpc.counters().drop_request_number, 0u);
  }
}

TEST(Peers, OptionsOutOfRangeAreNamed) {
  const auto reason = [](auto change) {
    RpcOptions options = test_options();
    change(options);
    return Rpc::check(options);
  };
  EXPECT_EQ(reason([](RpcOptions &) {}), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.rpc_id = 255; }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.host.clear(); }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.host.assign(128, 'h'); }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.request_window = 12; }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.credits = 0; }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.credits = 5000; }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.rss_queues = 0; }), nullptr);
  EXPECT_NE(reason([](RpcOptions &options) { options.first_session = 40000; }), nullptr);
}

} // namespace
} // namespace sledge::rpc::test
