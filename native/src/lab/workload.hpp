// workload.hpp - which requests come when, and how long each takes: streams of chance that depend
// on the seed alone, so that every policy sees the same requests.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lab/chance.hpp"

namespace sledge::lab {

enum class Shape : uint8_t {
  deterministic,  ///< [ns]
  exponential,    ///< [mean ns]
  lognormal,      ///< [mean ns, sigma of the logarithm]
  bimodal,        ///< [short ns, long ns, share of long]
  bounded_pareto, ///< [alpha, least ns, largest ns]
  empirical       ///< [ns, cumulative share, ...], ascending; linear in between
};

struct Distribution {
  Shape shape = Shape::deterministic;
  std::vector<double> values;
  /// True if `values` are of the shape's count and range; `reason` says what is not.
  bool check(std::string &reason) const;
  double mean_ns() const;
};

/// Draws from a distribution that has been checked and outlives it.
class Sampler {
 public:
  Sampler(const Distribution &of, Random random);
  /// Whole and at least 1.
  uint64_t next_ns();

 private:
  const Distribution *of_;
  Random random_;
  double derived_ = 0; ///< what its shape needs and is costly to compute
};

/// A class of requests; the engine's type is its index.
struct RequestClass {
  double share = 1; ///< of all requests; shares are normalised
  Distribution service;
  uint32_t group = 0;
  uint32_t tenant = 0;
  double deadline_ns = 0;         ///< relative, fixed part; 0 and no factor: none
  double deadline_of_service = 0; ///< relative, times the request's own service time
  double expected_ns = 0;         ///< what the configuration would expect; 0: the mean
  bool drop_late = false;         ///< not started at its deadline: dropped
};

enum class ArrivalKind : uint8_t {
  poisson, ///< [rate per ns]
  uniform, ///< [rate per ns]: equal gaps
  mmpp,    ///< [rate 1, rate 2, mean ns in 1, mean ns in 2]: Poisson, modulated by two states
  recorded ///< `Recording`
};

/// Arrivals as they were observed.
struct Recording {
  std::vector<double> at_ns; ///< not descending
  std::vector<uint32_t> type;
  std::vector<double> service_ns; ///< 0: of the class's distribution
};

struct WorkloadSpec {
  std::vector<RequestClass> classes;
  ArrivalKind arrivals = ArrivalKind::poisson;
  std::vector<double> values;
  Recording recording;
  uint64_t requests = 0;
  uint64_t seed = 1;
  bool check(std::string &reason) const;
  /// Mean service time of all classes, or of what was recorded.
  double mean_ns() const;
  /// Makes arrivals more or less frequent, so that they keep `workers` workers busy on average.
  void scale_to(double workers);
};

struct Job {
  uint64_t arrival_ns = 0;
  uint64_t service_ns = 1;
  uint64_t deadline_ns = 0; ///< UINT64_MAX: none
  uint32_t type = 0;
  uint32_t tag = 0; ///< of whoever drives the simulation
};

/// Draws the jobs of a spec that has been checked and outlives it.
class Workload {
 public:
  explicit Workload(const WorkloadSpec &spec);
  /// False: no more.
  bool next(Job &job);

 private:
  double gap_ns();
  double mmpp_gap_ns();
  uint32_t choose_class();

  const WorkloadSpec &spec_;
  Random arrivals_;
  Random choice_;
  std::vector<Sampler> services_;
  std::vector<double> cumulative_;
  uint64_t drawn_ = 0;
  double clock_ns_ = 0;
  uint32_t state_ = 0; ///< of the MMPP
};

} // namespace sledge::lab
