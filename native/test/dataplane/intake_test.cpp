// Goal: several threads submit at once, and each gets the outcomes of its own submissions, all of
// them, once. Method: real threads beside the owner, functions that come and go, stops in between.
#include <gtest/gtest.h>

#include <thread>
#include <unordered_map>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {

namespace {

/// A source on the thread that uses it.
class Source {
 public:
  explicit Source(DataPlane &plane)
      : plane_(plane), waker_(std::make_shared<TestWaker>()), intake_(plane.add_intake(waker_)) {}

  /// The index, or minus the sledge_error.
  int64_t submit(uint32_t function, const std::string &input = "") {
    Submission submission;
    submission.function = function;
    submission.input = {reinterpret_cast<const uint8_t *>(input.data()), input.size()};
    const int64_t index = plane_.submit(*intake_, submission);
    if (index >= 0) {
      accepted++;
      inputs_[static_cast<uint32_t>(index)] = input;
      generation_ = plane_.invocation(static_cast<uint32_t>(index)).load().generation();
    }
    return index;
  }
  void cancel(int64_t index) { plane_.cancel(static_cast<uint32_t>(index), generation_); }
  void reap() {
    intake_->begin_reaping();
    while (Invocation *invocation = intake_->reap()) {
      const auto input = inputs_.find(invocation->index);
      strays += input == inputs_.end() ? 1 : 0;
      const std::string output(reinterpret_cast<const char *>(invocation->buffer),
                               invocation->output_bytes);
      if (input != inputs_.end()) {
        wrong += invocation->status == Status::completed && output != input->second ? 1 : 0;
        inputs_.erase(input);
      }
      last = invocation->status;
      ended++;
      plane_.recycle(*invocation);
    }
  }
  /// False: something never came.
  bool settle() {
    for (reap(); intake_->alive() != 0; reap()) {
      if (!waker_->wait(20'000)) {
        return false;
      }
    }
    return true;
  }
  Intake &intake() { return *intake_; }

  size_t accepted = 0;
  size_t ended = 0;
  size_t strays = 0; ///< outcomes of what it has not submitted
  size_t wrong = 0;
  Status last = Status::failed;

 private:
  DataPlane &plane_;
  std::shared_ptr<TestWaker> waker_;
  Intake *intake_;
  std::unordered_map<uint32_t, std::string> inputs_;
  uint32_t generation_ = 0;
};

void expect_sound(const Source &source) {
  EXPECT_EQ(source.ended, source.accepted);
  EXPECT_EQ(source.strays, 0u);
  EXPECT_EQ(source.wrong, 0u);
}

/// Submits until it has had `total` accepted, or is refused for good.
void submit_many(Source &source, uint32_t function, size_t total, const std::string &name) {
  while (source.accepted < total) {
    const int64_t index = source.submit(function, name + std::to_string(source.accepted));
    if (index == -SLEDGE_ERR_INVOKE_DRAINING || index == -SLEDGE_ERR_NATIVE_STOPPED) {
      return;
    }
    if (index < 0 || source.accepted % 7 == 0) {
      source.reap();
    }
  }
}

} // namespace

TEST(Intake, EachSourceGetsTheOutcomesOfItsOwnSubmissions) {
  BenchOptions options;
  options.worker_count = 2;
  options.invocation_max = 32;
  Bench bench(options);
  const uint32_t echo = bench.add("echo");
  constexpr size_t total = 2'000;
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<std::thread> threads;
  for (int at = 0; at < 3; at++) {
    sources.push_back(std::make_unique<Source>(*bench.plane));
    threads.emplace_back([&source = *sources.back(), echo, at] {
      submit_many(source, echo, total, "source " + std::to_string(at) + " ");
      EXPECT_TRUE(source.settle());
    });
  }
  while (bench.endings.size() < total) {
    if (bench.submit(echo, "owner") < 0) {
      bench.reap();
    }
  }
  EXPECT_TRUE(bench.settle());
  for (std::thread &thread : threads) {
    thread.join();
  }
  for (const auto &source : sources) {
    EXPECT_EQ(source->accepted, total);
    expect_sound(*source);
  }
  for (const Ending &ending : bench.endings) {
    ASSERT_EQ(ending.output, "owner");
  }
  EXPECT_EQ(bench.plane->in_flight(), 0u);
}

TEST(Intake, StatisticsCountWhatAllSourcesDo) {
  Bench bench({});
  const uint32_t echo = bench.add("echo");
  Source source(*bench.plane);
  ASSERT_GE(source.submit(echo), 0);
  ASSERT_GE(bench.submit(echo), 0);
  EXPECT_EQ(source.submit(echo + 1), -SLEDGE_ERR_INVOKE_FUNCTION_GONE);
  ASSERT_TRUE(source.settle());
  ASSERT_TRUE(bench.settle());
  const auto value = [&bench](const std::string &name) {
    for (const Statistic &statistic : bench.plane->statistics()) {
      if (statistic.name == name) {
        return statistic.value;
      }
    }
    return -1.0;
  };
  EXPECT_EQ(value("accepted"), 2);
  EXPECT_EQ(value("endedCompleted"), 2);
  EXPECT_EQ(value("rejectedFunctionGone"), 1);
  EXPECT_EQ(value("inFlight"), 0);
}

TEST(Intake, AFunctionsLimitHoldsOverAllSources) {
  Bench bench({});
  const uint32_t two = bench.add("loop", 0, 2, 0);
  Source source(*bench.plane);
  ASSERT_GE(bench.submit(two), 0);
  ASSERT_GE(source.submit(two), 0);
  EXPECT_EQ(source.submit(two), -SLEDGE_ERR_INVOKE_CONCURRENCY);
  EXPECT_EQ(bench.submit(two), -SLEDGE_ERR_INVOKE_CONCURRENCY);
  bench.plane->end_all();
  EXPECT_TRUE(bench.settle());
  EXPECT_TRUE(source.settle());
  EXPECT_GE(source.submit(two), 0);
  bench.plane->end_all();
  EXPECT_TRUE(source.settle());
}

TEST(Intake, ASourceCancelsWhatItSubmitted) {
  Bench bench({});
  Source source(*bench.plane);
  const int64_t loop = source.submit(bench.add("loop"));
  ASSERT_GE(loop, 0);
  source.cancel(loop);
  ASSERT_TRUE(source.settle());
  EXPECT_EQ(source.last, Status::cancelled);
}

TEST(Intake, AClosedOneRefusesAndWhatItHasIsAnswered) {
  Bench bench({});
  const uint32_t echo = bench.add("echo");
  Source source(*bench.plane);
  ASSERT_GE(source.submit(echo, "before"), 0);
  bench.plane->close_intake();
  EXPECT_EQ(source.submit(echo), -SLEDGE_ERR_INVOKE_DRAINING);
  EXPECT_EQ(bench.submit(echo), -SLEDGE_ERR_INVOKE_DRAINING);
  EXPECT_TRUE(source.settle());
  expect_sound(source);
  Source late(*bench.plane);
  EXPECT_EQ(late.submit(echo), -SLEDGE_ERR_INVOKE_DRAINING);
}

TEST(Intake, AStopInTheMiddleLosesNothingThatWasAccepted) {
  for (int round = 0; round < 20; round++) {
    BenchOptions options;
    options.worker_count = 2;
    options.invocation_max = 64;
    Bench bench(options);
    const uint32_t echo = bench.add("echo");
    std::atomic<size_t> begun{0};
    std::vector<std::unique_ptr<Source>> sources;
    std::vector<std::thread> threads;
    for (int at = 0; at < 2; at++) {
      sources.push_back(std::make_unique<Source>(*bench.plane));
      threads.emplace_back([&source = *sources.back(), echo, &begun] {
        submit_many(source, echo, 10, "");
        begun.fetch_add(1);
        submit_many(source, echo, SIZE_MAX, "");
      });
    }
    while (begun.load() < 2) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(bench.plane->stop());
    for (std::thread &thread : threads) {
      thread.join();
    }
    for (const auto &source : sources) {
      source->reap();
      expect_sound(*source);
      EXPECT_EQ(source->submit(echo), -SLEDGE_ERR_NATIVE_STOPPED);
    }
    EXPECT_EQ(bench.runtime->slots_in_use(), 0u);
  }
}

TEST(Intake, FunctionsMayComeAndGoWhileOthersCallThem) {
  BenchOptions options;
  options.worker_count = 2;
  Bench bench(options);
  std::atomic<uint32_t> current{bench.add("echo")};
  std::atomic<bool> over{false};
  Source source(*bench.plane);
  std::thread caller([&] {
    for (size_t at = 0; !over.load(); at++) {
      const int64_t index = source.submit(current.load(), std::to_string(at));
      EXPECT_TRUE(index >= 0 || index == -SLEDGE_ERR_INVOKE_FUNCTION_GONE ||
                  index == -SLEDGE_ERR_INVOKE_QUEUE_FULL)
          << index;
      source.reap();
    }
    EXPECT_TRUE(source.settle());
  });
  for (int round = 0; round < 500; round++) {
    const uint32_t before = current.load();
    current.store(bench.add("echo"));
    bench.plane->remove_function(before);
    std::this_thread::yield();
  }
  over.store(true);
  caller.join();
  expect_sound(source);
}

TEST(Intake, ThereAreOnlySoMany) {
  Bench bench({});
  for (uint32_t at = 1; at < intake_count_max; at++) {
    ASSERT_NE(bench.plane->add_intake(std::make_shared<TestWaker>()), nullptr);
  }
  EXPECT_EQ(bench.plane->add_intake(std::make_shared<TestWaker>()), nullptr);
}

} // namespace sledge::dataplane::testing
