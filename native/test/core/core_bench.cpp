// core_bench.cpp - cost of one request through the engine: global queue, sched-fifo, one worker.
// Prints one JSON object. Usage: core_bench [requests]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/policy_loader.hpp"

namespace {

using namespace sledge;

PolicyInstance plugin(const std::string &name, sledge_policy_kind kind) {
  PolicyError error;
  const std::string path = std::string(SLEDGE_PLUGIN_BUILD_DIR) + "/" + name + "/" + name + ".so";
  PolicyInstance policy = load_policy(path, kind, {}, error);
  if (!policy)
    std::fprintf(stderr, "%s\n", error.reason.c_str());
  return policy;
}

std::unique_ptr<Engine> make() {
  EngineConfig config;
  config.request_count_max = 1 << 16;
  config.queue_length_max = 1 << 16;
  PolicyError error;
  return Engine::make(config, plugin("dispatch-global-queue", SLEDGE_DISPATCHER),
                      plugin("sched-fifo", SLEDGE_SCHEDULER), error);
}

/// An M/M/1 queue in virtual time; arrivals and service times are drawn beforehand.
double ns_per_request(Engine &engine, uint64_t requests, double load) {
  std::mt19937_64 random(1);
  std::exponential_distribution<double> gap(load / 1000);
  std::exponential_distribution<double> service(1.0 / 1000);
  std::vector<uint64_t> gaps(4096);
  std::vector<uint64_t> services(4096);
  for (auto &g : gaps)
    g = static_cast<uint64_t>(gap(random));
  for (auto &s : services)
    s = 1 + static_cast<uint64_t>(service(random));
  Action action;
  uint64_t arrival_ns = 0;
  uint64_t end_ns = UINT64_MAX;
  uint64_t ended = 0;
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t arrived = 0; ended < requests;) {
    if (arrived < requests && arrival_ns <= end_ns) {
      Request *r = engine.acquire();
      r->arrival_ns = arrival_ns;
      r->estimate_ns = services[(arrived * 7) & 4095];
      engine.arrive(r, arrival_ns);
      if (engine.take_actions({&action, 1}) != 0)
        end_ns = arrival_ns + engine.next(0, arrival_ns)->estimate_ns;
      arrival_ns += gaps[arrived++ & 4095];
    } else {
      const uint64_t now_ns = end_ns;
      engine.release(engine.finish(0, now_ns));
      ended++;
      const Request *r = engine.next(0, now_ns);
      end_ns = r != nullptr ? now_ns + r->estimate_ns : UINT64_MAX;
    }
    if (engine.next_tick_ns() != UINT64_MAX)
      std::abort();
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / static_cast<double>(requests);
}

} // namespace

int main(int argc, char **argv) {
  const uint64_t requests = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
  double best[2] = {1e9, 1e9};
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 2; i++) {
      auto engine = make();
      if (engine == nullptr)
        return 1;
      const double ns = ns_per_request(*engine, requests / 5, i == 0 ? 0.7 : 0.99);
      if (ns < best[i])
        best[i] = ns;
    }
  }
  std::printf("{\"requests\": %llu, \"ns_per_request_load_70\": %.1f, "
              "\"ns_per_request_load_99\": %.1f, \"requests_per_second\": %.0f}\n",
              static_cast<unsigned long long>(requests), best[0], best[1], 1e9 / best[0]);
  return 0;
}
