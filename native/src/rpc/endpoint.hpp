// endpoint.hpp - the session-management plane of one process, shared by its Rpcs.
#pragma once
#include <array>
#include <atomic>
#include <mutex>

#include "rpc/rpc.hpp"

namespace sledge::rpc {

/// Checks session-management datagrams and hands each to the Rpc that it names; answers for Rpcs
/// that do not exist. All members may be called from any thread.
class Endpoint {
 public:
  explicit Endpoint(SmChannel &channel) : channel_(channel) {}

  /// False when the Rpc's id is taken. The Rpc must be detached before it ends.
  bool attach(Rpc &rpc);
  void detach(Rpc &rpc);

  /// Takes what waits in the channel, at most `limit` datagrams; returns how many. When another
  /// thread is at it, returns 0 at once.
  size_t poll(size_t limit = 64);

  /// One datagram. False when it was dropped.
  bool on_datagram(const SmDatagram &datagram);

  uint64_t dropped_malformed() const { return dropped_malformed_.load(std::memory_order_relaxed); }
  uint64_t answered_unknown_rpc() const {
    return answered_unknown_rpc_.load(std::memory_order_relaxed);
  }

 private:
  void answer_unknown_rpc(const SmPacket &packet, uint32_t source_ipv4);

  SmChannel &channel_;
  std::mutex receive_lock_;
  std::mutex table_lock_;
  std::array<Rpc *, 255> rpcs_{};
  std::atomic<uint64_t> dropped_malformed_{0};
  std::atomic<uint64_t> answered_unknown_rpc_{0};
};

} // namespace sledge::rpc
