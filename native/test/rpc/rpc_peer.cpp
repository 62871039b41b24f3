// rpc_peer.cpp - one end of an exchange over a real network, as a process of its own: namespaces
// belong to processes, and so does DPDK. Arguments are name=value:
//   role=server|client  backend=udp|dpdk  ipv4= data address  sm_ipv4= sm_port= session management
//   device= library= (dpdk)  server_ipv4= server_sm_port= calls= (client)
// A server prints "ready" and its session-management port and serves until its standard input ends.
// A client makes its calls, checks every byte, and prints one line of JSON.
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <poll.h>
#include <unistd.h>

#include "rpc/dpdk_backend.hpp"
#include "rpc/endpoint.hpp"
#include "rpc/udp_backend.hpp"

namespace sledge::rpc {
namespace {

constexpr uint8_t kEchoType = 7;
constexpr uint32_t kOutstanding = 8;
constexpr uint64_t kHangNs = 60 * kSecondNs;

uint64_t clock_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

using Arguments = std::map<std::string, std::string>;

uint32_t address(const Arguments &arguments, const char *name) {
  return parse_ipv4(arguments.at(name)).value();
}

/// The network end that the arguments ask for. Null parts with `error` filled.
struct Peer {
  explicit Peer(const Arguments &arguments) {
    const auto sm_port = static_cast<uint16_t>(std::stoul(arguments.at("sm_port")));
    channel = UdpChannel::open(address(arguments, "sm_ipv4"), sm_port, error);
    open_backend(arguments);
    if (channel == nullptr || backend == nullptr)
      return;
    RpcOptions options;
    options.host = arguments.at("sm_ipv4");
    options.sm_port = channel->port();
    options.seed = clock_ns();
    rpc = std::make_unique<Rpc>(options, *backend, *channel);
    endpoint = std::make_unique<Endpoint>(*channel);
    endpoint->attach(*rpc);
  }
  ~Peer() {
    if (endpoint != nullptr)
      endpoint->detach(*rpc);
  }

  void open_backend(const Arguments &arguments) {
    if (arguments.at("backend") == "udp") {
      UdpOptions options;
      options.bind_ipv4 = address(arguments, "ipv4");
      backend = UdpBackend::open(options, error);
      return;
    }
    DpdkOptions options;
    options.library = arguments.at("library");
    options.device = arguments.at("device");
    options.ipv4 = arguments.contains("ipv4") ? address(arguments, "ipv4") : 0;
    options.huge_pages = false;
    port = DpdkPort::open(options, error);
    backend = port != nullptr ? port->queue(0) : nullptr;
  }

  void turn() {
    endpoint->poll();
    rpc->poll(clock_ns());
  }

  std::string error;
  std::unique_ptr<DpdkPort> port;
  std::unique_ptr<UdpChannel> channel;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Rpc> rpc;
  std::unique_ptr<Endpoint> endpoint;
};

void echo(void *, Rpc &rpc, const Request &request) {
  rpc.respond(request.handle, request.data);
}

int serve(Peer &peer) {
  peer.rpc->set_handler(kEchoType, {&echo, nullptr});
  std::printf("ready %u\n", unsigned{peer.channel->port()});
  std::fflush(stdout);
  for (uint64_t turn = 0;; ++turn) {
    peer.turn();
    if (turn % 1024 == 0) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      char byte = 0;
      if (::poll(&input, 1, 0) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0)
        return 0;
    }
  }
}

std::vector<uint8_t> message(uint32_t call) {
  // Most fit a packet; each tenth takes several.
  const uint32_t bytes = call % 10 == 9 ? 1000 + call * 37 % 20'000 : call * 31 % 969;
  std::vector<uint8_t> content(bytes);
  for (uint32_t at = 0; at < bytes; ++at)
    content[at] = static_cast<uint8_t>(at * 7 + call);
  return content;
}

struct Client {
  uint64_t right = 0;
  uint64_t wrong = 0;
  uint64_t ended = 0;

  static void on_end(void *context, uint64_t tag, const CallResult &result) {
    auto &client = *static_cast<Client *>(context);
    const std::vector<uint8_t> wanted = message(static_cast<uint32_t>(tag));
    const bool same = result.status == Status::ok && result.data.size() == wanted.size() &&
                      std::equal(wanted.begin(), wanted.end(), result.data.begin());
    ++(same ? client.right : client.wrong);
    ++client.ended;
  }
};

bool turn_until(Peer &peer, const std::function<bool()> &done) {
  const uint64_t limit_ns = clock_ns() + kHangNs;
  while (!done()) {
    if (clock_ns() > limit_ns)
      return false;
    peer.turn();
  }
  return true;
}

int call(Peer &peer, const Arguments &arguments) {
  const auto calls = static_cast<uint32_t>(std::stoul(arguments.at("calls")));
  const auto sm_port = static_cast<uint16_t>(std::stoul(arguments.at("server_sm_port")));
  uint16_t session = 0;
  Rpc &rpc = *peer.rpc;
  if (rpc.create_session(arguments.at("server_ipv4"), sm_port, 0, session) != Status::ok ||
      !turn_until(peer, [&] { return rpc.is_connected(session); })) {
    std::fputs("no session\n", stderr);
    return 1;
  }
  Client client;
  uint32_t next = 0;
  const bool all = turn_until(peer, [&] {
    while (next < calls && rpc.calls_pending() < kOutstanding) {
      rpc.call(session, kEchoType, message(next), {&Client::on_end, &client, next});
      ++next;
    }
    return client.ended == calls;
  });
  const bool closed = all && rpc.destroy_session(session) == Status::ok &&
                      turn_until(peer, [&] { return rpc.session_count() == 0; });
  std::printf("{\"right\":%llu,\"wrong\":%llu,\"closed\":%s}\n",
              static_cast<unsigned long long>(client.right),
              static_cast<unsigned long long>(client.wrong), closed ? "true" : "false");
  return 0;
}

} // namespace
} // namespace sledge::rpc

int main(int count, char **values) {
  sledge::rpc::Arguments arguments;
  for (int at = 1; at < count; ++at) {
    const std::string text = values[at];
    const size_t equals = text.find('=');
    if (equals != std::string::npos)
      arguments[text.substr(0, equals)] = text.substr(equals + 1);
  }
  sledge::rpc::Peer peer(arguments);
  if (peer.rpc == nullptr) {
    std::fprintf(stderr, "%s\n", peer.error.c_str());
    return 2;
  }
  return arguments["role"] == "server" ? sledge::rpc::serve(peer)
                                       : sledge::rpc::call(peer, arguments);
}
