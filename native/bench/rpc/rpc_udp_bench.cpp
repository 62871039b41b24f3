// eRPC over loopback sockets beside plain sockets with the same system calls; the client spins on
// core 0, who answers on core 1. Reads commands, a line each, and answers each with a number:
//   plain_rtt COUNT               median ns of a round trip of 46 bytes: 14 of header, 32 of data
//   core_rtt COUNT                the same of an RPC of 32 bytes both ways, both ends in here
//   server_rtt PORT TYPE COUNT    the same to a server of 127.0.0.1
//   dpdk_rtt LIBRARY DEVICE IPV4 COUNT    the same of core_rtt, from this address to a server on
//                                 DPDK's device, at the address before
//   plain_blast MESSAGES          bytes of data per second, in packets of 968 that are acknowledged
//   bulk MESSAGES                 the same of RPCs of 1 MiB
#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include <unistd.h>

#include "base/clock.hpp"
#include "plain_udp.hpp"
#include "rpc/dpdk_backend.hpp"
#include "rpc/endpoint.hpp"
#include "rpc/udp_backend.hpp"

namespace {

using namespace sledge;
using namespace sledge::rpc;

constexpr uint32_t kLoopback = 0x7F000001;
constexpr size_t kSmallBytes = 32;
constexpr uint32_t kBulkBytes = 1 << 20;
constexpr uint32_t kBulkOutstanding = 2; // the next one fills the window while one ends
constexpr uint32_t kTurnsPerManagementLook = 64;
constexpr uint64_t kConnectLimitNs = 5'000'000'000;

[[noreturn]] void fail(const std::string &why) {
  std::cerr << "rpc_udp_bench: " << why << '\n';
  _exit(1);
}

/// A backend of kernel sockets at this address.
std::unique_ptr<Backend> udp_backend(uint32_t ipv4) {
  std::string error;
  auto backend = UdpBackend::open({ipv4}, error);
  if (backend == nullptr)
    fail(error);
  return backend;
}

/// An Rpc with its backend; session management is over loopback in any case.
struct Host {
  explicit Host(std::unique_ptr<Backend> packets = udp_backend(kLoopback))
      : backend(std::move(packets)) {
    std::string error;
    channel = UdpChannel::open(kLoopback, 0, error);
    if (channel == nullptr)
      fail(error);
    RpcOptions options;
    options.host = format_ipv4(kLoopback);
    options.sm_port = channel->port();
    options.seed = monotonic_ns();
    rpc = std::make_unique<Rpc>(options, *backend, *channel);
    endpoint = std::make_unique<Endpoint>(*channel);
    endpoint->attach(*rpc);
  }
  ~Host() { endpoint->detach(*rpc); }

  void turn() {
    if (++turns % kTurnsPerManagementLook == 0)
      endpoint->poll();
    rpc->poll(monotonic_ns());
  }

  uint16_t connect(uint16_t port) {
    uint16_t session = 0;
    if (rpc->create_session("127.0.0.1", port, 0, session) != Status::ok)
      fail("no session");
    const uint64_t limit_ns = monotonic_ns() + kConnectLimitNs;
    while (!rpc->is_connected(session)) {
      turn();
      if (monotonic_ns() > limit_ns)
        fail("the server does not answer");
    }
    return session;
  }

  void disconnect(uint16_t session) {
    rpc->destroy_session(session);
    const uint64_t limit_ns = monotonic_ns() + kConnectLimitNs;
    while (rpc->session_count() > 0 && monotonic_ns() < limit_ns)
      turn();
  }

