// slowdown_bench.cpp - slowdown of short requests beside long ones, on one worker of the real data
// plane, open loop.
//
//   slowdown_bench hash.wasm.so hash-tsc.wasm.so endless.wasm.so plugins-folder quick|full
//
// Short requests take 5 us and long ones 500 us (`hash`, calibrated here); deadline = 10 x service
// time. Arrivals are Poisson, latency counts from the intended time. Load is a share of the
// measured closed-loop capacity. A segment of 200 ms counts if the two threads waited less than 0.4
// ms for their cores, steal included; tails are the median over at least 10 such segments. The
// generator also looks at the timers, as a polling transport does. One JSON object.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <sched.h>
#include <string>
#include <vector>

#include "core/policy_loader.hpp"
#include "dataplane/clock.hpp"
#include "dataplane/data_plane.hpp"
#include "disturbance.hpp"

namespace sledge::dataplane {
namespace {

constexpr uint64_t kShortNs = 5'000;
constexpr uint64_t kLongNs = 500'000;
constexpr uint64_t kSegmentNs = 200'000'000;
constexpr uint64_t kDelayMaxNs = 400'000;
constexpr size_t kSegmentsMin = 10;
constexpr uint32_t kInvocations = 65'536;
constexpr uint32_t kSlots = 4'096;

struct Mix {
  const char *name;
  double long_share;
};
struct Policy {
  const char *name;
  const char *dispatcher;
  const char *scheduler;
  double quantum_us; ///< above 0: by code that reads the time, the second module
};
constexpr Mix kMixes[] = {{"99_5", 0.005}, {"50_50", 0.5}};
constexpr Policy kPolicies[] = {{"fifo", "dispatch-global-queue", "sched-fifo", 0},
                                {"quantum", "dispatch-rr", "sched-fifo", 50},
                                {"edf", "dispatch-edf-interrupt", "sched-edf", 0}};

/// The owner reaps by looking: nobody has to wake it.
struct NoWaker final : OutcomeWaker {
  void wake() override {}
};

PolicyInstance load(const std::string &plugins, const char *name, sledge_policy_kind kind,
                    double quantum_us) {
  PolicyConfig config;
  config.request_count_max = kInvocations;
  if (quantum_us > 0)
    config.options.push_back({"quantumUs", quantum_us, "", false});
  PolicyError error;
  PolicyInstance policy =
      load_policy(plugins + "/" + name + "/" + name + ".so", kind, config, error);
  if (!policy)
    die(std::string(name) + ": " + error.reason);
  return policy;
}

std::shared_ptr<const Module> load(const std::string &path) {
  ModuleLoadError error;
  auto module = load_module(path, {}, error);
  if (!module)
    die(path + ": " + error.detail);
  return module;
}

/// One worker on core 1 under one policy; the calling thread, on core 0, submits and reaps.
class Server {
 public:
  Server(const Policy &policy, const std::string &plugins, const std::shared_ptr<Arena> &arena)
      : plane_(options(policy), make_engine(policy, plugins), std::make_shared<ArenaRuntime>(arena),
               waker_) {
    if (plane_.start() != 0)
      die("the worker cannot be started");
    plane_.begin_polling();
  }
  ~Server() {
    plane_.end_polling();
    plane_.stop();
  }

  uint32_t add(const char *name, std::shared_ptr<const Module> module, uint64_t deadline_ns,
               uint32_t tenant = 0) {
    FunctionSpec spec;
    spec.name = name;
    spec.module = std::move(module);
    spec.relative_deadline_ns = deadline_ns;
    spec.expected_execution_ns = deadline_ns / 10;
    spec.tenant = tenant;
    spec.polled = module_polled(*spec.module);
    return plane_.add_function(std::move(spec))->id;
  }
  /// False: refused.
  bool submit(uint32_t function, uint64_t rounds, uint64_t arrival_ns) {
    char text[24];
    const int length = snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(rounds));
    Submission submission;
    submission.function = function;
    submission.argc = 1;
    submission.argv = {reinterpret_cast<const uint8_t *>(text), static_cast<size_t>(length) + 1};
    submission.arrival_ns = arrival_ns;
    return plane_.submit(submission, false) >= 0;
  }
  /// Calls take(invocation) for each outcome that is there.
  template <typename Take> void reap(Take take) {
    plane_.look_at_timers();
    plane_.begin_reaping();
    while (Invocation *invocation = plane_.reap()) {
      take(*invocation);
      plane_.recycle(*invocation);
    }
  }
  uint32_t in_flight() const { return plane_.in_flight(); }

