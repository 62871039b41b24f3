// simulation.hpp - a machine of any size in virtual time: it drives the dispatch core that serves
// real requests, with the same policies, and adds what mechanisms cost.
#pragma once
#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "lab/histogram.hpp"
#include "lab/record.hpp"
#include "lab/series.hpp"
#include "lab/workload.hpp"

namespace sledge::lab {

/// What a machine's mechanisms cost; all zero: an ideal machine.
struct Costs {
  uint64_t network_ns = 0;     ///< one way, client to dispatcher; twice in every sojourn time
  uint64_t dispatch_ns = 0;    ///< the group's dispatcher is busy this long with each arrival
  uint64_t wake_ns = 0;        ///< from the decision until an idle worker begins
  uint64_t start_ns = 0;       ///< a worker's own work before a request's first instruction
  uint64_t finish_ns = 0;      ///< a worker's own work behind the reply, before the next request
  uint64_t switch_ns = 0;      ///< to leave one request for another
  uint64_t notice_ns = 0;      ///< from the decision to preempt until the worker notices
  uint64_t interrupt_ns = 0;   ///< taken from the worker by each interrupt, whatever it decides
  uint64_t granularity_ns = 0; ///< service time between two points where it can leave; 0: anywhere
  uint64_t timer_ns = 0;       ///< quanta end at multiples of this; 0: exactly
  double inflation = 0;        ///< share by which polls lengthen every service time
};

enum class Spread : uint8_t { random, turns }; ///< which group an arrival goes to

struct SimulationSpec {
  WorkloadSpec workload;
  Costs costs;
  uint32_t worker_count = 1; ///< in all; a multiple of group_count
  uint32_t group_count = 1;  ///< each with a dispatcher and policies of its own
  Spread spread = Spread::random;
  bool preemption = true;
  bool migration = false;
  std::vector<sledge_tenant_terms> terms; ///< by tenant, of all workers; those beyond have none
  uint32_t request_count_max = 65536;     ///< alive at any moment, over all groups
  uint32_t queue_length_max = 65536;      ///< in one worker's run queue
  uint64_t warmup = 0;                    ///< arrivals that are not measured
  uint64_t record_max = 0;                ///< events kept for traces; 0: none
  bool series = false;                    ///< keep how the run went over its time
};

/// How a request left its group.
enum class End : uint8_t { finished, refused, dropped, lost };

/// Told of each request that leaves a simulation that somebody drives.
class EndListener {
 public:
  virtual void on_end(uint32_t group, uint32_t tag, End end) = 0;

 protected:
  ~EndListener() = default;
};

struct GroupPolicies {
  PolicyInstance dispatcher;
  PolicyInstance scheduler;
  PolicyInstance estimator; ///< may be empty
  PolicyInstance admission; ///< may be empty
};

struct ClassResult {
  uint64_t arrived = 0; ///< after the warm-up
  uint64_t finished = 0;
  uint64_t refused = 0;
  uint64_t dropped = 0; ///< late before they started
  uint64_t with_deadline = 0;
  uint64_t missed = 0; ///< of those: late, refused or dropped
  double service_ns = 0;
  double sojourn_ns = 0; ///< sums
  double slowdown = 0;
  Histogram sojourns;  ///< ns
  Histogram slowdowns; ///< thousandths
};

/// Sums over the whole run, warm-up and drain included, for identities that hold exactly.
struct RunTotals {
  uint64_t end_ns = 0;
  double in_system_area = 0; ///< requests times ns
  double sojourn_ns = 0;     ///< sum, without the network
  double busy_area = 0;      ///< workers that have a request, times ns
  double service_ns = 0;
  uint64_t finished = 0;
  uint64_t refused = 0;
  uint64_t dropped = 0;
  uint64_t lost = 0;
  uint64_t events = 0;
};

/// From the first measured arrival to the last arrival.
struct Window {
  uint64_t from_ns = 0;
  uint64_t to_ns = 0;
  double in_system_area = 0;
  double busy_area = 0;
  uint64_t arrived = 0;
};

class Simulation {
 public:
  /// Null with `error` when the spec or a policy does not fit. `policies`: one per group.
  static std::unique_ptr<Simulation> make(const SimulationSpec &spec,
                                          std::vector<GroupPolicies> policies, PolicyError &error);
  /// Runs to the end of the last request. `progress(arrivals)` is called now and then; false ends
  /// the run. @returns false when it was ended so.
  bool run(const std::function<bool(uint64_t)> &progress);

  // --- instead of `run`: whoever drives it brings the arrivals ---

