// The udp backend over real sockets on loopback.
#include <atomic>
#include <chrono>
#include <thread>

#include "rpc/udp_backend.hpp"
#include "sim.hpp"

namespace sledge::rpc::test {
namespace {

constexpr uint32_t kLoopbackIpv4 = 0x7F000001;

uint64_t clock_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

struct UdpHost {
  explicit UdpHost(uint64_t seed) {
    std::string error;
    channel = UdpChannel::open(kLoopbackIpv4, 0, error);
    EXPECT_NE(channel, nullptr) << error;
    backend = UdpBackend::open({}, error);
    EXPECT_NE(backend, nullptr) << error;
    RpcOptions options = test_options();
    options.host = "127.0.0.1";
    options.sm_port = channel->port();
    options.seed = seed;
    rpc = std::make_unique<Rpc>(options, *backend, *channel);
    endpoint = std::make_unique<Endpoint>(*channel);
    endpoint->attach(*rpc);
  }
  ~UdpHost() { endpoint->detach(*rpc); }

  void turn() {
    endpoint->poll();
    rpc->poll(clock_ns());
  }

  std::unique_ptr<UdpChannel> channel;
  std::unique_ptr<UdpBackend> backend;
  std::unique_ptr<Endpoint> endpoint;
  std::unique_ptr<Rpc> rpc;
};

class Udp : public ::testing::Test {
 protected:
  Udp() {
    server.rpc->set_handler(1, {&echo, nullptr});
    EXPECT_EQ(client.rpc->create_session("localhost", server.channel->port(), 0, session),
              Status::ok);
    EXPECT_TRUE(run([&] { return client.rpc->is_connected(session); }));
  }

  bool run(const std::function<bool()> &done) {
    const uint64_t end_ns = clock_ns() + 60 * kSecondNs; // only against hanging
    while (!done()) {
      if (clock_ns() > end_ns)
        return false;
      client.turn();
      server.turn();
    }
    return true;
  }

  UdpHost client{1};
  UdpHost server{2};
  uint16_t session = 0;
};

TEST_F(Udp, EchoesMessagesOfManySizes) {
  for (const uint32_t size : {0u, 1u, 32u, 968u, 969u, 3000u, 100'000u, 1'000'000u}) {
    Outcome outcome;
    ASSERT_EQ(client.rpc->call(session, 1, pattern(size), outcome.completion()), Status::ok);
    ASSERT_TRUE(run([&] { return outcome.done; }));
    EXPECT_EQ(outcome.status, Status::ok);
    EXPECT_TRUE(outcome.data == pattern(size));
  }
  EXPECT_EQ(client.rpc->destroy_session(session), Status::ok);
  EXPECT_TRUE(run([&] { return client.rpc->session_count() == 0; }));
  EXPECT_EQ(server.rpc->session_count(), 0u);
}

TEST_F(Udp, TwoThreadsExchangeManyCallsInBatches) {
  std::atomic<bool> stop{false};
  std::thread serving([&] {
    while (!stop.load())
      server.turn();
  });
  std::vector<Outcome> outcomes(2000);
  size_t next = 0;
  const uint64_t end_ns = clock_ns() + 60 * kSecondNs;
  while (client.rpc->counters().calls_completed < outcomes.size() && clock_ns() < end_ns) {
    while (next < outcomes.size() && client.rpc->calls_pending() < 32) {
      const auto size = static_cast<uint32_t>(next * 7 % 4000);
      ASSERT_EQ(client.rpc->call(session, 1, pattern(size), outcomes[next].completion()),
                Status::ok);
      ++next;
    }
    client.turn();
  }
  stop = true;
  serving.join();
  for (size_t at = 0; at < outcomes.size(); ++at)
    ASSERT_TRUE(outcomes[at].data == pattern(static_cast<uint32_t>(at * 7 % 4000)));
}

TEST_F(Udp, StrangersOnThePortAreCountedAndIgnored) {
  std::string error;
  const auto stranger = UdpBackend::open({}, error);
  ASSERT_NE(stranger, nullptr) << error;
  const auto route = make_route(stranger->routing(), server.backend->routing(), 16);
  ASSERT_TRUE(route.has_value());
  std::array<uint8_t, kHeaderBytes> noise{};
  for (int at = 0; at < 100; ++at)
    stranger->send(*route, noise, pattern(static_cast<uint32_t>(at)));
  stranger->flush();
  ASSERT_TRUE(run([&] { return server.rpc->counters().drop_magic == 100; }));
  Outcome outcome;
  ASSERT_EQ(client.rpc->call(session, 1, pattern(5), outcome.completion()), Status::ok);
  ASSERT_TRUE(run([&] { return outcome.done; }));
  EXPECT_EQ(outcome.data, pattern(5));
}

TEST(UdpOpen, SaysWhatIsWrong) {
  std::string error;
  const auto first = UdpBackend::open({}, error);
  ASSERT_NE(first, nullptr);
  UdpOptions options;
  options.port = first->routing().udp_port;
  EXPECT_EQ(UdpBackend::open(options, error), nullptr);
  EXPECT_NE(error.find("127.0.0.1:" + std::to_string(options.port)), std::string::npos);
  options = {};
  options.bind_ipv4 = 0;
  EXPECT_EQ(UdpBackend::open(options, error), nullptr);
  EXPECT_NE(error.find("advertise_ipv4"), std::string::npos);
  options.bind_ipv4 = 0xC0000201; // not an address of this machine
  EXPECT_EQ(UdpBackend::open(options, error), nullptr);
}

TEST(UdpOpen, WaitEndsWithAPacketOrTheTimeout) {
  std::string error;
  const auto backend = UdpBackend::open({}, error);
  ASSERT_NE(backend, nullptr);
  backend->wait(1000);
  const auto route = make_route(backend->routing(), backend->routing(), 16);
  std::array<uint8_t, kHeaderBytes> header{};
  backend->send(*route, header, {});
  backend->flush();
  backend->wait(60 * kSecondNs);
  std::array<RxPacket, 4> burst;
  ASSERT_EQ(backend->receive(burst), 1u);
  EXPECT_EQ(burst[0].bytes.size(), kHeaderBytes);
  EXPECT_EQ(burst[0].source_ipv4, kLoopbackIpv4);
}

} // namespace
} // namespace sledge::rpc::test
