// The protocol core alone, over the loop backend on one thread, between one client and one server
// with a handler that does nothing. Answers in one line of JSON:
//   rate CALLS OUTSTANDING   seconds that the calls took, and packets that were received
//   sessions                 bytes of memory of a session, both ends, with 20,000 of them
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "rpc/endpoint.hpp"
#include "rpc/loop_backend.hpp"

namespace {

using namespace sledge::rpc;

constexpr uint32_t kOutstandingMax = 8;
constexpr size_t kRequestBytes = 32;
constexpr uint32_t kClientIpv4 = 0x0A000001;
constexpr uint32_t kServerIpv4 = 0x0A000002;

uint64_t clock_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

constexpr uint32_t kRpcPairs = 160;
constexpr uint32_t kSessionsPerPair = 125;

RpcOptions options_of(uint32_t ipv4) {
  RpcOptions options;
  options.host = format_ipv4(ipv4);
  return options;
}

struct Host {
  Host(LoopNetwork &network, uint32_t ipv4, uint32_t ring_packets = 4096)
      : channel(network, {ipv4, 31850}), endpoint(channel),
        backend(network, {{}, ipv4, 10000, 0, 128}, ring_packets),
        rpc(options_of(ipv4), backend, channel) {
    endpoint.attach(rpc);
  }
  ~Host() { endpoint.detach(rpc); }

  void turn() {
    endpoint.poll();
    rpc.poll(clock_ns());
  }

  LoopChannel channel;
  Endpoint endpoint;
  LoopBackend backend;
  Rpc rpc;
};

void null_handler(void *, Rpc &rpc, const Request &request) {
  rpc.respond(request.handle, request.data);
}

struct Load {
  Rpc *client = nullptr;
  uint16_t session = 0;
  uint64_t left = 0;
  uint64_t done = 0;

  static void on_done(void *context, uint64_t, const CallResult &) {
    auto &load = *static_cast<Load *>(context);
    ++load.done;
    load.send();
  }
  void send() {
    static constexpr std::array<uint8_t, kRequestBytes> kRequest{};
    if (left == 0)
      return;
    --left;
    client->call(session, 1, kRequest, {&Load::on_done, this, 0});
  }
};

/// Seconds for `calls` calls, with the clock read once per turn as a real loop does.
double round_seconds(Host &client, Host &server, Load &load, uint64_t calls, uint32_t outstanding) {
  load.left = calls;
  load.done = 0;
  const uint64_t start_ns = clock_ns();
  uint64_t now_ns = start_ns;
  for (uint32_t at = 0; at < outstanding; ++at)
    load.send();
  while (load.done < calls) {
    client.rpc.poll(now_ns);
    server.rpc.poll(now_ns);
    now_ns = clock_ns();
  }
  return static_cast<double>(now_ns - start_ns) * 1e-9;
}

uint64_t resident_bytes() {
  unsigned long long total = 0;
  unsigned long long resident = 0;
  std::FILE *file = std::fopen("/proc/self/statm", "r");
  const bool read = file != nullptr && std::fscanf(file, "%llu %llu", &total, &resident) == 2;
  if (file != nullptr)
    std::fclose(file);
  return read ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

/// Resident bytes per session, both ends together, after one call on each.
double session_bytes() {
  LoopNetwork network;
  std::vector<std::unique_ptr<Host>> hosts;
  for (uint32_t at = 0; at < 2 * kRpcPairs; ++at) {
    hosts.push_back(std::make_unique<Host>(network, 0x0A010000 + at, 256));
    hosts.back()->rpc.set_handler(1, {&null_handler, nullptr});
  }
  const uint64_t before = resident_bytes();
  uint64_t connected = 0;
  uint64_t answered = 0;
  const Completion count = {
      [](void *context, uint64_t, const CallResult &) { ++*static_cast<uint64_t *>(context); },
      &answered, 0};
  for (uint32_t at = 0; at < 2 * kRpcPairs; at += 2) {
    Host &client = *hosts[at];
    Host &server = *hosts[at + 1];
    for (uint32_t number = 0; number < kSessionsPerPair; ++number) {
      uint16_t session = 0;
      client.rpc.create_session(server.rpc.options().host, 31850, 0, session);
      for (int turn = 0; turn < 4; ++turn) {
        client.turn();
        server.turn();
      }
      connected += client.rpc.is_connected(session) ? 1 : 0;
      client.rpc.call(session, 1, std::array<uint8_t, kRequestBytes>{}, count);
      server.turn();
      client.turn();
    }
  }
  if (connected != uint64_t{kRpcPairs} * kSessionsPerPair || answered != connected)
    std::fprintf(stderr, "only %llu sessions answered\n",
                 static_cast<unsigned long long>(answered));
  return static_cast<double>(resident_bytes() - before) / static_cast<double>(connected);
}

int rate(uint64_t calls, uint32_t outstanding) {
  LoopNetwork network;
  Host client(network, kClientIpv4);
  Host server(network, kServerIpv4);
  server.rpc.set_handler(1, {&null_handler, nullptr});
  Load load{&client.rpc, 0, 0, 0};
  client.rpc.create_session("10.0.0.2", 31850, 0, load.session);
  for (int turn = 0; turn < 10 && !client.rpc.is_connected(load.session); ++turn) {
    client.turn();
    server.turn();
  }
  round_seconds(client, server, load, calls / 10 + outstanding, outstanding);
  const auto received = [&] {
    return client.rpc.counters().packets_received + server.rpc.counters().packets_received;
  };
  const uint64_t before = received();
  const double seconds = round_seconds(client, server, load, calls, outstanding);
  std::printf("{ \"seconds\": %.9f, \"packets\": %llu }\n", seconds,
              static_cast<unsigned long long>(received() - before));
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const uint64_t calls = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const uint64_t outstanding = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (what == "rate" && calls > 0 && outstanding > 0 && outstanding <= kOutstandingMax) {
    return rate(calls, static_cast<uint32_t>(outstanding));
  }
  if (what == "sessions") {
    std::printf("{ \"bytes\": %.1f }\n", session_bytes());
    return 0;
  }
  std::fprintf(stderr, "usage: rpc_core_bench rate CALLS OUTSTANDING | sessions\n");
  return 2;
}
