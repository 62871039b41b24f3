// policy_bench.cpp - what one decision of a dispatcher costs: a request arrives while every worker
// runs something and so many requests wait. Prints one JSON object.
// Usage: policy_bench dispatcher scheduler workers queued decisions
#include <algorithm>
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

constexpr uint32_t batch = 32;

PolicyInstance plugin(const std::string &name, sledge_policy_kind kind, uint32_t workers) {
  PolicyConfig config;
  config.worker_count = workers;
  PolicyError error;
  const std::string path = std::string(SLEDGE_PLUGIN_BUILD_DIR) + "/" + name + "/" + name + ".so";
  PolicyInstance policy = load_policy(path, kind, config, error);
  if (!policy)
    std::fprintf(stderr, "%s\n", error.reason.c_str());
  return policy;
}

class Bench {
 public:
  Bench(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  void fill(uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
      arrive(fresh());
    for (uint32_t worker = 0; worker < engine_->worker_count(); worker++)
      engine_->next(worker, now_ns_);
    drop_actions();
  }

  /// Time of an arrival, ns, by the median of batches; each is taken away again, untimed.
  double ns_per_decision(uint64_t decisions) {
    std::vector<Request *> requests(batch);
    std::vector<double> samples;
    for (uint64_t done = 0; done < decisions; done += batch) {
      for (Request *&r : requests)
        r = fresh();
      const auto start = std::chrono::steady_clock::now();
      for (Request *r : requests)
        arrive(r);
      const std::chrono::duration<double, std::nano> took =
          std::chrono::steady_clock::now() - start;
      samples.push_back(took.count() / batch);
      for (Request *r : requests) {
        engine_->remove(r, SLEDGE_REMOVED_CANCELLED, now_ns_);
        engine_->release(r);
      }
      drop_actions();
    }
    std::sort(samples.begin(), samples.end());
    return samples[samples.size() / 2];
  }

 private:
  Request *fresh() {
    Request *r = engine_->acquire();
    r->type = static_cast<uint32_t>(random_() % 16);
    r->arrival_ns = now_ns_;
    r->estimate_ns = 1'000 + random_() % 100'000;
    r->deadline_ns = now_ns_ + 1'000'000'000 + random_() % 1'000'000'000;
    return r;
  }
  void arrive(Request *r) { engine_->arrive(r, ++now_ns_); }
  void drop_actions() {
    std::vector<Action> actions(64);
    while (engine_->take_actions(actions) != 0) {
    }
  }
  std::unique_ptr<Engine> engine_;
  std::mt19937_64 random_{1};
  uint64_t now_ns_ = 1;
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 6) {
    std::fprintf(stderr, "policy_bench dispatcher scheduler workers queued decisions\n");
    return 2;
  }
  EngineConfig config;
  config.worker_count = static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10));
  const uint64_t queued = std::strtoull(argv[4], nullptr, 10);
  config.request_count_max = static_cast<uint32_t>(queued) + config.worker_count + 2 * batch;
  config.queue_length_max = config.request_count_max;
  PolicyError error;
  auto engine = Engine::make(config, plugin(argv[1], SLEDGE_DISPATCHER, config.worker_count),
                             plugin(argv[2], SLEDGE_SCHEDULER, config.worker_count), error);
  if (engine == nullptr)
    return 1;
  Bench bench(std::move(engine));
  bench.fill(queued + config.worker_count);
  std::printf("{\"decision_ns\": %.2f}\n",
              bench.ns_per_decision(std::strtoull(argv[5], nullptr, 10)));
  return 0;
}
