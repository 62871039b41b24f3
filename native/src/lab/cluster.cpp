#include "lab/cluster.hpp"

#include <algorithm>
#include <numeric>

namespace sledge::lab {
namespace {

constexpr uint64_t progress_every = 1 << 14;
constexpr uint64_t never_ns = WorkerTimers::never_ns;
constexpr uint64_t ingress_stream = 5;
constexpr uint64_t network_stream = 6;

bool is_share(double share) {
  return share >= 0 && share <= 1e9;
}

} // namespace

bool ClusterSpec::check(std::string &reason) const {
  if (node_count < 1 || node_count > node_count_max) {
    reason = "there are too many nodes, or none";
    return false;
  }
  if (!network.values.empty() && !network.check(reason)) {
    reason = "the network: " + reason;
    return false;
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const bool shares_fit = shares.empty() || (shares.size() == node_count && sum > 0 &&
                                             std::all_of(shares.begin(), shares.end(), is_share));
  if (!shares_fit) {
    reason = "the shares are not one for each node, from 0, with a sum above 0";
    return false;
  }
  for (const NodeLoss &loss : losses) {
    if (loss.node < node_count && loss.from_ns < loss.to_ns)
      continue;
    reason = "a loss names no node, or ends before it begins";
    return false;
  }
  return true;
}

std::unique_ptr<Cluster> Cluster::make(const SimulationSpec &machine, const ClusterSpec &spec,
                                       std::vector<GroupPolicies> policies, Placing &placing,
                                       std::span<double> table, PolicyError &error) {
  error.code = SLEDGE_ERR_NATIVE_ARGUMENT;
  if (!spec.check(error.reason))
    return nullptr;
  if (machine.group_count != spec.node_count || table.size() < table_size(spec)) {
    error.reason = "each node is a group of the machine";
    return nullptr;
  }
  SimulationSpec inner = machine;
  inner.warmup = UINT64_MAX; // what is measured is measured here
  std::unique_ptr<Simulation> simulation = Simulation::make(inner, std::move(policies), error);
  if (simulation == nullptr)
    return nullptr;
  return std::unique_ptr<Cluster>(
      new Cluster(machine, spec, placing, table, std::move(simulation)));
}

Cluster::Cluster(const SimulationSpec &machine, const ClusterSpec &spec, Placing &placing,
                 std::span<double> table, std::unique_ptr<Simulation> simulation)
    : machine_(machine), spec_(spec), placing_(placing), table_(table),
      simulation_(std::move(simulation)), workload_(machine_.workload),
      ingress_(machine.workload.seed, ingress_stream), states_(spec.node_count),
      nodes_(spec.node_count), classes_(machine.workload.classes.size()),
      workers_each_(machine.worker_count / spec.node_count), nodes_at_least_(occupancy_max + 1),
      area_(occupancy_max + 1), area_at_ns_(occupancy_max + 1) {
  simulation_->listen_with(this);
  if (!spec_.network.values.empty())
    network_ =
        std::make_unique<Sampler>(spec_.network, Random(machine.workload.seed, network_stream));
  double sum = 0;
  for (uint32_t node = 0; node < spec_.node_count; node++)
    cumulative_.push_back(sum += spec_.shares.empty() ? 1 : spec_.shares[node]);
  for (double &share : cumulative_)
    share /= sum;
  nodes_at_least_[0] = spec_.node_count;
  std::fill(table_.begin(), table_.end(), 0);
  for (size_t at = 0; at < table_.size(); at += entry_fields)
    table_[at + 2] = spec_.report_ns == 0 ? 0 : -1;
  schedule_plan();
}

/// Losses, and the first report of each node: spread over one period.
void Cluster::schedule_plan() {
  for (const NodeLoss &loss : spec_.losses) {
    schedule({.due_ns = loss.from_ns, .kind = Kind::lose, .node = loss.node});
    if (loss.to_ns != never_ns)
      schedule({.due_ns = loss.to_ns, .kind = Kind::come_back, .node = loss.node});
  }
  if (spec_.report_ns == 0)
    return;
  for (uint32_t node = 0; node < spec_.node_count; node++) {
    const uint64_t phase_ns = spec_.report_ns * node / spec_.node_count;
    schedule({.due_ns = phase_ns, .kind = Kind::report_due, .node = node});
  }
}

/// As NodeLoad of core/src/contracts/placement.ts.
double Cluster::wait_ns(uint32_t node) const {
  const Node &state = states_[node];
  if (state.in_system < workers_each_)
    return 0;
  const double present = static_cast<double>(state.in_system);
  return (present + 1 - workers_each_) / workers_each_ * (state.work_ns / present);
}

/// Where loads are always known, everybody sees the change.
void Cluster::publish(uint32_t node) {
  if (spec_.report_ns != 0)
    return;
  double *known = entry(0, node);
  known[0] = wait_ns(node);
  known[1] = static_cast<double>(states_[node].in_system);
}

void Cluster::advance_occupancy(uint64_t level) {
  if (in_window_)
    area_[level] += static_cast<double>(nodes_at_least_[level]) *
                    static_cast<double>(now_ns_ - area_at_ns_[level]);
  area_at_ns_[level] = now_ns_;
}

void Cluster::count_in(uint32_t node, bool in) {
  Node &state = states_[node];
  const uint64_t level = in ? ++state.in_system : state.in_system--;
  if (level > occupancy_max)
    return;
  advance_occupancy(level);
  if (in)
    nodes_at_least_[level]++;
  else
    nodes_at_least_[level]--;
}

std::vector<double> Cluster::occupancy() const {
  const Window &window = simulation_->window();
  const double span_ns = std::max<double>(1, static_cast<double>(window.to_ns - window.from_ns));
  std::vector<double> shares;
  for (const double area : area_)
    shares.push_back(area / span_ns / spec_.node_count);
  return shares;
}

bool Cluster::run(const std::function<bool(uint64_t)> &progress) {
  Job job;
  more_ = workload_.next(job);
  for (;;) {
    const uint64_t inside_ns = simulation_->due_ns();
    const uint64_t event_ns = events_.empty() ? never_ns : events_.top().due_ns;
    const uint64_t arrival_ns = more_ ? job.arrival_ns : never_ns;
    const uint64_t due_ns = std::min({inside_ns, event_ns, arrival_ns});
    if (due_ns == never_ns || (!more_ && in_flight_ == 0))
      break;
    now_ns_ = std::max(now_ns_, due_ns);
    if (inside_ns == due_ns) {
      simulation_->step();
      continue;
    }
    simulation_->advance(now_ns_);
    if (event_ns == due_ns) {
      const Event event = events_.top();
      events_.pop();
      handle(event);
      continue;
    }
    arrive(job);
    more_ = workload_.next(job);
    if (!more_) {
      for (uint64_t level = 0; level <= occupancy_max; level++)
        advance_occupancy(level);
      in_window_ = false;
      simulation_->end_window();
    }
    if (number_ % progress_every == 0 && progress && !progress(number_))
      return false;
  }
  return true;
}

} // namespace sledge::lab
