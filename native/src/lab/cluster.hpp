// cluster.hpp - nodes of a cluster in virtual time: each is a group of one simulation, with the
// dispatch core that serves real requests. A placement decides where what comes to a node runs;
// messages between nodes take time, loads are known as they were reported, nodes go and return.
#pragma once
#include <functional>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "lab/simulation.hpp"

namespace sledge::lab {

struct NodeLoss {
  uint32_t node = 0;
  uint64_t from_ns = 0;
  uint64_t to_ns = UINT64_MAX; ///< back, and empty
};

struct ClusterSpec {
  uint32_t node_count = 1;
  std::vector<double> shares; ///< of all arrivals, by the node that they come to; empty: equal
  Distribution network;       ///< one way between two nodes; no values: no time
  uint64_t report_ns = 0;     ///< between two reports of a node's load; 0: loads are always known
  uint64_t notice_ns = 0;     ///< from a loss until the others know
  uint32_t hops_max = 1;      ///< what has come so far is not placed again
  std::vector<NodeLoss> losses;
  static constexpr uint32_t node_count_max = 1024;
  bool check(std::string &reason) const;
};

/// What a placement is asked; the loads that its node knows are the row of the table.
struct Question {
  uint32_t node = 0;
  uint32_t type = 0;
  uint32_t hops = 0;
  double left_ns = 0; ///< infinite: no deadline
  double estimate_ns = 0;
  uint64_t now_ns = 0;
  double wait_ns = 0; ///< of its own node
  double in_system = 0;
  uint32_t row = 0;
};

enum class Answered : uint8_t { ended, refused, unsent, lost };

/// What became of a request that was sent to a peer.
struct Feedback {
  uint32_t node = 0; ///< who had sent it
  uint32_t peer = 0;
  Answered result = Answered::ended;
  double round_trip_ns = 0;
  double inside_ns = 0;
};

/// The placements of all nodes.
class Placing {
 public:
  static constexpr int64_t local = -1;
  static constexpr int64_t refuse = -2;
  /// A node, or one of the above; anything else is `local`, and counted.
  virtual int64_t place(const Question &question) = 0;
  virtual void outcome(const Feedback &) {}
  virtual ~Placing() = default;
};

/// What became of the requests, by the node that they came to; but for `served` and `received`.
struct NodeResult {
  uint64_t arrived = 0;
  uint64_t finished = 0;
  uint64_t refused = 0;
  uint64_t dropped = 0;
  uint64_t lost = 0;      ///< a node was lost that they were on, or had come to
  uint64_t unreached = 0; ///< of those: came while it was away
  uint64_t with_deadline = 0;
  uint64_t missed = 0;
  uint64_t forwarded = 0; ///< sent to a peer, each time
  uint64_t returned = 0;  ///< of those: not taken there, and run here or refused
  uint64_t received = 0;  ///< from peers
  uint64_t served = 0;    ///< ended here, whoever it came to
  uint64_t wasted = 0;    ///< of those: nobody was there any more to be told
  double busy_ns = 0;     ///< service time of what was served
  double sojourn_ns = 0;  ///< sum over finished
};

struct ClusterTotals {
  uint64_t decisions = 0;
  uint64_t bad_decisions = 0; ///< named no node that there is
  uint64_t reports = 0;
};

class Cluster final : private EndListener {
 public:
  /// Numbers of a table's entry: expected wait, requests in the system, when that was (ns; below 0:
  /// unknown or away), and estimates of what the row's node has sent there since.
  static constexpr uint32_t entry_fields = 4;
  static constexpr uint32_t occupancy_max = 32;
  static size_t table_size(const ClusterSpec &spec) {
    return size_t{entry_fields} * spec.node_count * (spec.report_ns == 0 ? 1 : spec.node_count);
  }
  /// `machine.group_count` is the number of nodes, its workers those of all nodes; `placing` and
  /// `table` (of `table_size`) outlive the cluster. Null with `error` as Simulation::make.
  static std::unique_ptr<Cluster> make(const SimulationSpec &machine, const ClusterSpec &spec,
                                       std::vector<GroupPolicies> policies, Placing &placing,
                                       std::span<double> table, PolicyError &error);
  /// As Simulation::run.
  bool run(const std::function<bool(uint64_t)> &progress);

