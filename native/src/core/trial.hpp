// trial.hpp - a seeded random load on an engine in virtual time, with everything that can happen to
// a request, and the promises of policies checked on the way.
#pragma once
#include <queue>
#include <string>
#include <vector>

#include "core/engine.hpp"

namespace sledge {

struct TrialConfig {
  uint64_t request_count = 1000;
  uint64_t seed = 1;
  double load = 0.9; ///< offered, as a share of all workers
  uint32_t type_count = 4;
  bool with_deadlines = true;
  double removed_share = 1.0 / 64; ///< cancelled while they wait
  double blocked_share = 1.0 / 64; ///< wait in a host call once
  // What is checked beside: nothing lost or doubled.
  bool work_conserving = false;
  bool fifo_within_type = false;
  bool deadline_order = false;
};

struct TrialResult {
  uint64_t finished = 0;
  uint64_t refused = 0;
  uint64_t removed = 0;
  uint64_t left = 0; ///< alive when nothing could happen any more
  uint64_t end_ns = 0;
  std::string violation; ///< the first one; empty: none
};

class Trial {
 public:
  Trial(Engine &engine, const TrialConfig &config);
  TrialResult run();

 private:
  enum class Due : uint8_t { leave, unblock, remove };
  struct Event {
    uint64_t at_ns;
    uint64_t order;
    Due due;
    uint32_t worker;
    uint64_t turn;    ///< leave: of the worker
    uint64_t request; ///< handle
    bool operator>(const Event &other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };
  uint64_t random();
  bool chance(double share);
  void schedule(Due due, uint64_t at_ns, uint32_t worker, uint64_t request);
  uint64_t service_ns();
  void arrive();
  void happen(const Event &event);
  void leave(uint32_t worker);
  void settle();
  void run_on(uint32_t worker, Request *request);
  void suspend(uint32_t worker);
  void check_start(uint32_t worker, const Request &request);
  void check_state();
  void violate(const std::string &what);

  Engine &engine_;
  TrialConfig config_;
  TrialResult result_;
  uint64_t random_state_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<uint64_t> left_ns_;    ///< by place in the pool: service still due
  std::vector<uint64_t> blocks_at_;  ///< service left when it blocks; 0: not again
  std::vector<uint64_t> resumed_ns_; ///< by worker
  std::vector<uint64_t> turn_;       ///< by worker; a leave of another turn is stale
  std::vector<uint64_t> last_start_; ///< by type: id of the last that was started
  std::vector<Action> actions_;
  uint64_t arrival_ns_ = 0;
  uint64_t arrived_ = 0;
  uint64_t order_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t steps_ = 0;
};

} // namespace sledge
