// happening.hpp - the decision record: what became of each request and why, event by event, for
// traces and explanations. The lab and the data plane write the same.
#pragma once
#include <cstddef>
#include <cstdint>

namespace sledge {

/// As HAPPENINGS of core/src/trace/record.ts.
enum class Happening : uint8_t {
  arrive = 0,   ///< a: relative deadline ns, -1: none; b: requests before it on its worker; c:
                ///< estimate ns; d: service ns, 0: unknown; e: ns since its arrival
  refuse = 1,   ///< reason: Refusal
  start = 2,    ///< a: ns since arrival
  resume = 3,   ///< a: ns since it left its worker
  preempt = 4,  ///< reason: LeaveReason; a: the request that takes the worker; b: ns it has run
  finish = 5,   ///< reason: the outcome's status; a: sojourn ns; b: ns after its deadline, -1: in
                ///< time; c: ns it has run
  drop = 6,     ///< it ends without having run, or while it waits; reason: the outcome's status; a:
                ///< sojourn ns; b: ns after its deadline, -1: in time
  ask = 7,      ///< the worker is asked to leave what it runs
  stay = 8,     ///< it was asked, looked, and stays
  held = 9,     ///< as arrive, but the dispatcher holds it: b: how many it holds before it
  block = 10,   ///< it waits in a host call, and leaves its worker
  unblock = 11, ///< it may go on
};
enum class LeaveReason : uint8_t { rank = 0, quantum = 1, overdue_share = 2 };
enum class Refusal : uint8_t { queue_full = 0, not_admitted = 1, too_many = 2 };

struct RecordedEvent {
  uint64_t at_ns = 0;
  uint64_t request = 0; ///< its number, from 1
  Happening what = Happening::arrive;
  uint8_t reason = 0;
  uint32_t type = 0;
  uint32_t worker = UINT32_MAX;
  double a = 0, b = 0, c = 0, d = 0, e = 0;
  uint64_t waiting = 0; ///< requests that wait for a worker, after it

  /// Numbers per event in `write`: time, what, request, worker (-1: none), type, reason, a to e,
  /// waiting.
  static constexpr size_t fields = 12;
  void write(double *out) const;
};

} // namespace sledge
