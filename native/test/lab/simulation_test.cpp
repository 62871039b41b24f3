#include "lab/simulation.hpp"

#include <gtest/gtest.h>

#include "core/policy_loader.hpp"

namespace sledge::lab {
namespace {

struct Policies {
  const char *dispatcher = "dispatch-global-queue";
  const char *scheduler = "sched-fifo";
  bool oracle = false;
  double quantum_us = 0;
};
constexpr Policies shortest = {"dispatch-edf-interrupt", "sched-sjf", true};

PolicyInstance plugin(const std::string &name, sledge_policy_kind kind, const SimulationSpec &spec,
                      double quantum_us = 0) {
  PolicyConfig config;
  config.worker_count = spec.worker_count / spec.group_count;
  config.request_count_max = spec.request_count_max;
  if (quantum_us > 0)
    config.options.push_back({"quantumUs", quantum_us, "", false});
  PolicyError error;
  PolicyInstance made =
      load_policy(SLEDGE_PLUGIN_BUILD_DIR "/" + name + "/" + name + ".so", kind, config, error);
  EXPECT_TRUE(made) << error.reason;
  return made;
}

std::unique_ptr<Simulation> simulation(const SimulationSpec &spec, const Policies &which = {}) {
  std::vector<GroupPolicies> groups(spec.group_count);
  for (GroupPolicies &group : groups) {
    group.dispatcher = plugin(which.dispatcher, SLEDGE_DISPATCHER, spec);
    group.scheduler = plugin(which.scheduler, SLEDGE_SCHEDULER, spec, which.quantum_us);
    if (which.oracle)
      group.estimator = plugin("estimator-oracle", SLEDGE_ESTIMATOR, spec);
  }
  PolicyError error;
  auto made = Simulation::make(spec, std::move(groups), error);
  EXPECT_NE(made, nullptr) << error.reason;
  return made;
}

SimulationSpec exponential(uint32_t workers, double load, uint64_t requests) {
  SimulationSpec spec;
  spec.worker_count = workers;
  spec.workload.classes.emplace_back();
  spec.workload.classes[0].service = {Shape::exponential, {10'000}};
  spec.workload.values = {1};
  spec.workload.requests = requests;
  spec.workload.scale_to(load * workers);
  return spec;
}

/// Jobs at fixed times with fixed service times.
SimulationSpec scripted(std::vector<double> at_ns, std::vector<double> service_ns) {
  SimulationSpec spec = exponential(1, 0.5, at_ns.size());
  spec.workload.arrivals = ArrivalKind::recorded;
  spec.workload.recording = {at_ns, std::vector<uint32_t>(at_ns.size(), 0), service_ns};
  return spec;
}

std::vector<uint64_t> sojourns(const SimulationSpec &spec, const Policies &which = {}) {
  const auto run = simulation(spec, which);
  EXPECT_TRUE(run->run({}));
  std::vector<uint64_t> all;
  run->classes()[0].sojourns.each(
      [&](uint64_t value, uint64_t count) { all.insert(all.end(), count, value); });
  return all;
}

TEST(Simulation, ASeriesHoldsEachMeasuredRequestInAtMostSixtyFourIntervals) {
  for (const uint64_t requests : {100ull, 20'000ull}) {
    SimulationSpec spec = exponential(2, 0.7, requests);
    spec.warmup = requests / 10;
    spec.series = true;
    const auto run = simulation(spec);
    EXPECT_TRUE(run->run({}));
    const Series &series = run->series();
    ASSERT_GT(series.size(), Series::point_count / 4);
    ASSERT_LE(series.size(), Series::point_count);
    std::vector<double> points(series.size() * Series::fields);
    series.write(points.data());
    double finished = 0;
    for (size_t at = 0; at < points.size(); at += Series::fields) {
      finished += points[at + 1];
      EXPECT_LE(points[at + 3], points[at + 4]);
    }
    EXPECT_EQ(finished, run->classes()[0].finished);
    EXPECT_NEAR(points[points.size() - Series::fields],
                static_cast<double>(run->window().to_ns - run->window().from_ns),
                points[0] * 2 + 1);
  }
}

TEST(Series, APercentileIsThatOfItsIntervalToASixtyFourth) {
  Series series(true);
  for (uint64_t i = 1; i <= 1000; i++)
    series.add_finished(5, i * 1000, i % 10 == 0);
  series.add_lost(5, true);
  std::vector<double> point(Series::fields);
  ASSERT_EQ(series.size(), 1u);
  series.write(point.data());
  EXPECT_EQ(point[1], 1000);
  EXPECT_EQ(point[2], 101);
  EXPECT_NEAR(point[3], 500'000, 500'000 / 64.0);
  EXPECT_NEAR(point[4], 990'000, 990'000 / 64.0);
}

TEST(Simulation, LittlesLawHoldsExactlyOverAWholeRun) {
  for (const uint32_t workers : {1u, 8u}) {
    SimulationSpec spec = exponential(workers, 0.8, 20'000);
    spec.costs.wake_ns = 300;
    spec.costs.start_ns = 100;
    spec.costs.dispatch_ns = 50;
    const auto run = simulation(spec, {"dispatch-jsq", "sched-fifo"});
    ASSERT_TRUE(run->run({}));
    EXPECT_EQ(run->totals().finished, 20'000u);
    EXPECT_EQ(run->totals().in_system_area, run->totals().sojourn_ns);
    EXPECT_TRUE(run->consistent());
  }
}

TEST(Simulation, AnIdealMachineSpendsAllBusyTimeOnService) {
  const auto run = simulation(exponential(4, 0.7, 20'000), shortest);
  ASSERT_TRUE(run->run({}));
  EXPECT_EQ(run->totals().busy_area, run->totals().service_ns);
  EXPECT_GT(run->counters().preemptions, 0u);
}

TEST(Simulation, EachCostIsPaidWhereItArises) {
  SimulationSpec spec = scripted({0}, {1000});
  spec.costs.network_ns = 7;
  spec.costs.dispatch_ns = 20;
  spec.costs.wake_ns = 300;
  spec.costs.start_ns = 400;
  EXPECT_EQ(sojourns(spec), (std::vector<uint64_t>{1000 + 14 + 20 + 300 + 400}));

  SimulationSpec two = scripted({0, 100}, {1000, 1000});
  two.costs.finish_ns = 50;
  EXPECT_EQ(sojourns(two), (std::vector<uint64_t>{1000, 1950}));

  SimulationSpec polls = scripted({0}, {1000});
  polls.costs.inflation = 0.1;
  EXPECT_EQ(sojourns(polls), (std::vector<uint64_t>{1100}));
}

TEST(Simulation, APreemptionWaitsForTheMechanismAndPaysForIt) {
  // A short request arrives while a long one runs.
  SimulationSpec spec = scripted({0, 100}, {1500, 200});
  EXPECT_EQ(sojourns(spec, shortest), (std::vector<uint64_t>{200, 1700}));
  spec.costs.notice_ns = 30;
  spec.costs.interrupt_ns = 40;
  spec.costs.switch_ns = 5;
  EXPECT_EQ(sojourns(spec, shortest), (std::vector<uint64_t>{275, 1745}));
  spec.costs = {};
  spec.costs.granularity_ns = 400; // points at 300, 700, 1100 and the end
  EXPECT_EQ(sojourns(spec, shortest), (std::vector<uint64_t>{400, 1700}));
  spec.preemption = false;
  EXPECT_EQ(sojourns(spec, shortest), (std::vector<uint64_t>{1500, 1600}));
}

TEST(Simulation, QuantaEndOnTheTicksOfTheTimer) {
  SimulationSpec spec = scripted({0, 0}, {1000, 1000});
  const Policies round_robin = {"dispatch-global-queue", "sched-fifo", false, 0.1};
  const auto exact = simulation(spec, round_robin);
  ASSERT_TRUE(exact->run({}));
  spec.costs.timer_ns = 500;
  const auto coarse = simulation(spec, round_robin);
  ASSERT_TRUE(coarse->run({}));
  EXPECT_GT(exact->counters().quantum_ends, 10u);
  EXPECT_LT(coarse->counters().quantum_ends, 5u);
  EXPECT_GE(coarse->counters().quantum_ends, 1u);
}

TEST(Simulation, WhatExceedsItsLimitsIsRefusedAndCounted) {
  SimulationSpec spec = exponential(1, 3, 5'000);
  spec.request_count_max = 16;
  spec.workload.classes[0].deadline_of_service = 2;
  const auto run = simulation(spec);
  ASSERT_TRUE(run->run({}));
  const ClassResult &all = run->classes()[0];
  EXPECT_EQ(all.finished + all.refused, 5'000u);
  EXPECT_GT(all.refused, 1'000u);
  EXPECT_GE(all.missed, all.refused);
  EXPECT_EQ(run->totals().in_system_area, run->totals().sojourn_ns);
}

TEST(Simulation, WhatIsLateBeforeItStartsCanBeDropped) {
  SimulationSpec spec = scripted({0, 10}, {5000, 100});
  spec.workload.classes[0].deadline_ns = 1000;
  spec.workload.classes[0].drop_late = true;
  const auto run = simulation(spec);
  ASSERT_TRUE(run->run({}));
  EXPECT_EQ(run->classes()[0].dropped, 1u);
  EXPECT_EQ(run->classes()[0].missed, 2u);
}

TEST(Simulation, GroupsAreQueuesOfTheirOwn) {
  SimulationSpec spec = exponential(8, 0.8, 40'000);
  const auto shared = simulation(spec);
  spec.group_count = 4;
  const auto apart = simulation(spec);
  ASSERT_TRUE(shared->run({}));
  ASSERT_TRUE(apart->run({}));
  EXPECT_EQ(apart->totals().finished, 40'000u);
  EXPECT_GT(apart->totals().sojourn_ns, shared->totals().sojourn_ns * 1.2);
}

TEST(Simulation, ARunCanBeEnded) {
  const auto run = simulation(exponential(1, 0.5, 100'000));
  EXPECT_FALSE(run->run([](uint64_t) { return false; }));
}

TEST(Simulation, TheRecordTellsTheStoryOfEachRequestAndHasALimit) {
  SimulationSpec spec = scripted({0, 100}, {1500, 200});
  spec.record_max = 100;
  const auto run = simulation(spec, shortest);
  ASSERT_TRUE(run->run({}));
  std::vector<Happening> story;
  for (const RecordedEvent &event : run->record().events())
    if (event.request == 1)
      story.push_back(event.what);
  EXPECT_EQ(story,
            (std::vector<Happening>{Happening::arrive, Happening::start, Happening::ask,
                                    Happening::preempt, Happening::resume, Happening::finish}));
  spec.record_max = 3;
  const auto cut = simulation(spec, shortest);
  ASSERT_TRUE(cut->run({}));
  EXPECT_EQ(cut->record().events().size(), 3u);
  EXPECT_GT(cut->record().missed(), 0u);
}

TEST(Simulation, NonsenseIsRefusedWithAReason) {
  PolicyError error;
  SimulationSpec spec = exponential(3, 0.5, 10);
  spec.group_count = 2;
  EXPECT_EQ(Simulation::make(spec, std::vector<GroupPolicies>(2), error), nullptr);
  EXPECT_NE(error.reason, "");
  spec.group_count = 1;
  EXPECT_EQ(Simulation::make(spec, {}, error), nullptr);
  EXPECT_EQ(Simulation::make(spec, std::vector<GroupPolicies>(1), error), nullptr);
}

} // namespace
} // namespace sledge::lab
