#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lab/workload.hpp"

namespace sledge::lab {
namespace {

WorkloadSpec one_class(Shape shape, std::vector<double> values, uint64_t requests = 100'000) {
  WorkloadSpec spec;
  RequestClass one;
  one.service = {shape, std::move(values)};
  spec.classes.push_back(std::move(one));
  spec.values = {1e-4};
  spec.requests = requests;
  return spec;
}

double mean_service_ns(const WorkloadSpec &spec) {
  Workload workload(spec);
  Job job;
  double sum = 0;
  while (workload.next(job))
    sum += static_cast<double>(job.service_ns);
  return sum / static_cast<double>(spec.requests);
}

TEST(Workload, TheMeanOfEveryDistributionIsWhatItSays) {
  const struct {
    Shape shape;
    std::vector<double> values;
  } cases[] = {{Shape::deterministic, {5000}},
               {Shape::exponential, {10000}},
               {Shape::lognormal, {10000, 0.8}},
               {Shape::bimodal, {1000, 100000, 0.5}},
               {Shape::bounded_pareto, {1.5, 1000, 1e5}},
               {Shape::bounded_pareto, {1, 1000, 1e4}},
               {Shape::empirical, {1000, 0.1, 2000, 0.5, 9000, 1}}};
  for (const auto &one : cases) {
    const WorkloadSpec spec = one_class(one.shape, one.values);
    std::string reason;
    ASSERT_TRUE(spec.check(reason)) << reason;
    EXPECT_NEAR(mean_service_ns(spec) / spec.mean_ns(), 1, 0.02)
        << "shape " << static_cast<int>(one.shape);
  }
}

TEST(Workload, ArrivalsKeepTheWantedNumberOfWorkersBusy) {
  for (const ArrivalKind kind : {ArrivalKind::poisson, ArrivalKind::uniform, ArrivalKind::mmpp}) {
    WorkloadSpec spec = one_class(Shape::exponential, {10000});
    spec.arrivals = kind;
    spec.values =
        kind == ArrivalKind::mmpp ? std::vector<double>{5, 1, 1e6, 4e6} : std::vector<double>{1};
    spec.scale_to(5.6);
    Workload workload(spec);
    Job job;
    while (workload.next(job)) {
    }
    const double rate = static_cast<double>(spec.requests) / static_cast<double>(job.arrival_ns);
    EXPECT_NEAR(rate * 10000 / 5.6, 1, kind == ArrivalKind::mmpp ? 0.25 : 0.02);
  }
}

double dispersion(ArrivalKind kind, std::vector<double> values) {
  WorkloadSpec spec = one_class(Shape::deterministic, {1});
  spec.arrivals = kind;
  spec.values = std::move(values);
  Workload workload(spec);
  std::vector<double> counts(1, 0);
  Job job;
  while (workload.next(job)) {
    counts.resize(std::max<size_t>(counts.size(), job.arrival_ns / 1'000'000 + 1));
    counts[job.arrival_ns / 1'000'000]++;
  }
  double mean = 0, square = 0;
  for (const double count : counts) {
    mean += count / static_cast<double>(counts.size());
    square += count * count / static_cast<double>(counts.size());
  }
  return (square - mean * mean) / mean;
}

TEST(Workload, TwoStatesOfArrivalsAreBurstierThanPoisson) {
  EXPECT_NEAR(dispersion(ArrivalKind::poisson, {1e-4}), 1, 0.2);
  EXPECT_GT(dispersion(ArrivalKind::mmpp, {5e-4, 2e-5, 1e6, 4e6}), 5);
}

TEST(Workload, ClassesComeInTheirSharesWithTheirDeadlines) {
  WorkloadSpec spec = one_class(Shape::deterministic, {1000});
  spec.classes[0].share = 3;
  spec.classes[0].deadline_of_service = 10;
  RequestClass rare;
  rare.service = {Shape::deterministic, {50000}};
  spec.classes.push_back(rare);
  Workload workload(spec);
  Job job;
  uint64_t rare_count = 0;
  while (workload.next(job)) {
    rare_count += job.type;
    ASSERT_EQ(job.deadline_ns, job.type == 0 ? job.arrival_ns + 10'000 : UINT64_MAX);
  }
  EXPECT_NEAR(static_cast<double>(rare_count) / static_cast<double>(spec.requests), 0.25, 0.01);
}

TEST(Workload, ARecordingIsPlayedAsItIs) {
  WorkloadSpec spec = one_class(Shape::deterministic, {1000}, 100);
  spec.arrivals = ArrivalKind::recorded;
  spec.recording = {{10, 20, 20, 500}, {0, 0, 0, 0}, {7, 0, 9, 11}};
  std::string reason;
  ASSERT_TRUE(spec.check(reason)) << reason;
  Workload workload(spec);
  Job job;
  std::vector<uint64_t> seen;
  while (workload.next(job)) {
    seen.push_back(job.arrival_ns);
    seen.push_back(job.service_ns);
  }
  EXPECT_EQ(seen, (std::vector<uint64_t>{10, 7, 20, 1000, 20, 9, 500, 11}));
}

TEST(Workload, NonsenseIsRefusedWithAReason) {
  const std::vector<std::pair<Shape, std::vector<double>>> wrong = {
      {Shape::exponential, {}},           {Shape::exponential, {-1}},
      {Shape::exponential, {NAN}},        {Shape::bimodal, {1, 2, 3}},
      {Shape::bounded_pareto, {1, 5, 5}}, {Shape::empirical, {1, 0.5, 2}},
      {Shape::empirical, {5, 0.5, 2, 1}}, {Shape::empirical, {1, 0.5, 2, 0.9}},
      {Shape::lognormal, {1e300, 1}}};
  for (const auto &[shape, values] : wrong) {
    std::string reason;
    EXPECT_FALSE(one_class(shape, values).check(reason));
    EXPECT_NE(reason, "");
  }
  std::string reason;
  WorkloadSpec unordered = one_class(Shape::deterministic, {1});
  unordered.arrivals = ArrivalKind::recorded;
  unordered.recording = {{20, 10}, {0, 0}, {1, 1}};
  EXPECT_FALSE(unordered.check(reason));
  EXPECT_FALSE(WorkloadSpec{}.check(reason));
}

} // namespace
} // namespace sledge::lab
