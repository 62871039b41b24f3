// Goal: what is recorded is complete, in order and bounded; nothing is recorded unasked.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

std::vector<RecordedEvent> events_of(Recorder &recorder) {
  std::vector<double> fields(RecordedEvent::fields * 65'536);
  const size_t count = recorder.take_events(fields.data(), 65'536);
  std::vector<RecordedEvent> events(count);
  for (size_t at = 0; at < count; at++) {
    const double *row = fields.data() + at * RecordedEvent::fields;
    events[at].at_ns = static_cast<uint64_t>(row[0]);
    events[at].what = static_cast<Happening>(row[1]);
    events[at].request = static_cast<uint64_t>(row[2]);
    events[at].worker = row[3] < 0 ? UINT32_MAX : static_cast<uint32_t>(row[3]);
    events[at].reason = static_cast<uint8_t>(row[5]);
    events[at].b = row[7];
    events[at].waiting = static_cast<uint64_t>(row[11]);
  }
  return events;
}

std::map<Happening, int> counts_of(const std::vector<RecordedEvent> &events, uint64_t request) {
  std::map<Happening, int> counts;
  for (const RecordedEvent &event : events) {
    counts[event.what] += event.request == request ? 1 : 0;
  }
  return counts;
}

/// What each request that completed had as its number.
std::map<uint64_t, int> completions_of(Recorder &recorder) {
  std::vector<double> fields(Completion::fields * 65'536);
  std::map<uint64_t, int> counts;
  const size_t count = recorder.take_completions(fields.data(), 65'536);
  for (size_t at = 0; at < count; at++) {
    counts[static_cast<uint64_t>(fields[at * Completion::fields])]++;
  }
  return counts;
}

BenchOptions recording(uint32_t groups = 1, uint32_t workers = 1) {
  BenchOptions options;
  options.record = {4096, 4096};
  options.group_count = groups;
  options.worker_count = workers;
  return options;
}

} // namespace

TEST(RecordRing, KeepsTheFirstOnesAndCountsTheOthers) {
  RecordRing<int> ring(3);
  for (int i = 0; i < 10; i++) {
    ring.push(i);
  }
  std::vector<int> taken;
  EXPECT_EQ(ring.take(100, [&](int one) { taken.push_back(one); }), 4u); // a power of two
  EXPECT_EQ(taken, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(ring.lost(), 6u);
}

TEST(RecordRing, LosesNothingBetweenAWriterAndAReaderThatKeepsUp) {
  RecordRing<uint64_t> ring(64);
  constexpr uint64_t count = 200'000;
  uint64_t pushed = 0;
  std::thread writer([&] {
    for (uint64_t i = 0; i < count; i++) {
      const uint64_t lost = ring.lost();
      ring.push(i);
      pushed += ring.lost() == lost ? 1 : 0;
    }
  });
  uint64_t taken = 0;
  uint64_t last = 0;
  bool ordered = true;
  const auto use = [&](uint64_t one) {
    ordered = ordered && (taken == 0 || one > last);
    last = one;
    taken++;
  };
  while (taken + ring.lost() < count) {
    ring.take(16, use);
  }
  writer.join();
  EXPECT_TRUE(ordered);
  EXPECT_EQ(taken, pushed);
}

TEST(Recorder, TellsOfEachRequestOnceHoweverItEnds) {
  Bench bench(recording(2, 2));
  int64_t submitted = 0;
  for (const char *name : {"empty", "trap", "exit", "yield", "wait", "empty"}) {
    for (const uint32_t group : {0u, 1u}) {
      FunctionSpec spec;
      spec.name = name;
      spec.worker_group = group;
      const uint32_t function = bench.add(spec);
      for (int i = 0; i < 20; i++) {
        ASSERT_GE(bench.submit(function), 0);
        submitted++;
      }
    }
  }
  const int64_t looping = bench.submit(bench.add("loop"));
  const int64_t killed = bench.submit(bench.add("loop", 2'000'000));
  ASSERT_GE(killed, 0);
  bench.cancel(looping);
  ASSERT_TRUE(bench.settle());
  bench.plane->stop();
  Recorder &recorder = *bench.plane->recorder();
  const std::vector<RecordedEvent> events = events_of(recorder);
  const std::map<uint64_t, int> completions = completions_of(recorder);
  EXPECT_EQ(completions.size(), static_cast<size_t>(submitted + 2));
  for (const auto &[request, count] : completions) {
    EXPECT_EQ(count, 1);
    auto counts = counts_of(events, request);
    EXPECT_EQ(counts[Happening::arrive] + counts[Happening::held], 1) << request;
    EXPECT_EQ(counts[Happening::finish] + counts[Happening::drop], 1) << request;
    EXPECT_EQ(counts[Happening::unblock], counts[Happening::block]) << request;
    EXPECT_EQ(counts[Happening::resume], counts[Happening::preempt] + counts[Happening::block]);
  }
  EXPECT_EQ(recorder.events_lost() + recorder.completions_lost(), 0u);
  uint64_t waiting[2] = {1, 1}; // at the last event of each group
  for (const RecordedEvent &event : events) {
    if (event.worker < 4) {
      waiting[event.worker / 2] = event.waiting;
    }
  }
  EXPECT_EQ(std::min(waiting[0], waiting[1]), 0u);
}

TEST(Recorder, SaysWhoWaitsAndWhatWasLateOrRefused) {
  BenchOptions options = recording();
  Bench bench(options);
  FunctionSpec hurried;
  hurried.name = "empty";
  hurried.on_late = OnLate::drop_unstarted;
  const int64_t looping = bench.submit(bench.add("loop"));
  const int64_t dropped = bench.submit(bench.add(hurried), "", 1'000'000);
  while (bench.ended_count[static_cast<size_t>(dropped)] == 0) {
    ASSERT_TRUE(bench.waker.wait(20'000));
    bench.reap();
  }
  bench.cancel(static_cast<size_t>(looping));
  ASSERT_TRUE(bench.settle());
  uint64_t waiting_most = 0;
  bool is_told = false;
  for (const RecordedEvent &event : events_of(*bench.plane->recorder())) {
    waiting_most = std::max(waiting_most, event.waiting);
    is_told = is_told || (event.what == Happening::drop && event.request == 2 && event.b > 0 &&
                          event.reason == static_cast<uint8_t>(Status::dropped));
  }
  EXPECT_TRUE(is_told);
  EXPECT_GE(waiting_most, 1u);
}

TEST(Recorder, IsBoundedAndCountsWhatItLoses) {
  BenchOptions options;
  options.record = {8, 4};
  Bench bench(options);
  const uint32_t function = bench.add("empty");
  for (int i = 0; i < 50; i++) {
    ASSERT_GE(bench.submit(function), 0);
  }
  ASSERT_TRUE(bench.settle());
  bench.plane->stop();
  Recorder &recorder = *bench.plane->recorder();
  EXPECT_EQ(events_of(recorder).size(), 8u);
  EXPECT_EQ(completions_of(recorder).size(), 4u);
  EXPECT_EQ(recorder.events_lost(), 150u - 8);
  EXPECT_EQ(recorder.completions_lost(), 50u - 4);
}

TEST(Recorder, KeepsEventsOnlyWhileItIsToldTo) {
  Bench bench(recording());
  const uint32_t function = bench.add("empty");
  Recorder &recorder = *bench.plane->recorder();
  for (const bool keeps : {false, true, false}) {
    bench.plane->keep_events(keeps);
    for (int i = 0; i < 10; i++) {
      ASSERT_GE(bench.submit(function), 0);
    }
    ASSERT_TRUE(bench.settle());
    const std::vector<RecordedEvent> events = events_of(recorder);
    EXPECT_EQ(events.size(), keeps ? 30u : 0u);
    EXPECT_TRUE(events.empty() || events.back().waiting == 0);
  }
  bench.plane->stop();
  EXPECT_EQ(completions_of(recorder).size(), 30u);
}

TEST(Recorder, IsNotThereUnasked) {
  Bench bench({});
  EXPECT_EQ(bench.plane->recorder(), nullptr);
}

} // namespace sledge::dataplane::testing
