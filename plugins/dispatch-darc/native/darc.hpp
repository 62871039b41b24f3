// darc.hpp - the state of dispatch-darc: queues by type, groups in order, and the profile.
#ifndef DISPATCH_DARC_HPP
#define DISPATCH_DARC_HPP

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "sledge/policy.hpp"

namespace darc {

inline constexpr uint32_t group_count_max = 1024;
inline constexpr uint32_t unknown_group = UINT32_MAX; ///< behind all others

/// What is known of a type. Sums are of the current window, the mean of the last that counted.
struct Type {
  sledge::policy::HeldQueue queue;
  uint32_t place = 0; ///< in Darc::waiting_
  uint32_t group = 0; ///< its order; unknown_group: none yet
  bool seen = false;
  uint64_t window_count = 0;
  uint64_t window_run_ns = 0;
  double service_ns = 0; ///< mean; 0: unknown
  double demand = 0;     ///< share of all run time in the last window
};

class Darc {
 public:
  /// False: out of memory, or an option is wrong (then `error` says which).
  bool make(const sledge_policy_config &config, char *error, size_t error_bytes);
  uint32_t type_count() const { return type_count_; }
  void hold(sledge_request *r);
  void forget(const sledge_request *r);
  /// The first worker that the type may use; it may use all that follow too.
  uint32_t first_worker(uint32_t type) const {
    if (profiles_ && !reserved_yet_)
      return 0;
    const uint32_t group = types_[type].group;
    return group < group_count_ ? first_[group] : spillway();
  }
  /// Of the groups that may use the worker the first, of its requests the oldest, or null.
  sledge_request *select(uint32_t worker) const;
  /// Notes how long it has waited.
  void has_started(const sledge_request *r, uint64_t now_ns);
  /// Counts a request that has ended. True: the reservation has changed.
  bool profile(const sledge_request *r);

 private:
  bool read_reserved(const char *text);
  void reserve(const uint32_t *wanted, uint32_t groups);
  void regroup();
  bool demand_has_moved() const;
  void close_window();
  uint32_t spillway() const { return worker_count_ - 1; }

  std::unique_ptr<Type[]> types_;
  std::unique_ptr<uint32_t[]> waiting_; ///< types with held requests, in no order
  std::unique_ptr<uint32_t[]> seen_;    ///< types that have completed, in order of appearance
  uint32_t first_[group_count_max] = {};
  uint32_t type_count_ = 0;
  uint32_t waiting_count_ = 0;
  uint32_t seen_count_ = 0;
  uint32_t group_count_ = 0;
  uint32_t worker_count_ = 1;
  bool profiles_ = false;
  bool reserved_yet_ = false;
  bool is_new_ = false; ///< in this window a type has completed that has no reservation
  bool slow_ = false;   ///< in this window a request has waited beyond the slowdown target
  uint64_t window_requests_ = 0;
  uint64_t window_count_ = 0;
  double similarity_ = 2;
  double slowdown_target_ = 10;
  double demand_change_ = 0.1;
};

} // namespace darc
#endif
