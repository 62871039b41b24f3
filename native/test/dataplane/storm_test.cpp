// Goal: exactly one outcome per invocation, whatever competes for it. Method: random traps, exits,
// kills, cancels, time limits, drains and stops on several workers, every outcome counted and
// compared.
#include <gtest/gtest.h>

#include <random>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

/// Of all that was accepted there is one arrival, one end and one completion.
void expect_recorded(Recorder &recorder, size_t accepted) {
  std::vector<double> row(std::max(RecordedEvent::fields, Completion::fields));
  size_t arrivals = 0;
  size_t ends = 0;
  size_t completions = 0;
  uint64_t waiting = 0;
  while (recorder.take_events(row.data(), 1) == 1) {
    const auto what = static_cast<Happening>(row[1]);
    arrivals += what == Happening::arrive || what == Happening::held ? 1 : 0;
    ends += what == Happening::finish || what == Happening::drop ? 1 : 0;
    waiting = static_cast<uint64_t>(row[RecordedEvent::fields - 1]);
  }
  while (recorder.take_completions(row.data(), 1) == 1) {
    completions++;
  }
  EXPECT_EQ(arrivals, accepted);
  EXPECT_EQ(ends, accepted);
  EXPECT_EQ(completions, accepted);
  EXPECT_EQ(waiting, 0u);
  EXPECT_EQ(recorder.events_lost() + recorder.completions_lost(), 0u);
}

BenchOptions storm_options(IdleKind idle, const char *dispatcher, bool is_recorded) {
  BenchOptions options;
  options.dispatcher = dispatcher;
  options.worker_count = 3;
  options.idle = {{idle}};
  options.invocation_max = 64;
  options.preemption.grace_ns = 100'000;
  options.tenants = {{0, 0, 0}, {40, 20, 2 * fake_memory_bytes}};
  if (is_recorded) {
    options.record = {1u << 18, 1u << 15};
  }
  return options;
}

/// `drain_after`: from so many submissions on it takes in nothing, and now and then ends all.
void storm(IdleKind idle, uint64_t seed, size_t total, size_t drain_after = SIZE_MAX,
           const char *dispatcher = TEST_DISPATCHER) {
  const bool is_recorded = seed % 2 == 1;
  Bench bench(storm_options(idle, dispatcher, is_recorded), 32);
  std::mt19937_64 random(seed);
  std::vector<uint32_t> functions;
  for (const char *name : {"echo", "empty", "trap", "exit", "yield", "wait"}) {
    FunctionSpec spec;
    spec.name = name;
    spec.wall_time_max_ns = 50'000'000;
    spec.tenant = functions.size() % 2;
    spec.memory_bytes_min = fake_memory_bytes;
    spec.on_late = static_cast<OnLate>(functions.size() % 3);
    spec.kill_on_disconnect = functions.size() != 4;
    functions.push_back(bench.add(std::move(spec)));
  }
  FunctionSpec loop;
  loop.name = "loop";
  loop.cpu_time_max_ns = 300'000;
  loop.on_late = OnLate::abort;
  loop.polled = false;
  functions.push_back(bench.add(std::move(loop)));
  std::vector<std::string> inputs;
  while (bench.endings.size() < total) {
    if (bench.endings.size() >= drain_after) {
      bench.plane->close_intake();
      if (bench.open() == 0) {
        break;
      }
      if (random() % 20 == 0) {
        bench.plane->end_all();
      }
    }
    const bool looping = random() % 50 == 0;
    const uint32_t function = looping ? functions.back() : functions[random() % 6];
    const std::string input = std::to_string(random());
    const uint64_t deadline_ns = random() % 3 == 0 ? 1 + random() % 400'000 : 0;
    if (bench.submit(function, input, deadline_ns) >= 0) {
      inputs.push_back(function == functions[0] ? input : "");
    } else {
      bench.reap();
      bench.waker.wait(1);
    }
    if (random() % 10 == 0 && !inputs.empty()) {
      bench.cancel(inputs.size() - 1 - random() % std::min<size_t>(inputs.size(), 64));
    }
    if (random() % 4 == 0) {
      bench.reap();
    }
  }
  ASSERT_TRUE(bench.settle());
  ASSERT_EQ(inputs.size(), std::min(total, drain_after));
  for (size_t at = 0; at < inputs.size(); at++) {
    ASSERT_EQ(bench.ended_count[at], 1) << "submission " << at;
    if (!inputs[at].empty() && bench.endings[at].status == Status::completed) {
      ASSERT_EQ(bench.endings[at].output, inputs[at]);
    }
  }
  EXPECT_EQ(bench.statistic("tenantMemoryBytes"), 0) << "all have ended";
  EXPECT_TRUE(bench.plane->stop());
  EXPECT_EQ(bench.runtime->slots_in_use(), 0u);
  if (is_recorded) {
    expect_recorded(*bench.plane->recorder(), inputs.size());
  }
}

} // namespace

TEST(Storm, EachInvocationHasExactlyOneOutcomeWithSpinningWorkers) {
  storm(IdleKind::adaptive, 1, 20'000);
}
TEST(Storm, EachInvocationHasExactlyOneOutcomeWithSleepingWorkers) {
  storm(IdleKind::block, 2, 20'000);
}

TEST(Storm, EachInvocationHasExactlyOneOutcomeWhenItMovesBetweenWorkers) {
  storm(IdleKind::adaptive, 3, 20'000, SIZE_MAX, TEST_SHINJUKU);
}

TEST(Storm, EachInvocationHasExactlyOneOutcomeWhenDrainedInTheMiddle) {
  for (uint64_t seed = 0; seed < 40; seed++) {
    const IdleKind idle = seed % 2 == 0 ? IdleKind::adaptive : IdleKind::block;
    ASSERT_NO_FATAL_FAILURE(storm(idle, seed, 1'000, 200 + 10 * seed));
  }
}

TEST(Storm, EachInvocationHasExactlyOneOutcomeWhenStoppedInTheMiddle) {
  for (uint64_t seed = 0; seed < 200; seed++) {
    BenchOptions options;
    options.worker_count = 2;
    Bench bench(options);
    const uint32_t functions[] = {bench.add("loop"), bench.add("empty"), bench.add("wait"),
                                  bench.add("yield")};
    std::mt19937_64 random(seed);
    for (size_t at = 0; at < 200; at++) {
      ASSERT_GE(bench.submit(functions[random() % 4]), 0);
    }
    ASSERT_TRUE(bench.plane->stop());
    bench.reap();
    for (size_t at = 0; at < 200; at++) {
      ASSERT_EQ(bench.ended_count[at], 1);
    }
    ASSERT_EQ(bench.runtime->slots_in_use(), 0u);
  }
}

} // namespace sledge::dataplane::testing
