// udp_backend.hpp - eRPC over kernel sockets: no root, no huge pages, any interface.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "rpc/backend.hpp"

namespace sledge::rpc {

struct UdpOptions {
  uint32_t bind_ipv4 = 0x7F000001;          ///< host order
  uint16_t port = 0;                        ///< 0: any free one
  uint32_t advertise_ipv4 = 0;              ///< 0: the bound address
  uint32_t receive_buffer_bytes = 8u << 20; ///< the kernel may grant less
  uint32_t busy_poll_us = 0;                ///< SO_BUSY_POLL; 0 leaves the system's setting
};

struct UdpCounters {
  uint64_t send_calls = 0;
  uint64_t send_drops = 0; ///< packets the kernel did not take
  uint64_t receive_calls = 0;
};

class UdpBackend final : public Backend {
 public:
  /// Null with `error` filled when there is no such socket to have.
  static std::unique_ptr<UdpBackend> open(const UdpOptions &options, std::string &error);
  ~UdpBackend() override;

  const RoutingInfo &routing() const override { return routing_; }
  void send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
            std::span<const uint8_t> data) override;
  void flush() override;
  size_t receive(std::span<RxPacket> out) override;

  /// Sleeps until a packet is there or `timeout_ns` has passed.
  void wait(uint64_t timeout_ns) const;
  int descriptor() const { return socket_; }
  const UdpCounters &counters() const { return counters_; }

 private:
  struct Batches;
  UdpBackend(int socket, const RoutingInfo &routing);

  int socket_;
  RoutingInfo routing_;
  UdpCounters counters_;
  std::unique_ptr<Batches> batches_;
};

/// The session-management socket of a process.
class UdpChannel final : public SmChannel {
 public:
  /// Port 0 takes any free one, for tests; upstream's peers need 31850 to 31881.
  static std::unique_ptr<UdpChannel> open(uint32_t bind_ipv4, uint16_t port, std::string &error);
  ~UdpChannel() override;

  void send(const SmAddress &to, const SmBytes &bytes) override;
  bool receive(SmDatagram &datagram) override;
  std::optional<uint32_t> resolve(const std::string &host) override;
  uint16_t port() const { return port_; }
  int descriptor() const { return socket_; }

 private:
  UdpChannel(int socket, uint16_t port) : socket_(socket), port_(port) {}

  int socket_;
  uint16_t port_;
  std::array<uint8_t, 512> received_{};
};

} // namespace sledge::rpc
