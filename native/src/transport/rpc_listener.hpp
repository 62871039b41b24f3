// rpc_listener.hpp - an address for session management, and the functions behind it.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rpc/dpdk_backend.hpp"
#include "rpc/endpoint.hpp"
#include "rpc/udp_backend.hpp"

namespace sledge::transport {

struct RpcRoute {
  uint32_t function = 0; ///< id in the data plane, below 2^20
  uint64_t input_bytes_max = 0;
  uint32_t trial = 0;       ///< with a share: another version of it, that gets so many requests
  uint32_t trial_share = 0; ///< of 2^32; 0: none
  uint64_t trial_input_bytes_max = 0;
};

/// Functions by request type. Any thread: one sets, many look.
class RpcRoutes {
 public:
  /// Who looks meanwhile may see the one of two versions that was and the other that is.
  void set(uint8_t type, const std::optional<RpcRoute> &route) {
    constexpr uint64_t bytes_max = (uint64_t{1} << function_shift) - 1;
    const uint64_t word = route ? (uint64_t{route->function} + 1) << function_shift |
                                      std::min<uint64_t>(route->input_bytes_max, bytes_max)
                                : 0;
    const uint64_t trial =
        route && route->trial_share != 0 ? uint64_t{route->trial} << 32 | route->trial_share : 0;
    trial_bytes_[type].store(route ? route->trial_input_bytes_max : 0, std::memory_order_release);
    trials_[type].store(trial, std::memory_order_release);
    words_[type].store(word, std::memory_order_release);
  }
  /// Whose the next request is: of two versions in turn by their shares, as evenly as whole
  /// requests can be (Bresenham's line), whichever threads ask. What is too large for the version
  /// under trial is the other's.
  std::optional<RpcRoute> next(uint8_t type, uint64_t input_bytes) {
    std::optional<RpcRoute> route = find(type);
    const uint64_t trial = trials_[type].load(std::memory_order_acquire);
    if (!route || trial == 0) [[likely]] {
      return route;
    }
    const uint64_t bytes_max = trial_bytes_[type].load(std::memory_order_acquire);
    if (input_bytes > bytes_max) {
      return route;
    }
    const auto share = static_cast<uint32_t>(trial);
    const uint32_t before = credits_[type].fetch_add(share, std::memory_order_relaxed);
    if (before + share < before) { // a whole request has come together
      route->function = static_cast<uint32_t>(trial >> 32);
      route->input_bytes_max = bytes_max;
    }
    return route;
  }
  std::optional<RpcRoute> find(uint8_t type) const {
    const uint64_t word = words_[type].load(std::memory_order_acquire);
    if (word == 0) {
      return std::nullopt;
    }
    return RpcRoute{static_cast<uint32_t>((word >> function_shift) - 1),
                    word & ((uint64_t{1} << function_shift) - 1)};
  }

 private:
  static constexpr unsigned function_shift = 40;
  std::array<std::atomic<uint64_t>, 256> words_{};
  std::array<std::atomic<uint64_t>, 256> trials_{};
  std::array<std::atomic<uint64_t>, 256> trial_bytes_{};
  std::array<std::atomic<uint32_t>, 256> credits_{};
};

struct RpcListenerOptions {
  bool dpdk = false;
  rpc::UdpOptions udp; ///< port: of the first poller, the next ones follow; 0: any free ones
  rpc::DpdkOptions dpdk_options;
  uint32_t sm_ipv4 = 0x7F000001; ///< host order
  rpc::RpcOptions rpc;           ///< its sm_port 0: any free one
  /// By tenant: the session-management port of its clients, 0: any.
  std::vector<uint16_t> client_ports{0};
};

/// What the Rpcs of all pollers share of one address.
class RpcListener {
 public:
  /// Null with `error` filled.
  static std::unique_ptr<RpcListener> open(const RpcListenerOptions &options, uint32_t poller_count,
                                           std::string &error);

  const RpcListenerOptions &options() const { return options_; }
  uint16_t sm_port() const { return channel_->port(); }
  rpc::UdpChannel &channel() { return *channel_; }
  rpc::Endpoint &endpoint() { return *endpoint_; }
  /// The way of one poller's packets; `descriptor` is -1 where there is nothing to wait for.
  std::unique_ptr<rpc::Backend> backend(uint32_t poller, int &descriptor, std::string &error);

  RpcRoutes &routes(size_t tenant) { return tenants_[tenant]->routes; }
  size_t tenant_count() const { return tenants_.size(); }
  std::optional<RpcRoute> next(uint16_t client_port, uint8_t type, uint64_t input_bytes) const;

 private:
  struct Tenant {
    uint16_t client_port = 0;
    RpcRoutes routes;
  };
  explicit RpcListener(const RpcListenerOptions &options);

  const RpcListenerOptions options_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::unique_ptr<rpc::DpdkPort> port_;
  std::unique_ptr<rpc::UdpChannel> channel_;
  std::unique_ptr<rpc::Endpoint> endpoint_;
};

} // namespace sledge::transport
