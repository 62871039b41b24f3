// backend.hpp - how packets leave and arrive; loop, udp and dpdk stand behind it.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "rpc/frame.hpp"
#include "rpc/sm_packet.hpp"

namespace sledge::rpc {

inline constexpr size_t kBurstPackets = 32;

/// A received UDP payload; the bytes stay valid until the next `receive`.
struct RxPacket {
  std::span<const uint8_t> bytes;
  uint32_t source_ipv4 = 0;
};

/// The data plane of one Rpc. Used by the Rpc's thread only.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Where peers reach this Rpc.
  virtual const RoutingInfo &routing() const = 0;

  /// Queues header and data, which it copies, for `route`. Never blocks; a full queue drops the
  /// packet, as a network may.
  virtual void send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
                    std::span<const uint8_t> data) = 0;

  /// Hands queued packets to the network.
  virtual void flush() = 0;

  /// Up to `out.size()` packets; their bytes stay valid until the next call.
  virtual size_t receive(std::span<RxPacket> out) = 0;
};

struct SmAddress {
  uint32_t ipv4 = 0; ///< host order
  uint16_t port = 0;
};

struct SmDatagram {
  std::span<const uint8_t> bytes;
  uint32_t source_ipv4 = 0;
};

/// The session-management plane of one process. `send` may be called from any thread.
class SmChannel {
 public:
  virtual ~SmChannel() = default;

  virtual void send(const SmAddress &to, const SmBytes &bytes) = 0;

  /// False when nothing waits. The bytes stay valid until the next call.
  virtual bool receive(SmDatagram &datagram) = 0;

  /// Address of a host name; may ask the resolver and block. Only for a client's own peers.
  virtual std::optional<uint32_t> resolve(const std::string &host) = 0;
};

} // namespace sledge::rpc