  std::unique_ptr<UdpChannel> channel;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Rpc> rpc;
  std::unique_ptr<Endpoint> endpoint;
  uint32_t turns = 0;
};

/// A server on core 1 that answers with what it got, or with nothing to long requests.
class Server {
 public:
  explicit Server(std::unique_ptr<Backend> backend = udp_backend(kLoopback))
      : backend_(std::move(backend)), thread_([this] { loop(); }) {
    while (port_.load() == 0)
      std::this_thread::yield();
  }
  ~Server() {
    stop_ = true;
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  static void on_request(void *, Rpc &rpc, const Request &request) {
    const bool is_long = request.data.size() > kDataBytesPerPacket;
    rpc.respond(request.handle, is_long ? std::span<const uint8_t>() : request.data);
  }
  void loop() {
    bench::pin_to_core(1);
    Host host(std::move(backend_));
    host.rpc->set_default_handler({on_request, nullptr});
    port_ = host.channel->port();
    while (!stop_)
      host.turn();
  }

  std::atomic<uint16_t> port_{0};
  std::atomic<bool> stop_{false};
  std::unique_ptr<Backend> backend_; ///< until the thread has it
  std::thread thread_;
};

uint64_t median_of(std::vector<uint64_t> times) {
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

uint64_t round_trip_ns(uint16_t port, uint8_t type, uint64_t count, uint32_t own_ipv4 = kLoopback) {
  Host client(udp_backend(own_ipv4));
  const uint16_t session = client.connect(port);
  std::array<uint8_t, kSmallBytes> request{};
  uint64_t end_ns = 0;
  const auto on_done = [](void *context, uint64_t, const CallResult &result) {
    if (result.status != Status::ok || result.data.size() != kSmallBytes)
      fail(std::string("an answer: ") + status_name(result.status));
    *static_cast<uint64_t *>(context) = monotonic_ns();
  };
  std::vector<uint64_t> times(count);
  for (uint64_t &time : times) {
    const uint64_t start_ns = monotonic_ns();
    end_ns = 0;
    client.rpc->call(session, type, request, {on_done, &end_ns, 0});
    client.backend->flush();
    while (end_ns == 0)
      client.turn();
    time = end_ns - start_ns;
  }
  client.disconnect(session);
  return median_of(times);
}

struct Bulk {
  Rpc *rpc;
  uint16_t session;
  uint64_t left;
  uint64_t done = 0;

  static void on_done(void *context, uint64_t, const CallResult &result) {
    auto &bulk = *static_cast<Bulk *>(context);
    if (result.status != Status::ok)
      fail(std::string("a bulk answer: ") + status_name(result.status));
    bulk.done += 1;
    bulk.send();
  }
  void send() {
    if (left == 0)
      return;
    left -= 1;
    Buffer message;
    if (!message.resize(kBulkBytes))
      fail("no memory");
    rpc->call(session, 1, std::move(message), {on_done, this, 0});
  }
};

double bulk_bytes_per_second(uint64_t messages) {
  Server server;
  Host client;
  const uint16_t session = client.connect(server.port());
  Bulk bulk{client.rpc.get(), session, messages};
  const uint64_t start_ns = monotonic_ns();
  for (uint32_t at = 0; at < kBulkOutstanding; ++at)
    bulk.send();
  while (bulk.done < messages)
    client.turn();
  const double seconds = static_cast<double>(monotonic_ns() - start_ns) * 1e-9;
  client.disconnect(session);
  return static_cast<double>(messages) * kBulkBytes / seconds;
}

double blast_bytes_per_second(uint64_t messages) {
  const uint64_t packets = messages * packets_of(kBulkBytes);
  const double seconds =
      bench::plain_blast_seconds(packets, kPacketBytesMax, kHeaderBytes + kControlPadBytes);
  return static_cast<double>(messages) * kBulkBytes / seconds;
}

/// The server is on a device of DPDK, the client on the kernel's other end of the link.
uint64_t dpdk_round_trip_ns(std::istringstream &arguments) {
  DpdkOptions options;
  std::string own;
  uint64_t count = 0;
  std::string error;
  arguments >> options.library >> options.device >> own >> count;
  const auto own_ipv4 = parse_ipv4(own);
  if (!own_ipv4 || count == 0)
    fail("dpdk_rtt LIBRARY DEVICE IPV4 COUNT");
  options.ipv4 = *own_ipv4 - 1;
  options.huge_pages = false;
  const auto port = DpdkPort::open(options, error);
  if (port == nullptr)
    fail(error);
  Server server(port->queue(0));
  return round_trip_ns(server.port(), 1, count, *own_ipv4);
}

double run(const std::string &what, std::istringstream &arguments) {
  if (what == "dpdk_rtt")
    return static_cast<double>(dpdk_round_trip_ns(arguments));
  uint64_t first = 0;
  arguments >> first;
  if (what == "plain_rtt")
    return static_cast<double>(
        median_of(bench::plain_round_trips(first, kHeaderBytes + kSmallBytes)));
  if (what == "core_rtt") {
    Server server;
    return static_cast<double>(round_trip_ns(server.port(), 1, first));
  }
  if (what == "server_rtt") {
    uint32_t type = 0;
    uint64_t count = 0;
    arguments >> type >> count;
    return static_cast<double>(
        round_trip_ns(static_cast<uint16_t>(first), static_cast<uint8_t>(type), count));
  }
  if (what == "plain_blast")
    return blast_bytes_per_second(first);
  if (what == "bulk")
    return bulk_bytes_per_second(first);
  fail("no command " + what);
}

} // namespace

int main() {
  bench::pin_to_core(0);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    std::cout << std::fixed << run(what, words) << std::endl;
  }
  return 0;
}