  /// When its next event is due, UINT64_MAX: never.
  uint64_t due_ns() const { return std::min(timers_.earliest_ns(), doors_.earliest_ns()); }
  /// Carries out one event that is due at `due_ns`.
  void step();
  /// Time passes, at most until `due_ns`.
  void advance(uint64_t to_ns);
  /// A request comes to a group, now; `job.arrival_ns` is now. `listener` hears of its end, maybe
  /// before this returns.
  void bring(uint32_t group, const Job &job);
  /// Everything that is in the group ends as lost, now; it goes on empty.
  void lose(uint32_t group);
  void listen_with(EndListener *listener) { listener_ = listener; }
  /// What follows is measured, until `end_window`.
  void begin_window();
  void end_window();
  uint64_t now_ns() const { return now_ns_; }

  const std::vector<ClassResult> &classes() const { return classes_; }
  const RunTotals &totals() const { return totals_; }
  const Window &window() const { return window_; }
  const EventRecord &record() const { return record_; }
  const Series &series() const { return series_; }
  /// Summed over the groups.
  EngineCounters counters() const;
  /// True if every engine's links, sums and counts agree; O(n), for tests.
  bool consistent() const;
  static bool check(const SimulationSpec &spec, std::string &reason);

 private:
  struct Alive { ///< beside each request of the pool
    uint64_t number = 0;
    uint64_t arrival_ns = 0; ///< at the dispatcher's door, before its delay
    uint64_t service_ns = 0;
    uint64_t left_ns = 0; ///< with the polls
    uint64_t left_at_ns = 0;
    bool started = false;
    bool has_left = false; ///< preempted, and not yet resumed
    uint32_t tag = 0;
  };
  struct Waiting {
    Job job;
    uint64_t number = 0;
    uint64_t enter_ns = 0;
  };
  struct Group {
    std::unique_ptr<Engine> engine;
    std::vector<Alive> alive;
    std::deque<Waiting> door; ///< arrivals that its dispatcher has not seen
    uint64_t free_ns = 0;     ///< when its dispatcher is
    uint32_t first_worker = 0;
  };
  struct Worker {
    uint64_t end_ns = WorkerTimers::never_ns;
    uint64_t leave_ns = WorkerTimers::never_ns;
    uint64_t wake_ns = WorkerTimers::never_ns;
    uint64_t resumed_ns = 0; ///< when service goes on
    uint64_t free_ns = 0;    ///< when the work behind its last reply is done
    uint32_t group = 0;
  };

  Simulation(const SimulationSpec &spec, std::vector<std::unique_ptr<Engine>> engines);
  static std::unique_ptr<Engine> make_engine(const SimulationSpec &spec, uint32_t group,
                                             GroupPolicies policies, PolicyError &error);
  // simulation.cpp: which event is next
  uint64_t tick_due_ns(const Group &group) const;
  void refresh_group(Group &group);
  void group_event(uint32_t group);

  // simulation_events.cpp: what an event does
  void arrive(const Job &job);
  void approach(Group &group, const Job &job, uint64_t number);
  void enter(Group &group, const Job &job, uint64_t number);
  void refuse(Group &group, const Job &job, uint64_t number, Refusal why);
  void worker_event(uint32_t worker);
  void settle(Group &group);
  void act(Group &group, const Action &action);
  void ask_to_leave(Group &group, uint32_t worker);
  void leave(uint32_t worker);
  void finish(uint32_t worker);
  void take_next(uint32_t worker, uint64_t overhead_ns);
  void run_on(uint32_t worker, Request *request, uint64_t begin_ns);
  void pause(Group &group, uint32_t worker, const Request &request);
  bool drop_if_late(uint32_t worker, Request *request);
  void lose_waiting(Group &group);
  void lose_running(Group &group);
  void count_lost(Group &group, uint64_t arrival_ns, uint32_t tag);
  void tell_end(const Group &group, uint32_t tag, End end) {
    if (listener_ != nullptr)
      listener_->on_end(static_cast<uint32_t>(&group - groups_.data()), tag, end);
  }
  void refresh(uint32_t worker);
  bool is_measured(uint64_t number) const { return number > spec_.warmup; }

  // simulation_result.cpp: what is kept of it
  void count_finish(const Request &request, const Alive &alive);
  void note(RecordedEvent event) {
    if (!record_.on())
      return;
    event.waiting = in_system_ - busy_;
    record_.add(event);
  }
  void note_placed(Group &group, const Request &request, const Alive &alive);

  SimulationSpec spec_;
  Workload workload_;
  Random spread_;
  std::vector<Group> groups_;
  std::vector<Worker> workers_;
  WorkerTimers timers_;
  WorkerTimers doors_; ///< of each group the next tick or entry
  EndListener *listener_ = nullptr;
  std::vector<Action> actions_;
  uint32_t per_group_ = 1;
  uint64_t now_ns_ = 0;
  uint64_t number_ = 0;
  uint64_t in_system_ = 0;
  uint64_t busy_ = 0;
  bool in_window_ = false;
  std::vector<ClassResult> classes_;
  RunTotals totals_;
  Window window_;
  EventRecord record_;
  Series series_;
};

} // namespace sledge::lab
