// sim.hpp - several Rpcs on one loop network in virtual time.
#pragma once
#include <functional>
#include <memory>

#include "recorder.hpp"
#include "rpc/loop_backend.hpp"

namespace sledge::rpc::test {

struct SimHost {
  SimHost(LoopNetwork &network, uint32_t ipv4, RpcOptions options)
      : channel(network, {ipv4, options.sm_port}), endpoint(channel),
        backend(network, {{2, 0, 0, 0, 0, 1}, ipv4, 10000, 0, 128}),
        rpc(with_host(std::move(options), ipv4), backend, channel) {
    endpoint.attach(rpc);
    rpc.set_session_handler({&SimHost::on_session, this});
  }
  ~SimHost() { endpoint.detach(rpc); }

  static RpcOptions with_host(RpcOptions options, uint32_t ipv4) {
    options.host = format_ipv4(ipv4);
    return options;
  }
  static void on_session(void *context, uint16_t session, SessionEvent event, SmError error) {
    static_cast<SimHost *>(context)->events.push_back({session, event, error});
  }

  struct Event {
    uint16_t session;
    SessionEvent event;
    SmError error;
  };

  LoopChannel channel;
  Endpoint endpoint;
  LoopBackend backend;
  Rpc rpc;
  std::vector<Event> events;
};

class Sim {
 public:
  explicit Sim(const LoopFaults &faults = {}) : network(faults) {}

  SimHost &add(uint32_t ipv4, const RpcOptions &options = test_options()) {
    hosts.push_back(std::make_unique<SimHost>(network, ipv4, options));
    return *hosts.back();
  }

  void turn() {
    network.advance(now_ns);
    for (auto &host : hosts) {
      host->endpoint.poll();
      host->rpc.poll(now_ns);
    }
  }

  bool idle() const {
    for (const auto &host : hosts) {
      if (!host->backend.idle() || !host->channel.idle())
        return false;
    }
    return true;
  }

  /// Turns, and jumps to the next event when nothing is left to do, until `done` or the time has
  /// passed. Returns whether `done`.
  bool run(const std::function<bool()> &done, uint64_t limit_ns = 100 * kSecondNs) {
    const uint64_t end_ns = now_ns + limit_ns;
    while (!done()) {
      turn();
      if (!idle())
        continue;
      uint64_t next_ns = network.next_delivery_ns();
      for (const auto &host : hosts)
        next_ns = std::min(next_ns, host->rpc.next_timer_ns());
      if (next_ns > end_ns) {
        now_ns = end_ns;
        turn();
        return done();
      }
      now_ns = std::max(now_ns + 1, next_ns);
    }
    return true;
  }

  void pass(uint64_t ns) {
    run([] { return false; }, ns);
  }

  uint16_t connect(SimHost &client, SimHost &server) {
    uint16_t session = kSessionInvalid;
    EXPECT_EQ(client.rpc.create_session(server.rpc.options().host, 31850, 0, session), Status::ok);
    EXPECT_TRUE(run([&] { return client.rpc.is_connected(session); }));
    return session;
  }

  LoopNetwork network;
  std::vector<std::unique_ptr<SimHost>> hosts;
  uint64_t now_ns = kSecondNs;
};

/// What a call came to.
struct Outcome {
  bool done = false;
  Status status = Status::ok;
  std::vector<uint8_t> data;
  int times = 0;

  Completion completion() { return {&Outcome::on_done, this, 0}; }
  static void on_done(void *context, uint64_t, const CallResult &result) {
    auto &outcome = *static_cast<Outcome *>(context);
    outcome.done = true;
    outcome.status = result.status;
    outcome.data.assign(result.data.begin(), result.data.end());
    ++outcome.times;
  }
};

inline void echo(void *, Rpc &rpc, const Request &request) {
  EXPECT_EQ(rpc.respond(request.handle, request.data), Status::ok);
}

} // namespace sledge::rpc::test
