// Live policies, one for each worker group: what becomes of one is no matter to the other.
#include <gtest/gtest.h>

#include <thread>

#include "fake_runtime.hpp"

namespace sledge::dataplane::testing {
namespace {

constexpr uint64_t long_ns = 60'000'000'000;
constexpr uint64_t short_ns = 20'000'000;
constexpr int burst = 200;

/// A dispatcher on a thread of its own that gives all to its group's first worker.
class Driver {
 public:
  Driver(Bench &bench, const BenchOptions &options, uint32_t group, uint64_t decision_limit_ns)
      : plane_(*bench.plane), group_(group),
        live_(std::make_shared<LivePolicy>(live_options(options, decision_limit_ns))) {
    live_->fallback_dispatcher = policy(TEST_DISPATCHER, SLEDGE_DISPATCHER, options);
    live_->fallback_scheduler = policy(TEST_SCHEDULER, SLEDGE_SCHEDULER, options);
    plane_.dispatch(group).lead(live_, {}, {});
  }
  ~Driver() {
    ends_ = true;
    live_->rouse();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  Driver(const Driver &) = delete;
  Driver &operator=(const Driver &) = delete;

  /// Without this it answers nothing.
  void answer() {
    thread_ = std::thread([this] {
      while (!ends_) {
        step();
      }
    });
  }
  LiveState state() const { return live_->state(); }
  /// As its group knows it.
  std::string reason() {
    std::string reason;
    plane_.dispatch(group_).read_live(
        [&](LivePolicy *live, const Engine &) { reason = live->reason(); });
    return reason;
  }
  uint64_t events() {
    uint64_t events = 0;
    plane_.dispatch(group_).read_live(
        [&](LivePolicy *live, const Engine &) { events = live->counters().events; });
    return events;
  }

 private:
  static LiveOptions live_options(const BenchOptions &options, uint64_t decision_limit_ns) {
    LiveOptions live;
    live.leads.dispatcher = true;
    live.decision_limit_ns = decision_limit_ns;
    live.starvation_limit_ns = long_ns;
    live.request_count_max = options.invocation_max;
    return live;
  }

  void step() {
    const FollowedEvent *first = nullptr;
    const size_t count = live_->peek(&first, 64);
    if (count == 0) {
      live_->sleep(1'000'000);
      return;
    }
    std::vector<Order> orders;
    for (size_t at = 0; at < count; at++) {
      if (first[at].kind == EventKind::arrive || first[at].kind == EventKind::handed_over) {
        orders.push_back({OrderKind::assign, 0, first[at].index, first[at].request.id, 0, 0});
      }
    }
    plane_.carry_out(group_, *live_, orders, count);
  }

  DataPlane &plane_;
  const uint32_t group_;
  std::shared_ptr<LivePolicy> live_;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

BenchOptions two_groups() {
  BenchOptions options;
  options.group_count = 2;
  return options;
}

/// A burst to each group; true: each has its output.
bool both_serve(Bench &bench, uint32_t left, uint32_t right) {
  const size_t from = bench.endings.size();
  for (int i = 0; i < burst; i++) {
    if (bench.submit(left, "left") < 0 || bench.submit(right, "right") < 0) {
      return false;
    }
  }
  if (!bench.settle()) {
    return false;
  }
  for (size_t at = from; at < bench.endings.size(); at++) {
    if (bench.endings[at].output != ((at - from) % 2 == 0 ? "left" : "right")) {
      return false;
    }
  }
  return true;
}

uint32_t add_echo(Bench &bench, uint32_t worker_group) {
  FunctionSpec spec;
  spec.name = "echo";
  spec.worker_group = worker_group;
  return bench.add(std::move(spec));
}

TEST(LiveGroups, EachGroupIsLedByItsOwn) {
  const BenchOptions options = two_groups();
  Bench bench(options);
  const uint32_t left = add_echo(bench, 0);
  const uint32_t right = add_echo(bench, 1);
  Driver first(bench, options, 0, long_ns);
  Driver second(bench, options, 1, long_ns);
  first.answer();
  second.answer();
  EXPECT_TRUE(both_serve(bench, left, right));
  for (Driver *driver : {&first, &second}) {
    EXPECT_EQ(driver->state(), LiveState::driving);
    EXPECT_GE(driver->events(), static_cast<uint64_t>(burst));
  }
}

TEST(LiveGroups, OneThatIsSilentIsEjectedAndItsNeighbourGoesOn) {
  const BenchOptions options = two_groups();
  Bench bench(options);
  const uint32_t left = add_echo(bench, 0);
  const uint32_t right = add_echo(bench, 1);
  Driver first(bench, options, 0, long_ns);
  Driver silent(bench, options, 1, short_ns);
  first.answer();
  EXPECT_TRUE(both_serve(bench, left, right));
  EXPECT_EQ(first.state(), LiveState::driving);
  EXPECT_EQ(silent.state(), LiveState::ejected);
  EXPECT_EQ(silent.reason().rfind("no answer for", 0), 0u);
  EXPECT_EQ(first.reason(), "");
  EXPECT_TRUE(both_serve(bench, left, right));
}

TEST(LiveGroups, OneThatIsReplacedLosesNothingAndItsNeighbourGoesOn) {
  const BenchOptions options = two_groups();
  Bench bench(options);
  const uint32_t left = add_echo(bench, 0);
  const uint32_t right = add_echo(bench, 1);
  Driver first(bench, options, 0, long_ns);
  Driver silent(bench, options, 1, long_ns);
  first.answer();
  for (int i = 0; i < burst; i++) {
    ASSERT_GE(bench.submit(right, "held"), 0);
  }
  bench.plane->dispatch(1).lead(nullptr, policy(TEST_DISPATCHER, SLEDGE_DISPATCHER, options),
                                policy(TEST_SCHEDULER, SLEDGE_SCHEDULER, options));
  EXPECT_TRUE(both_serve(bench, left, right));
  EXPECT_EQ(first.state(), LiveState::driving);
  EXPECT_EQ(silent.state(), LiveState::replaced);
}

} // namespace
} // namespace sledge::dataplane::testing
