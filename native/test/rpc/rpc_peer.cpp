// rpc_peer.cpp - one end of an exchange over a real network, as a process of its own: namespaces
// belong to processes, and so does DPDK. Arguments are name=value:
//   role=server|client  backend=udp|dpdk  ipv4= data address  sm_ipv4= sm_port= session management
//   device= library= (dpdk)  server_ipv4= server_sm_port= calls= (client)
//   sessions= bytes_max= seed= hang_s= (client, may be absent)
// A server prints "ready" and its session-management port, serves until its standard input ends,
// and prints how many requests it ran. A client makes its calls, 8 at a time in each session,
// checks every byte, and prints one line of JSON.
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <poll.h>
#include <random>
#include <thread>
#include <unistd.h>

#include "rpc/dpdk_backend.hpp"
#include "rpc/endpoint.hpp"
#include "rpc/udp_backend.hpp"

namespace sledge::rpc {
namespace {

constexpr uint8_t kEchoType = 7;
constexpr uint32_t kOutstanding = 8;
constexpr uint32_t kHangSeconds = 60;

uint64_t clock_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

using Arguments = std::map<std::string, std::string>;

uint32_t number(const Arguments &arguments, const char *name, uint32_t otherwise) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? otherwise : static_cast<uint32_t>(std::stoul(found->second));
}

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
    if (rpc->poll(clock_ns()) == 0)
      std::this_thread::yield();
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
        break;
    }
  }
  std::printf("{\"requests\":%llu}\n",
              static_cast<unsigned long long>(peer.rpc->counters().requests_received));
  return 0;
}

/// Sizes of the messages, by the number of their call.
std::vector<uint32_t> sizes_of(const Arguments &arguments) {
  std::vector<uint32_t> sizes(number(arguments, "calls", 0));
  const uint32_t bytes_max = number(arguments, "bytes_max", 0);
  // Most fit a packet; each tenth takes several.
  for (uint32_t call = 0; call < sizes.size(); ++call)
    sizes[call] = call % 10 == 9 ? 1000 + call * 37 % 20'000 : call * 31 % 969;
  if (bytes_max == 0)
    return sizes;
  const std::array<uint32_t, 8> edges = {0, 1, 967, 968, 969, 1936, 1937, bytes_max};
  // Each number of bits is as likely, so that a few large messages do not outweigh all others.
  std::mt19937_64 random(number(arguments, "seed", 1));
  for (uint32_t call = 0; call < sizes.size(); ++call) {
    const uint64_t mask = (uint64_t{1} << random() % 24) - 1;
    const auto any = static_cast<uint32_t>(random() & mask);
    sizes[call] = call < edges.size() ? edges[call] : any % (bytes_max + 1);
  }
  return sizes;
}

std::vector<uint8_t> message(uint32_t call, uint32_t bytes) {
  std::vector<uint8_t> content(bytes);
  for (uint32_t at = 0; at < bytes; ++at)
    content[at] = static_cast<uint8_t>((at * 7 + call) ^ at >> 8 ^ at >> 16);
  return content;
}

struct Client {
  std::vector<uint32_t> sizes;
  std::vector<uint8_t> times; ///< that each call ended
  std::vector<uint16_t> sessions;
  uint64_t right = 0;
  uint64_t wrong = 0;
  uint64_t ended = 0;
  uint32_t next = 0;

  static void on_end(void *context, uint64_t tag, const CallResult &result) {
    auto &client = *static_cast<Client *>(context);
    const auto call = static_cast<uint32_t>(tag);
    const std::vector<uint8_t> wanted = message(call, client.sizes[call]);
    const bool same = result.status == Status::ok && result.data.size() == wanted.size() &&
                      std::equal(wanted.begin(), wanted.end(), result.data.begin());
    ++(same && client.times[call]++ == 0 ? client.right : client.wrong);
    ++client.ended;
  }
  void fill(Rpc &rpc) {
    while (next < sizes.size() && rpc.calls_pending() < kOutstanding * sessions.size()) {
      rpc.call(sessions[next % sessions.size()], kEchoType, message(next, sizes[next]),
               {&Client::on_end, this, next});
      ++next;
    }
  }
};

bool turn_until(Peer &peer, uint32_t limit_s, const std::function<bool()> &done) {
  const uint64_t limit_ns = clock_ns() + limit_s * kSecondNs;
  while (!done()) {
    if (clock_ns() > limit_ns)
      return false;
    peer.turn();
  }
  return true;
}

bool connect(Peer &peer, const Arguments &arguments, std::vector<uint16_t> &sessions) {
  const auto sm_port = static_cast<uint16_t>(number(arguments, "server_sm_port", 0));
  sessions.resize(number(arguments, "sessions", 1));
  for (uint16_t &session : sessions) {
    if (peer.rpc->create_session(arguments.at("server_ipv4"), sm_port, 0, session) != Status::ok ||
        !turn_until(peer, kHangSeconds, [&] { return peer.rpc->is_connected(session); }))
      return false;
  }
  return true;
}

bool close(Peer &peer, const std::vector<uint16_t> &sessions) {
  for (const uint16_t session : sessions) {
    if (peer.rpc->destroy_session(session) != Status::ok)
      return false;
  }
  return turn_until(peer, kHangSeconds, [&] { return peer.rpc->session_count() == 0; });
}

int call(Peer &peer, const Arguments &arguments) {
  Client client;
  if (!connect(peer, arguments, client.sessions)) {
    std::fputs("no session\n", stderr);
    return 1;
  }
  client.sizes = sizes_of(arguments);
  client.times.resize(client.sizes.size());
  const bool all = turn_until(peer, number(arguments, "hang_s", kHangSeconds), [&] {
    client.fill(*peer.rpc);
    return client.ended == client.sizes.size();
  });
  const bool closed = all && close(peer, client.sessions);
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
