// Goal: RPCs reach the data plane and come back on pollers alone, whatever ends them. Method: a
// real data plane with sandboxes that do as their function is named, and a real client over
// loopback.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "../dataplane/fake_runtime.hpp"
#include "transport/rpc_client_thread.hpp"
#include "transport/rpc_service.hpp"

namespace sledge::transport {

namespace {

using dataplane::testing::Bench;
using dataplane::testing::TestWaker;

class Lines final : public RpcLog {
 public:
  void line(std::string_view) override { count.fetch_add(1); }
  void function_log(uint32_t, std::string_view) override { count.fetch_add(1); }
  void module_lost(uint32_t) override {}
  std::atomic<int> count{0};
};

/// Every test runs with threads that poll and with workers that do.
bool polls_inline = false;

RpcServiceOptions service_options(uint32_t pollers = 1) {
  RpcListenerOptions listener;
  listener.rpc.host = "127.0.0.1";
  listener.rpc.sm_port = 0;
  RpcServiceOptions options;
  options.listeners = {listener};
  options.poller_count = pollers;
  options.is_inline = polls_inline;
  options.format = RpcFormat::raw;
  return options;
}

class Server {
 public:
  explicit Server(Bench &bench, const RpcServiceOptions &options = service_options()) {
    std::string error;
    service = RpcService::start(options, *bench.plane, lines, error);
    EXPECT_NE(service, nullptr) << error;
  }
  void route(uint8_t type, uint32_t function) {
    service->listener(0).routes(0).set(type, RpcRoute{function, 1u << 20});
  }
  uint16_t port() { return service->listener(0).sm_port(); }
  Lines lines;
  std::unique_ptr<RpcService> service;
};

class Client {
 public:
  explicit Client(uint16_t own_port = 0, int32_t first_session = -1) {
    RpcClientOptions options;
    options.rpc.host = "127.0.0.1";
    options.rpc.sm_port = own_port;
    options.rpc.first_session = first_session;
    options.rpc.seed = static_cast<uint64_t>(random());
    std::string error;
    thread = RpcClientThread::start(options, waker, error);
    EXPECT_NE(thread, nullptr) << error;
  }
  /// The next event; of kind `lost` when none came.
  RpcEvent next() {
    while (events_.empty()) {
      std::vector<RpcEvent> taken = thread->take_events();
      if (taken.empty() && !waker.wait(20'000)) {
        RpcEvent none;
        none.kind = RpcEvent::Kind::lost;
        return none;
      }
      std::move(taken.begin(), taken.end(), std::back_inserter(events_));
    }
    RpcEvent event = std::move(events_.front());
    events_.erase(events_.begin());
    return event;
  }
  uint16_t open(uint16_t port, uint8_t rpc_id = 0) {
    thread->open("127.0.0.1", port, rpc_id, 0);
    const RpcEvent event = next();
    EXPECT_EQ(event.kind, RpcEvent::Kind::opened);
    return event.session;
  }
  void call(uint16_t session, uint8_t type, const std::string &text, uint64_t tag = 0) {
    rpc::Buffer message;
    message.assign({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
    EXPECT_TRUE(thread->call(session, type, std::move(message), 0, tag));
  }
  std::string answer() {
    const RpcEvent event = next();
    EXPECT_EQ(event.kind, RpcEvent::Kind::answered);
    EXPECT_EQ(event.status, rpc::Status::ok);
    return {event.data.begin(), event.data.end()};
  }
  TestWaker waker;
  std::unique_ptr<RpcClientThread> thread;

 private:
  std::vector<RpcEvent> events_;
};

RpcServiceOptions in_words() {
  RpcServiceOptions options = service_options();
  options.format = RpcFormat::sledgescale;
  return options;
}

template <typename Condition> bool comes_true(Condition condition) {
  for (int at = 0; at < 20'000 && !condition(); at++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

class RpcServiceTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { polls_inline = GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Polling, RpcServiceTest, testing::Bool(),
                         [](const auto &of) { return of.param ? "Inline" : "Threads"; });

} // namespace

TEST_P(RpcServiceTest, AnswersEachCallWithItsOwnOutputOverAllPollers) {
  dataplane::testing::BenchOptions options;
  options.worker_count = 2;
  Bench bench(options);
  Server server(bench, service_options(2));
  server.route(1, bench.add("echo"));
  Client client;
  const uint16_t sessions[] = {client.open(server.port(), 0), client.open(server.port(), 1)};
  constexpr uint64_t total = 400;
  for (uint64_t at = 0; at < total; at++) {
    client.call(sessions[at % 2], 1, std::string(at * 13 % 5'000, static_cast<char>(at)), at);
  }
  std::vector<int> answered(total, 0);
  for (uint64_t at = 0; at < total; at++) {
    const RpcEvent event = client.next();
    ASSERT_EQ(event.kind, RpcEvent::Kind::answered);
    answered[event.tag]++;
    EXPECT_EQ(event.data.size(), event.tag * 13 % 5'000);
    EXPECT_TRUE(std::ranges::all_of(
        event.data, [&](uint8_t byte) { return byte == static_cast<uint8_t>(event.tag); }));
  }
  EXPECT_TRUE(std::ranges::all_of(answered, [](int count) { return count == 1; }));
  EXPECT_EQ(server.service->in_flight(), 0u);
}

TEST_P(RpcServiceTest, TakesWhatTheOwnerSubmitsBesideIt) {
  Bench bench({});
  Server server(bench);
  const uint32_t echo = bench.add("echo");
  server.route(1, echo);
  Client client;
  const uint16_t session = client.open(server.port());
  for (int at = 0; at < 100; at++) {
    client.call(session, 1, "theirs");
    ASSERT_GE(bench.submit(echo, "ours"), 0);
    EXPECT_EQ(client.answer(), "theirs");
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(bench.endings.back().output, "ours");
  }
}

TEST_P(RpcServiceTest, WhatIsInFlightWhenItStopsIsAnswered) {
  Bench bench({});
  Server server(bench, in_words());
  server.route(1, bench.add("loop"));
  Client client;
  const uint16_t session = client.open(server.port());
  for (uint64_t at = 0; at < 4; at++) {
    client.call(session, 1, "");
  }
  ASSERT_TRUE(comes_true([&] { return server.service->in_flight() == 4; }));
  server.service->stop();
  for (int at = 0; at < 4; at++) {
    EXPECT_EQ(client.answer(), "1 SLEDGE_ERR_INVOKE_CANCELLED");
  }
}

TEST_P(RpcServiceTest, AStoppedDataPlaneIsAnsweredWithThat) {
  Bench bench({});
  Server server(bench, in_words());
  server.route(1, bench.add("loop"));
  Client client;
  const uint16_t session = client.open(server.port());
  client.call(session, 1, "");
  ASSERT_TRUE(comes_true([&] { return server.service->in_flight() == 1; }));
  EXPECT_TRUE(bench.plane->stop());
  EXPECT_EQ(client.answer(), "1 SLEDGE_ERR_INVOKE_DRAINING");
  client.call(session, 1, "");
  EXPECT_EQ(client.answer(), "1 SLEDGE_ERR_NATIVE_STOPPED");
}

TEST_P(RpcServiceTest, ADrainRefusesWhatComesAndWaitsForWhatIsThere) {
  Bench bench({});
  Server server(bench, in_words());
  const uint32_t loop = bench.add("loop");
  server.route(1, loop);
  Client client;
  const uint16_t session = client.open(server.port());
  client.call(session, 1, "");
  ASSERT_TRUE(comes_true([&] { return server.service->in_flight() == 1; }));
  server.service->drain();
  client.call(session, 1, "");
  EXPECT_EQ(client.answer(), "1 SLEDGE_ERR_INVOKE_DRAINING");
  EXPECT_EQ(server.service->in_flight(), 1u);
  bench.plane->end_all();
  EXPECT_EQ(client.answer(), "1 SLEDGE_ERR_INVOKE_DRAINING");
  EXPECT_TRUE(comes_true([&] { return server.service->unfinished() == 0; }));
}

TEST_P(RpcServiceTest, WhatRunsForAClientThatBeganAnewIsCancelled) {
  Bench bench({});
  Server server(bench);
  server.route(1, bench.add("loop"));
  uint16_t own_port = 0;
  {
    Client client(0, 7);
    own_port = client.thread->sm_port();
    client.call(client.open(server.port()), 1, "");
    ASSERT_TRUE(comes_true([&] { return server.service->in_flight() == 1; }));
  }
  Client again(own_port, 7);
  again.open(server.port());
  EXPECT_TRUE(comes_true([&] { return server.service->in_flight() == 0; }));
  EXPECT_GE(server.lines.count.load(), 1);
}

TEST_P(RpcServiceTest, OthersAreAnsweredWhileTheOnlyWorkerRunsSomethingForLong) {
  Bench bench(dataplane::testing::BenchOptions{});
  Server server(bench, in_words());
  server.route(1, bench.add("loop"));
  Client client;
  const uint16_t session = client.open(server.port());
  client.call(session, 1, "", 1);
  ASSERT_TRUE(comes_true([&] { return bench.plane->in_flight() == 1; }));
  for (uint64_t tag = 2; tag < 20; tag++) {
    client.call(session, 9, "", tag);
    EXPECT_EQ(client.next().tag, tag);
  }
  EXPECT_EQ(bench.plane->in_flight(), 1u);
  bench.plane->end_all();
  EXPECT_EQ(client.next().tag, 1u);
}

TEST_P(RpcServiceTest, ATypeWithoutAFunctionAndOneTakenAwayAreAnswered) {
  Bench bench({});
  Server server(bench, in_words());
  server.route(1, bench.add("empty"));
  Client client;
  const uint16_t session = client.open(server.port());
  client.call(session, 1, "");
  EXPECT_EQ(client.answer().substr(0, 2), "0 ");
  client.call(session, 2, "");
  EXPECT_EQ(client.answer(), "1 Did not match any routes");
  server.service->listener(0).routes(0).set(1, std::nullopt);
  client.call(session, 1, "");
  EXPECT_EQ(client.answer(), "1 Did not match any routes");
}

TEST_P(RpcServiceTest, APortThatIsTakenIsAnErrorAndLeavesNothingOpen) {
  Bench bench({});
  Server server(bench);
  RpcServiceOptions options = service_options();
  options.listeners[0].rpc.sm_port = server.port();
  std::string error;
  EXPECT_EQ(RpcService::start(options, *bench.plane, server.lines, error), nullptr);
  EXPECT_NE(error.find("in use"), std::string::npos) << error;
}

} // namespace sledge::transport
