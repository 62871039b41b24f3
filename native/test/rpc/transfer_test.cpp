// Messages of all sizes in both directions over a network that loses, repeats and reorders, in
// virtual time. SLEDGE_TEST_LONG=1 runs the full counts and sizes.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>

#include "sim.hpp"

namespace sledge::rpc::test {
namespace {

constexpr uint32_t kClientIpv4 = 0x0A000001;
constexpr uint32_t kServerIpv4 = 0x0A000002;

bool long_run() {
  const char *value = std::getenv("SLEDGE_TEST_LONG");
  return value != nullptr && std::string(value) == "1";
}

uint32_t checksum(std::span<const uint8_t> bytes) {
  uint32_t sum = 2166136261u;
  for (const uint8_t byte : bytes)
    sum = (sum ^ byte) * 16777619u;
  return sum;
}

/// The response is another message, that depends on every byte of the request.
uint32_t response_bytes_of(uint32_t sum, uint32_t bytes_max) {
  return sum % (bytes_max + 1);
}

struct Server {
  uint32_t response_bytes_max = 0;

  static void on_request(void *context, Rpc &rpc, const Request &request) {
    const uint32_t sum = checksum(request.data);
    const uint32_t size =
        response_bytes_of(sum, static_cast<Server *>(context)->response_bytes_max);
    ASSERT_EQ(rpc.respond(request.handle, pattern(size, sum)), Status::ok);
  }
};

struct Client {
  Rpc *rpc = nullptr;
  uint32_t response_bytes_max = 0;
  std::vector<uint32_t> sizes; ///< of the calls, in order
  std::vector<uint32_t> sums;
  std::vector<uint8_t> ended;
  size_t started = 0;
  size_t right = 0;

