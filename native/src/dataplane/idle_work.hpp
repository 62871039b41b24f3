// idle_work.hpp - what a worker does while it has no invocation to run.
#pragma once
#include <cstddef>

#include "dataplane/idle.hpp"

namespace sledge::dataplane {

/// Given to a worker by `DataPlane::set_idle_work`; all members on that worker's thread.
class IdleWork {
 public:
  /// Does what there is to do, in some microseconds; returns how much that was.
  virtual size_t turn() = 0;
  /// After so long without anything to do the worker sleeps; no_timeout_ns: never.
  virtual uint64_t spin_ns() const = 0;
  /// Until somebody knocks, or there may be something to do. Spurious returns are possible.
  virtual void sleep(Doorbell &bell, uint32_t seen) = 0;

 protected:
  ~IdleWork() = default;
};

} // namespace sledge::dataplane