 private:
  static DataPlaneOptions options(const Policy &policy) {
    DataPlaneOptions o;
    o.preemption.mechanism = policy.quantum_us > 0 ? Mechanism::tsc : Mechanism::safepoint;
    o.worker_cores = {1};
    o.idle = {{IdleKind::spin}};
    o.invocation_max = kInvocations;
    return o;
  }
  static std::unique_ptr<Engine> make_engine(const Policy &policy, const std::string &plugins) {
    EngineConfig config;
    config.request_count_max = kInvocations;
    config.queue_length_max = kInvocations;
    config.started_max = kSlots;
    PolicyError error;
    auto engine =
        Engine::make(config, load(plugins, policy.dispatcher, SLEDGE_DISPATCHER, 0),
                     load(plugins, policy.scheduler, SLEDGE_SCHEDULER, policy.quantum_us), error);
    if (!engine)
      die(error.reason);
    return engine;
  }

  NoWaker waker_;
  DataPlane plane_;
};

/// Rounds of `hash` that take `service_ns` on the worker, from two points of a straight line.
uint64_t calibrate(Server &server, uint32_t function, uint64_t service_ns) {
  const auto median_ns = [&](uint64_t rounds) {
    std::vector<uint64_t> samples;
    for (int i = 0; i < 201; i++) {
      server.submit(function, rounds, now_ns());
      while (server.in_flight() != 0)
        server.reap([&](const Invocation &ended) { samples.push_back(ended.run_ns); });
    }
    std::nth_element(samples.begin(), samples.begin() + 100, samples.end());
    return static_cast<double>(samples[100]);
  };
  const double base = median_ns(100);
  const double per_round = (median_ns(20'100) - base) / 20'000;
  const double rounds = 100 + (static_cast<double>(service_ns) - base) / per_round;
  return static_cast<uint64_t>(std::max(rounds, 1.0));
}

struct Calls {
  uint32_t short_function = 0;
  uint32_t long_function = 0;
  uint64_t short_rounds = 0;
  uint64_t long_rounds = 0;
};

struct Segment {
  std::vector<double> short_slowdowns;
  std::vector<double> long_slowdowns;
  uint64_t delay_ns = 0;
};

struct Result {
  std::vector<double> short_p99s; ///< one per clean segment
  double short_p99 = 0;
  double long_p99 = 0;
  size_t discarded = 0;
  uint64_t sent = 0;
  uint64_t late = 0;    ///< more than 20 us after their time
  uint64_t dropped = 0; ///< refused, or not completed
  uint64_t never_sent = 0;
};

double p99(std::vector<double> &samples) {
  if (samples.empty())
    return 0;
  const size_t at = std::min(samples.size() - 1, samples.size() * 99 / 100);
  std::nth_element(samples.begin(), samples.begin() + static_cast<long>(at), samples.end());
  return samples[at];
}

double median(std::vector<double> samples) {
  if (samples.empty())
    return 0;
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

/// Requests per second of the mix with 64 always in flight.
double capacity(Server &server, const Calls &calls, double long_share) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform;
  std::vector<double> rates;
  for (int round = 0; round < 5; round++) {
    uint64_t done = 0;
    const uint64_t start_ns = now_ns();
    while (now_ns() - start_ns < 200'000'000) {
      while (server.in_flight() < 64) {
        const bool is_long = uniform(random) < long_share;
        server.submit(is_long ? calls.long_function : calls.short_function,
                      is_long ? calls.long_rounds : calls.short_rounds, now_ns());
      }
      server.reap([&](const Invocation &) { done++; });
    }
    rates.push_back(static_cast<double>(done) / (static_cast<double>(now_ns() - start_ns) / 1e9));
  }
  while (server.in_flight() != 0)
    server.reap([](const Invocation &) {});
  return median(rates);
}

void summarise(std::vector<Segment> &segments, Result &result) {
  std::vector<double> shorts;
  std::vector<double> longs;
  for (Segment &segment : segments) {
    if (segment.delay_ns >= kDelayMaxNs) {
      result.discarded++;
      continue;
    }
    shorts.push_back(p99(segment.short_slowdowns));
    longs.push_back(p99(segment.long_slowdowns));
  }
  result.short_p99 = median(shorts);
  result.long_p99 = median(longs);
  result.short_p99s = std::move(shorts);
}

/// Open loop at `rate` per second until enough clean segments have come, at most segments_max.
/// `background` of the requests in flight never end.
Result run(Server &server, const Calls &calls, double long_share, double rate, size_t segments_max,
           uint32_t background = 0) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform;
  std::exponential_distribution<double> gap(rate / 1e9);
  std::vector<Segment> segments(segments_max + 1);
  Result result;
  size_t clean = 0;
  const uint64_t first_ns = now_ns() + 1'000'000;
  double next = static_cast<double>(first_ns);
  Disturbance disturbance;
  const auto take = [&](const Invocation &ended) {
    const size_t at = (ended.arrival_ns - first_ns) / kSegmentNs;
    result.dropped += ended.status != Status::completed ? 1 : 0;
    if (ended.status != Status::completed || at >= segments.size())
      return;
    const bool is_long = ended.function->id == calls.long_function;
    const auto sojourn = static_cast<double>(ended.end_ns - ended.arrival_ns);
    if (is_long)
      segments[at].long_slowdowns.push_back(sojourn / kLongNs);
    else
      segments[at].short_slowdowns.push_back(sojourn / kShortNs);
  };
  size_t segment = 0;
  while (segment < segments_max && clean < 2 * kSegmentsMin) {
    const uint64_t now = now_ns();
    if (now >= first_ns + (segment + 1) * kSegmentNs) {
      segments[segment].delay_ns = disturbance.take_ns();
      clean += segments[segment].delay_ns < kDelayMaxNs ? 1 : 0;
      segment++;
    }
    if (static_cast<double>(now) >= next) {
      const bool is_long = uniform(random) < long_share;
      result.sent++;
      result.late += static_cast<double>(now) - next > 20'000 ? 1 : 0;
      if (!server.submit(is_long ? calls.long_function : calls.short_function,
                         is_long ? calls.long_rounds : calls.short_rounds,
                         static_cast<uint64_t>(next)))
        result.dropped++;
      next += gap(random);
    }
    server.reap(take);
  }
  const auto end_ns = static_cast<double>(first_ns + segment * kSegmentNs);
  for (; next < end_ns; next += gap(random))
    result.never_sent++;
  while (server.in_flight() != background)
    server.reap(take);
  segments.resize(segment);
  summarise(segments, result);
  return result;
}

bool first_row = true;

/// `divisor`: what the samples are a ratio to.
void print(const std::string &name, const Result &result, double divisor = 1) {
  printf("%s\n  {\"name\": \"%s\", \"samples\": [", first_row ? "" : ",", name.c_str());
  for (size_t i = 0; i < result.short_p99s.size(); i++)
    printf("%s%.3f", i == 0 ? "" : ", ", result.short_p99s[i] / divisor);
  printf("], \"discarded\": %zu, \"sent\": %llu, \"late\": %llu, \"dropped\": %llu, "
         "\"neverSent\": %llu, \"longP99\": %.3f}",
         result.discarded, static_cast<unsigned long long>(result.sent),
         static_cast<unsigned long long>(result.late),
         static_cast<unsigned long long>(result.dropped),
         static_cast<unsigned long long>(result.never_sent), result.long_p99);
  first_row = false;
  fflush(stdout);
}

Calls prepare(Server &server, const std::shared_ptr<const Module> &hash) {
  Calls calls;
  calls.short_function = server.add("short", hash, 10 * kShortNs);
  calls.long_function = server.add("long", hash, 10 * kLongNs);
  calls.short_rounds = calibrate(server, calls.short_function, kShortNs);
  calls.long_rounds = calibrate(server, calls.long_function, kLongNs);
  return calls;
}

/// p99 of one tenant's short requests at half load while endless loops of another never stop,
/// against the same alone.
void neighbour(const Policy &policy, const std::string &plugins,
               const std::shared_ptr<Arena> &arena, const std::shared_ptr<const Module> &hash,
               const std::shared_ptr<const Module> &endless, size_t segments_max) {
  double alone = 0;
  for (const bool flooded : {false, true}) {
    Server server(policy, plugins, arena);
    const Calls calls = prepare(server, hash);
    const uint32_t loop = server.add("loop", endless, 3'600'000'000'000, 1);
    const double rate = 0.5 * capacity(server, calls, 0);
    const uint32_t loops = flooded ? 8 : 0;
    for (uint32_t i = 0; i < loops; i++)
      server.submit(loop, 0, now_ns());
    const Result result = run(server, calls, 0, rate, segments_max, loops);
    if (!flooded)
      alone = result.short_p99;
    else
      print("neighbour_p99", result, alone == 0 ? 1 : alone);
  }
}

} // namespace

int measure(int argc, char **argv) {
  if (argc != 6)
    die("slowdown_bench hash.wasm.so hash-tsc.wasm.so endless.wasm.so plugins-folder quick|full");
  const char *plugins = argv[4];
  const size_t segments_max = std::strcmp(argv[5], "quick") == 0 ? 11 : 100;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(0, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
  ModuleLoadError error;
  auto arena = make_arena({.slot_count = kSlots, .stack_bytes = 262144}, error);
  if (!arena)
    die(error.detail);
  const auto hash = load(argv[1]);
  const auto timed_hash = load(argv[2]);
  const auto endless = load(argv[3]);
  printf("{\"figures\": [");
  for (const Mix &mix : kMixes) {
    for (const Policy &policy : kPolicies) {
      Server server(policy, plugins, arena);
      const Calls calls = prepare(server, policy.quantum_us > 0 ? timed_hash : hash);
      const double full = capacity(server, calls, mix.long_share);
      for (const int load : {50, 70, 85}) {
        const Result result = run(server, calls, mix.long_share, full * load / 100, segments_max);
        print(std::string("short_p99_") + mix.name + "_" + policy.name + "_" + std::to_string(load),
              result);
      }
    }
  }
  neighbour(kPolicies[2], plugins, arena, hash, endless, segments_max);
  printf("\n]}\n");
  return 0;
}

} // namespace sledge::dataplane

int main(int argc, char **argv) {
  return sledge::dataplane::measure(argc, argv);
}