  /// As the clients see them.
  const std::vector<ClassResult> &classes() const { return classes_; }
  const std::vector<NodeResult> &nodes() const { return nodes_; }
  const ClusterTotals &totals() const { return totals_; }
  /// Share of nodes with at least so many requests, over the measured window; [0] is 1.
  std::vector<double> occupancy() const;
  const Simulation &simulation() const { return *simulation_; }
  uint64_t measured() const { return measured_; }

 private:
  enum class Kind : uint8_t { deliver, answer, report_due, report, lose, come_back, notice };
  struct Event {
    uint64_t due_ns = 0;
    uint64_t order = 0;
    Kind kind = Kind::deliver;
    uint32_t node = 0;
    uint32_t flight = 0;
    double wait_ns = 0;
    double in_system = 0;
    double at_ns = 0;
  };
  struct Later {
    bool operator()(const Event &a, const Event &b) const {
      return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.order > b.order;
    }
  };
  struct Flight {
    Job job; ///< as it came
    uint64_t estimate_ns = 0;
    uint64_t sent_ns = 0;
    uint64_t entered_ns = 0;
    uint32_t ingress = 0;
    uint32_t at = 0; ///< where it is, or was sent
    uint32_t hops = 0;
    Answered answered = Answered::ended;
    End end = End::finished;
    bool alive = false;
    bool inside = false; ///< of `at`
    bool gone = false;   ///< its client has an outcome already
    bool measured = false;
  };
  struct Node {
    uint64_t in_system = 0;
    double work_ns = 0;
    uint32_t losses = 0;
    bool away = false;
  };

  Cluster(const SimulationSpec &machine, const ClusterSpec &spec, Placing &placing,
          std::span<double> table, std::unique_ptr<Simulation> simulation);
  // cluster.cpp
  void schedule(Event event) {
    event.order = ++order_;
    events_.push(event);
  }
  void schedule_plan();
  uint64_t delay_ns() { return network_ ? network_->next_ns() : 0; }
  void advance_occupancy(uint64_t level);
  void count_in(uint32_t node, bool in);
  double wait_ns(uint32_t node) const;
  void publish(uint32_t node);
  double *entry(uint32_t row, uint32_t node) {
    return table_.data() + (size_t{row} * spec_.node_count + node) * entry_fields;
  }
  uint32_t row_of(uint32_t node) const { return spec_.report_ns == 0 ? 0 : node; }

  // cluster_events.cpp
  void arrive(const Job &job);
  void decide(uint32_t flight, uint32_t node);
  void enter(uint32_t flight, uint32_t node);
  void send(uint32_t flight, uint32_t from, uint32_t to);
  void handle(const Event &event);
  void deliver(uint32_t flight);
  void answer(const Event &event);
  void run_here_or_refuse(uint32_t flight);
  void on_end(uint32_t group, uint32_t tag, End end) override;
  void conclude(uint32_t flight, End end);
  void release(uint32_t flight);
  void report(uint32_t node);
  void learn(uint32_t row, const Event &event, bool resets);
  void lose(uint32_t node);
  void forget(uint32_t node);

  SimulationSpec machine_;
  ClusterSpec spec_;
  Placing &placing_;
  std::span<double> table_;
  std::unique_ptr<Simulation> simulation_;
  Workload workload_;
  Random ingress_;
  std::unique_ptr<Sampler> network_;
  std::vector<double> cumulative_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<Flight> flights_;
  std::vector<uint32_t> free_;
  std::vector<Node> states_;
  std::vector<NodeResult> nodes_;
  std::vector<ClassResult> classes_;
  ClusterTotals totals_;
  uint64_t order_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t number_ = 0;
  uint64_t measured_ = 0;
  uint64_t in_flight_ = 0;
  uint32_t workers_each_ = 1;
  bool more_ = true;
  bool in_window_ = false;
  std::vector<uint64_t> nodes_at_least_;
  std::vector<double> area_;
  std::vector<uint64_t> area_at_ns_;
};

} // namespace sledge::lab
