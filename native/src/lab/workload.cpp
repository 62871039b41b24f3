#include "lab/workload.hpp"

#include <algorithm>

namespace sledge::lab {
namespace {

constexpr double service_max_ns = 1e12;

bool within(double value, double least, double most) {
  return value >= least && value <= most;
}

double sample_empirical(const std::vector<double> &points, double u) {
  size_t at = 2;
  while (at + 2 < points.size() && points[at + 1] < u)
    at += 2;
  const double before = points[at - 1];
  const double after = points[at + 1];
  const double part = after > before ? (u - before) / (after - before) : 1;
  const double kept = std::clamp(part, 0.0, 1.0);
  return points[at - 2] + kept * (points[at] - points[at - 2]);
}

bool check_empirical(const std::vector<double> &points, std::string &reason) {
  if (points.size() < 4 || points.size() % 2 != 0) {
    reason = "an empirical distribution needs at least two points of time and cumulative share";
    return false;
  }
  for (size_t at = 0; at < points.size(); at += 2) {
    const bool ascends =
        at == 0 || (points[at] >= points[at - 2] && points[at + 1] >= points[at - 1]);
    if (!ascends || !within(points[at], 0, service_max_ns) || !within(points[at + 1], 0, 1)) {
      reason = "the points of an empirical distribution ascend, with shares from 0 to 1";
      return false;
    }
  }
  if (points.back() == 1)
    return true;
  reason = "the last point of an empirical distribution has the cumulative share 1";
  return false;
}

} // namespace

bool Distribution::check(std::string &reason) const {
  static constexpr size_t counts[] = {1, 1, 2, 3, 3};
  if (shape == Shape::empirical)
    return check_empirical(values, reason);
  if (values.size() != counts[static_cast<size_t>(shape)]) {
    reason = "a distribution has the wrong number of parameters";
    return false;
  }
  const auto is_time = [](double ns) { return within(ns, 1e-3, service_max_ns); };
  bool valid = is_time(values[0]);
  if (shape == Shape::lognormal)
    valid = valid && within(values[1], 0, 10);
  if (shape == Shape::bimodal)
    valid = valid && is_time(values[1]) && within(values[2], 0, 1);
  if (shape == Shape::bounded_pareto)
    valid = within(values[0], 1e-3, 100) && is_time(values[1]) && is_time(values[2]) &&
            values[1] < values[2];
  if (!valid)
    reason = "a parameter of a distribution is out of its range";
  return valid;
}

double Distribution::mean_ns() const {
  switch (shape) {
  case Shape::bimodal:
    return values[0] * (1 - values[2]) + values[1] * values[2];
  case Shape::bounded_pareto: {
    const double alpha = values[0];
    const double ratio = values[1] / values[2];
    if (alpha == 1)
      return values[1] * natural_log(1 / ratio) / (1 - ratio);
    const double rest = power(ratio, alpha);
    return alpha * values[1] / (alpha - 1) * (1 - power(ratio, alpha - 1)) / (1 - rest);
  }
  case Shape::empirical: {
    double mean = values[0] * values[1];
    for (size_t at = 2; at < values.size(); at += 2)
      mean += (values[at] + values[at - 2]) / 2 * (values[at + 1] - values[at - 1]);
    return mean;
  }
  default:
    return values[0];
  }
}

bool WorkloadSpec::check(std::string &reason) const {
  if (classes.empty()) {
    reason = "a workload has at least one class";
    return false;
  }
  for (const RequestClass &one : classes) {
    if (!one.service.check(reason))
      return false;
    if (!(one.share >= 0) || !within(one.deadline_ns, 0, 1e15) ||
        !within(one.deadline_of_service, 0, 1e6) || !within(one.expected_ns, 0, service_max_ns)) {
      reason = "a share, deadline or expected time of a class is out of its range";
      return false;
    }
  }
  if (arrivals == ArrivalKind::recorded) {
    const bool whole = recording.type.size() == recording.at_ns.size() &&
                       recording.service_ns.size() == recording.at_ns.size();
    const bool known = std::all_of(recording.type.begin(), recording.type.end(),
                                   [this](uint32_t type) { return type < classes.size(); });
    if (whole && known && std::is_sorted(recording.at_ns.begin(), recording.at_ns.end()))
      return true;
    reason = "a recording has times in order, known classes, and as many of each";
    return false;
  }
  const size_t wanted = arrivals == ArrivalKind::mmpp ? 4 : 1;
  const bool positive =
      std::all_of(values.begin(), values.end(), [](double v) { return within(v, 1e-15, 1e15); });
  if (values.size() == wanted && positive)
    return true;
  reason = "the arrivals have the wrong parameters";
  return false;
}

double WorkloadSpec::mean_ns() const {
  double sum_ns = 0;
  double weight = 0;
  if (arrivals == ArrivalKind::recorded && !recording.type.empty()) {
    const size_t used = std::min<size_t>(recording.type.size(), requests);
    for (size_t at = 0; at < used; at++)
      sum_ns += recording.service_ns[at] > 0 ? recording.service_ns[at]
                                             : classes[recording.type[at]].service.mean_ns();
    return sum_ns / static_cast<double>(used);
  }
  for (const RequestClass &one : classes) {
    sum_ns += one.share * one.service.mean_ns();
    weight += one.share;
  }
  return sum_ns / weight;
}

void WorkloadSpec::scale_to(double workers) {
  std::string reason;
  if (!check(reason))
    return; // whoever uses it is told then
  const double wanted = workers / mean_ns();
  if (arrivals == ArrivalKind::recorded) {
    const size_t used = std::min<size_t>(recording.at_ns.size(), requests);
    if (used < 2 || recording.at_ns[used - 1] <= recording.at_ns[0])
      return;
    const double span_ns = recording.at_ns[used - 1] - recording.at_ns[0];
    const double factor = static_cast<double>(used - 1) / span_ns / wanted;
    for (double &at_ns : recording.at_ns)
      at_ns *= factor;
    return;
  }
  if (arrivals != ArrivalKind::mmpp) {
    values[0] = wanted;
    return;
  }
  const double mean = (values[0] * values[2] + values[1] * values[3]) / (values[2] + values[3]);
  values[0] *= wanted / mean;
  values[1] *= wanted / mean;
}

Workload::Workload(const WorkloadSpec &spec)
    : spec_(spec), arrivals_(spec.seed, 1), choice_(spec.seed, 2) {
  double sum = 0;
  for (size_t at = 0; at < spec.classes.size(); at++) {
    const RequestClass &one = spec.classes[at];
    services_.emplace_back(one.service, Random(spec.seed, 16 + at));
    cumulative_.push_back(sum += one.share);
  }
  for (double &share : cumulative_)
    share /= sum;
}

bool Workload::next(Job &job) {
  if (drawn_ >= spec_.requests)
    return false;
  double given_ns = 0;
  if (spec_.arrivals == ArrivalKind::recorded) {
    if (drawn_ >= spec_.recording.at_ns.size())
      return false;
    clock_ns_ = spec_.recording.at_ns[drawn_];
    job.type = spec_.recording.type[drawn_];
    given_ns = spec_.recording.service_ns[drawn_];
  } else {
    clock_ns_ += gap_ns();
    job.type = choose_class();
  }
  drawn_++;
  const RequestClass &one = spec_.classes[job.type];
  job.arrival_ns = static_cast<uint64_t>(clock_ns_);
  job.service_ns =
      given_ns > 0 ? static_cast<uint64_t>(std::max(given_ns, 1.0)) : services_[job.type].next_ns();
  const double relative_ns =
      one.deadline_ns + one.deadline_of_service * static_cast<double>(job.service_ns);
  job.deadline_ns =
      relative_ns > 0 ? job.arrival_ns + static_cast<uint64_t>(relative_ns) : UINT64_MAX;
  return true;
}

double Workload::gap_ns() {
  switch (spec_.arrivals) {
  case ArrivalKind::mmpp:
    return mmpp_gap_ns();
  case ArrivalKind::uniform:
    return 1 / spec_.values[0];
  default:
    return arrivals_.exponential() / spec_.values[0];
  }
}

/// Competing exponentials: whichever of arrival and change of state comes first.
double Workload::mmpp_gap_ns() {
  double gap_ns = 0;
  for (;;) {
    const double arrival_ns = arrivals_.exponential() / spec_.values[state_];
    const double change_ns = arrivals_.exponential() * spec_.values[2 + state_];
    if (arrival_ns <= change_ns)
      return gap_ns + arrival_ns;
    gap_ns += change_ns;
    state_ = 1 - state_;
  }
}

uint32_t Workload::choose_class() {
  if (cumulative_.size() == 1)
    return 0;
  const double u = choice_.uniform();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  const auto at = static_cast<uint32_t>(found - cumulative_.begin());
  return std::min(at, static_cast<uint32_t>(cumulative_.size()) - 1);
}

Sampler::Sampler(const Distribution &of, Random random) : of_(&of), random_(random) {
  const std::vector<double> &v = of.values;
  if (of.shape == Shape::lognormal)
    derived_ = natural_log(v[0]) - v[1] * v[1] / 2;
  if (of.shape == Shape::bounded_pareto)
    derived_ = 1 - power(v[1] / v[2], v[0]);
}

uint64_t Sampler::next_ns() {
  const std::vector<double> &v = of_->values;
  double ns = v[0];
  switch (of_->shape) {
  case Shape::deterministic:
    break;
  case Shape::exponential:
    ns = v[0] * random_.exponential();
    break;
  case Shape::lognormal:
    ns = exponential_of(derived_ + v[1] * random_.normal());
    break;
  case Shape::bimodal:
    ns = random_.uniform() < v[2] ? v[1] : v[0];
    break;
  case Shape::bounded_pareto:
    ns = v[1] / power(1 - random_.uniform() * derived_, 1 / v[0]);
    break;
  case Shape::empirical:
    ns = sample_empirical(v, random_.uniform());
    break;
  }
  return static_cast<uint64_t>(std::clamp(ns + 0.5, 1.0, service_max_ns));
}

} // namespace sledge::lab
