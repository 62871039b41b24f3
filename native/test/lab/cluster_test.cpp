#include "lab/cluster.hpp"

#include <gtest/gtest.h>

#include "core/policy_loader.hpp"

namespace sledge::lab {
namespace {

PolicyInstance plugin(const std::string &name, sledge_policy_kind kind) {
  PolicyConfig config;
  config.worker_count = 1;
  config.request_count_max = 4096;
  PolicyError error;
  PolicyInstance made =
      load_policy(SLEDGE_PLUGIN_BUILD_DIR "/" + name + "/" + name + ".so", kind, config, error);
  EXPECT_TRUE(made) << error.reason;
  return made;
}

/// Any node by its own stream of chance, and what it is told.
class Anywhere final : public Placing {
 public:
  explicit Anywhere(const ClusterSpec &spec)
      : table(Cluster::table_size(spec)), nodes_(spec.node_count) {}
  int64_t place(const Question &question) override {
    return question.hops == 0 ? static_cast<int64_t>(random_.next() % (nodes_ + 1)) - 1 : local;
  }
  void outcome(const Feedback &feedback) override { told[static_cast<size_t>(feedback.result)]++; }
  std::vector<double> table;
  uint64_t told[4] = {};

 private:
  uint32_t nodes_;
  Random random_{1, 1};
};

std::unique_ptr<Cluster> cluster(const ClusterSpec &spec, Placing &placing, std::span<double> table,
                                 double load = 0.9) {
  SimulationSpec machine;
  machine.worker_count = machine.group_count = spec.node_count;
  machine.workload.classes.emplace_back();
  machine.workload.classes[0].service = {Shape::exponential, {1'000'000}};
  machine.workload.classes[0].deadline_ns = 5'000'000;
  machine.workload.values = {1};
  machine.workload.requests = 3000;
  machine.workload.scale_to(load * machine.worker_count);
  machine.costs.dispatch_ns = 1000; // so that some are at the door
  machine.request_count_max = 8 * spec.node_count;
  std::vector<GroupPolicies> policies(spec.node_count);
  for (GroupPolicies &one : policies) {
    one.dispatcher = plugin("dispatch-jsq", SLEDGE_DISPATCHER);
    one.scheduler = plugin("sched-fifo", SLEDGE_SCHEDULER);
  }
  PolicyError error;
  auto made = Cluster::make(machine, spec, std::move(policies), placing, table, error);
  EXPECT_NE(made, nullptr) << error.reason;
  return made;
}

ClusterSpec unsteady() {
  ClusterSpec spec;
  spec.node_count = 4;
  spec.network = {Shape::exponential, {200'000}};
  spec.report_ns = 3'000'000;
  spec.notice_ns = 9'000'000;
  for (uint32_t at = 0; at < 12; at++)
    spec.losses.push_back({at % 4, at * 60'000'000 + 1, at * 60'000'000 + 40'000'000});
  return spec;
}

TEST(Cluster, EveryRequestHasOneOutcomeAndNothingStaysBehindWhateverIsLost) {
  const ClusterSpec spec = unsteady();
  Anywhere placing(spec);
  const auto run = cluster(spec, placing, placing.table, 1.2);
  ASSERT_TRUE(run->run({}));
  uint64_t arrived = 0;
  uint64_t lost = 0;
  for (const NodeResult &node : run->nodes()) {
    EXPECT_EQ(node.finished + node.refused + node.dropped + node.lost, node.arrived);
    EXPECT_LE(node.unreached, node.lost);
    arrived += node.arrived;
    lost += node.lost;
  }
  EXPECT_EQ(arrived, 3000u);
  EXPECT_GT(lost, 100u);
  EXPECT_EQ(run->measured(), 3000u);
  for (const uint64_t count : placing.told)
    EXPECT_GT(count, 0u); // ended, refused, unsent and lost all happen
  const Simulation &inside = run->simulation();
  EXPECT_TRUE(inside.consistent());
  const EngineCounters counters = inside.counters();
  EXPECT_EQ(counters.accepted, counters.completed + counters.removed);
  EXPECT_NEAR(inside.totals().in_system_area, inside.totals().sojourn_ns, 1);
}

TEST(Cluster, TheSameSeedGivesTheSameRun) {
  std::vector<uint64_t> ends;
  std::vector<double> sojourns;
  for (int turn = 0; turn < 2; turn++) {
    const ClusterSpec spec = unsteady();
    Anywhere placing(spec);
    const auto run = cluster(spec, placing, placing.table);
    ASSERT_TRUE(run->run({}));
    ends.push_back(run->simulation().totals().end_ns);
    sojourns.push_back(run->classes()[0].sojourn_ns);
  }
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_EQ(sojourns[0], sojourns[1]);
}

TEST(Cluster, OccupancyIsOfAllNodesAndFallsWithTheCount) {
  ClusterSpec spec;
  spec.node_count = 4;
  Anywhere placing(spec);
  const auto run = cluster(spec, placing, placing.table, 0.7);
  ASSERT_TRUE(run->run({}));
  const std::vector<double> shares = run->occupancy();
  EXPECT_NEAR(shares[0], 1, 1e-9);
  for (size_t at = 1; at < shares.size(); at++)
    EXPECT_LE(shares[at], shares[at - 1]);
}

} // namespace
} // namespace sledge::lab
