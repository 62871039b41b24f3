// rpc_service.hpp - functions of a data plane, called over eRPC: listeners and pollers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "transport/rpc_poller.hpp"

namespace sledge::transport {

struct RpcServiceOptions {
  std::vector<RpcListenerOptions> listeners;
  uint32_t poller_count = 1;
  bool is_inline = false;            ///< as many as there are workers, at most 16, and they poll
  std::vector<int32_t> poller_cores; ///< by poller; those beyond are unpinned
  bool spin = false;
  uint64_t spin_ns = 20'000;
  RpcFormat format = RpcFormat::sledge;
};

struct RpcCount {
  const char *name; ///< of rpc::kCounterDescriptions
  uint64_t value;
};

/// Each poller serves each listener, as the Rpc whose id is the poller's number. All members on the
/// data plane's owner thread; the data plane must outlive it.
class RpcService {
 public:
  /// Null with `error` filled; then nothing listens.
  static std::unique_ptr<RpcService> start(const RpcServiceOptions &options,
                                           dataplane::DataPlane &plane, RpcLog &log,
                                           std::string &error);
  ~RpcService() { stop(); }

  size_t listener_count() const { return listeners_.size(); }
  RpcListener &listener(size_t at) { return *listeners_[at]; }
  /// Answers everything with SLEDGE_ERR_INVOKE_DRAINING from now on; what is in flight goes on.
  void drain();
  /// Invocations that are not answered, and while it drains answers that are being fetched.
  uint32_t unfinished() const;
  uint32_t in_flight() const;
  /// Every event of counters.hpp, over all pollers and listeners; zeros when it has been stopped.
  std::vector<RpcCount> counts() const;
  /// Cancels what is in flight, answers it, and ends the threads. Idempotent.
  void stop();

 private:
  RpcService() = default;
  std::vector<std::unique_ptr<RpcListener>> listeners_;
  std::vector<std::unique_ptr<RpcPoller>> pollers_;
};

} // namespace sledge::transport