  void start(uint16_t session) {
    const size_t index = started++;
    const auto body = pattern(sizes[index], static_cast<uint32_t>(index));
    sums.push_back(checksum(body));
    ended.push_back(0);
    sessions.push_back(session);
    Buffer request;
    ASSERT_TRUE(request.assign(body));
    ASSERT_EQ(rpc->call(session, 1, std::move(request), {&Client::on_done, this, index}),
              Status::ok);
  }
  static void on_done(void *context, uint64_t index, const CallResult &result) {
    auto &client = *static_cast<Client *>(context);
    ASSERT_EQ(result.status, Status::ok);
    ASSERT_EQ(client.ended[index]++, 0) << "a call ended twice";
    const uint32_t sum = client.sums[index];
    const auto expected = pattern(response_bytes_of(sum, client.response_bytes_max), sum);
    ASSERT_TRUE(std::ranges::equal(result.data, expected)) << "call " << index;
    ++client.right;
    if (client.started < client.sizes.size())
      client.start(client.sessions[index]);
  }
  std::vector<uint16_t> sessions; ///< of the started calls
};

struct Plan {
  LoopFaults faults;
  uint32_t session_count = 16;
  uint32_t outstanding = 8;
  std::vector<uint32_t> request_bytes;
  uint32_t response_bytes_max = 0;
  RpcOptions options = test_options();
};

void transfer(const Plan &plan) {
  Sim sim(plan.faults);
  RpcOptions options = plan.options;
  options.memory_bytes_max = uint64_t{4} << 30;
  SimHost &client_host = sim.add(kClientIpv4, options);
  SimHost &server_host = sim.add(kServerIpv4, options);
  Server server{plan.response_bytes_max};
  server_host.rpc.set_handler(1, {&Server::on_request, &server});
  Client client;
  client.rpc = &client_host.rpc;
  client.response_bytes_max = plan.response_bytes_max;
  client.sizes = plan.request_bytes;
  std::vector<uint16_t> sessions;
  for (uint32_t at = 0; at < plan.session_count; ++at)
    sessions.push_back(sim.connect(client_host, server_host));
  for (uint32_t round = 0; round < plan.outstanding; ++round) {
    for (const uint16_t session : sessions) {
      if (client.started < client.sizes.size())
        client.start(session);
    }
  }
  ASSERT_TRUE(sim.run([&] { return client.right == client.sizes.size(); }, 100'000 * kSecondNs));
  EXPECT_EQ(server_host.rpc.counters().requests_received, client.sizes.size());
  EXPECT_EQ(client_host.rpc.counters().calls_completed, client.sizes.size());
  EXPECT_EQ(client_host.rpc.calls_pending(), 0u);
  EXPECT_EQ(client_host.rpc.memory_bytes(), 0u);
  for (const uint16_t session : sessions)
    EXPECT_EQ(client_host.rpc.destroy_session(session), Status::ok);
  ASSERT_TRUE(sim.run([&] { return client_host.rpc.session_count() == 0; }));
  EXPECT_EQ(server_host.rpc.memory_bytes(), 0u);
}

std::vector<uint32_t> random_sizes(size_t count, uint32_t bytes_max, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint32_t> sizes = {0, 1, 967, 968, 969, 1936, 1937, bytes_max};
  while (sizes.size() < count)
    sizes.push_back(static_cast<uint32_t>(random() % (bytes_max + 1)));
  return sizes;
}

LoopFaults faults_of(double loss, uint64_t seed) {
  return {.loss = loss,
          .duplicate = 0.05,
          .reorder = 0.1,
          .latency_ns = 20'000,
          .reorder_ns = 2 * kMillisecondNs,
          .seed = seed};
}

TEST(Transfer, MixedSizesArriveWholeAndOnceWithoutLoss) {
  Plan plan;
  plan.faults = {.latency_ns = 10'000};
  plan.request_bytes = random_sizes(long_run() ? 5000 : 300, 20'000, 1);
  plan.response_bytes_max = 20'000;
  transfer(plan);
}

TEST(Transfer, MixedSizesArriveWholeAndOnceWithDuplicatesAndReordering) {
  Plan plan;
  plan.faults = faults_of(0, 2);
  plan.request_bytes = random_sizes(long_run() ? 5000 : 300, 20'000, 2);
  plan.response_bytes_max = 20'000;
  transfer(plan);
}

TEST(Transfer, MixedSizesArriveWholeAndOnceWithFivePercentLoss) {
  Plan plan;
  plan.faults = faults_of(0.05, 3);
  plan.request_bytes = random_sizes(long_run() ? 5000 : 300, 20'000, 3);
  plan.response_bytes_max = 20'000;
  transfer(plan);
}

TEST(Transfer, MixedSizesArriveWholeAndOnceWithThirtyPercentLoss) {
  Plan plan;
  plan.faults = faults_of(0.3, 4);
  plan.request_bytes = random_sizes(long_run() ? 5000 : 200, 20'000, 4);
  plan.response_bytes_max = 20'000;
  transfer(plan);
}

TEST(Transfer, SmallMessagesByTheThousandWithThirtyPercentLoss) {
  Plan plan;
  plan.faults = faults_of(0.3, 5);
  plan.request_bytes = random_sizes(long_run() ? 200'000 : 5000, 968, 5);
  plan.response_bytes_max = 968;
  transfer(plan);
}

TEST(Transfer, TheLargestMessageGoesBothWays) {
  for (const double loss : long_run() ? std::vector{0.0, 0.05, 0.3} : std::vector{0.0}) {
    Sim sim({.loss = loss, .latency_ns = 10'000, .seed = 6});
    SimHost &client = sim.add(kClientIpv4);
    SimHost &server = sim.add(kServerIpv4);
    server.rpc.set_handler(1, {&echo, nullptr});
    const uint16_t session = sim.connect(client, server);
    Outcome outcome;
    const auto body = pattern(kMessageBytesMax);
    ASSERT_EQ(client.rpc.call(session, 1, body, outcome.completion()), Status::ok);
    ASSERT_TRUE(sim.run([&] { return outcome.done; }, 100'000 * kSecondNs));
    EXPECT_TRUE(outcome.data == body);
    EXPECT_EQ(server.rpc.counters().requests_received, 1u);
  }
}

TEST(Transfer, LargeMessagesWithLoss) {
  const uint32_t bytes_max = long_run() ? kMessageBytesMax : 200'000;
  for (const double loss : {0.05, 0.3}) {
    Plan plan;
    plan.faults = faults_of(loss, 7);
    plan.session_count = 2;
    plan.outstanding = 4;
    plan.request_bytes = random_sizes(16, bytes_max, 7);
    plan.response_bytes_max = bytes_max;
    transfer(plan);
  }
}

class ForkWindows : public ::testing::TestWithParam<uint32_t> {};

TEST_P(ForkWindows, CarryMixedSizesWithLoss) {
  Plan plan;
  plan.options.request_window = GetParam();
  plan.options.credits = GetParam();
  plan.options.rx_ring_entries = 8192;
  plan.options.rss_queues = 32;
  plan.faults = faults_of(0.05, 8);
  plan.session_count = 4;
  plan.outstanding = GetParam();
  plan.request_bytes = random_sizes(long_run() ? 10'000 : 1200, 3000, 8);
  plan.response_bytes_max = 3000;
  transfer(plan);
}

INSTANTIATE_TEST_SUITE_P(Windows, ForkWindows, ::testing::Values(256u, 1024u));

TEST(Transfer, ResponsesPostedByOtherThreadsAreSent) {
  Sim sim;
  SimHost &client = sim.add(kClientIpv4);
  SimHost &server = sim.add(kServerIpv4);
  std::vector<RequestHandle> held;
  server.rpc.set_handler(1, {[](void *context, Rpc &, const Request &request) {
                               static_cast<std::vector<RequestHandle> *>(context)->push_back(
                                   request.handle);
                             },
                             &held});
  const uint16_t session = sim.connect(client, server);
  std::array<Outcome, 8> outcomes;
  for (Outcome &outcome : outcomes)
    ASSERT_EQ(client.rpc.call(session, 1, pattern(3), outcome.completion()), Status::ok);
  ASSERT_TRUE(sim.run([&] { return held.size() == 8; }));
  std::thread worker([&rpc = server.rpc, held] {
    for (size_t at = 0; at < held.size(); ++at) {
      Buffer response;
      ASSERT_TRUE(response.assign(pattern(2000, static_cast<uint32_t>(at))));
      ASSERT_EQ(rpc.post_response(held[at], std::move(response)), Status::ok);
    }
  });
  while (server.rpc.counters().responses_sent < held.size())
    sim.turn();
  worker.join();
  ASSERT_TRUE(sim.run([&] { return client.rpc.calls_pending() == 0; }));
  for (uint32_t at = 0; at < 8; ++at)
    EXPECT_EQ(outcomes[at].data, pattern(2000, at));
}

TEST(Transfer, BothEndsOfOneRpcPairCanCallEachOther) {
  Sim sim(faults_of(0.1, 9));
  SimHost &left = sim.add(kClientIpv4);
  SimHost &right = sim.add(kServerIpv4);
  left.rpc.set_handler(1, {&echo, nullptr});
  right.rpc.set_handler(1, {&echo, nullptr});
  const uint16_t to_right = sim.connect(left, right);
  const uint16_t to_left = sim.connect(right, left);
  std::array<Outcome, 50> outcomes;
  for (uint32_t at = 0; at < outcomes.size(); ++at) {
    SimHost &from = at % 2 == 0 ? left : right;
    ASSERT_EQ(from.rpc.call(at % 2 == 0 ? to_right : to_left, 1, pattern(at * 100, at),
                            outcomes[at].completion()),
              Status::ok);
  }
  ASSERT_TRUE(sim.run([&] {
    return std::ranges::all_of(outcomes, [](const Outcome &outcome) { return outcome.done; });
  }));
  for (uint32_t at = 0; at < outcomes.size(); ++at)
    EXPECT_EQ(outcomes[at].data, pattern(at * 100, at));
}

} // namespace
} // namespace sledge::rpc::test
