// rpc_poller_bell.hpp - a part of rpc_poller.cpp and rpc_poller_inline.cpp.
#pragma once
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/rpc_poller.hpp"

namespace sledge::transport {

/// Wakes the poller when it sleeps. It may outlive the poller: workers may still ring.
class RpcPoller::Bell final : public dataplane::OutcomeWaker {
 public:
  ~Bell() {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  }
  void wake() override {
    if (asleep.exchange(false, std::memory_order_seq_cst)) {
      eventfd_write(descriptor, 1);
    }
  }
  /// It sleeps no longer.
  void hear() {
    asleep.store(false, std::memory_order_seq_cst);
    eventfd_t rung = 0;
    eventfd_read(descriptor, &rung);
  }
  const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::atomic<bool> asleep{false};
};

} // namespace sledge::transport
