#include "transport/rpc_listener.hpp"

namespace sledge::transport {

RpcListener::RpcListener(const RpcListenerOptions &options) : options_(options) {
  for (const uint16_t client_port : options.client_ports) {
    tenants_.push_back(std::make_unique<Tenant>());
    tenants_.back()->client_port = client_port;
  }
}

std::unique_ptr<RpcListener> RpcListener::open(const RpcListenerOptions &options,
                                               uint32_t poller_count, std::string &error) {
  std::unique_ptr<RpcListener> listener(new RpcListener(options));
  if (options.dpdk) {
    rpc::DpdkOptions dpdk = options.dpdk_options;
    dpdk.queue_count = poller_count;
    listener->port_ = rpc::DpdkPort::open(dpdk, error);
    if (listener->port_ == nullptr) {
      return nullptr;
    }
  }
  listener->channel_ = rpc::UdpChannel::open(options.sm_ipv4, options.rpc.sm_port, error);
  if (listener->channel_ == nullptr) {
    return nullptr;
  }
  listener->endpoint_ = std::make_unique<rpc::Endpoint>(*listener->channel_);
  return listener;
}

std::unique_ptr<rpc::Backend> RpcListener::backend(uint32_t poller, int &descriptor,
                                                   std::string &error) {
  descriptor = -1;
  if (port_ != nullptr) {
    return port_->queue(poller);
  }
  rpc::UdpOptions udp = options_.udp;
  udp.port = udp.port == 0 ? 0 : static_cast<uint16_t>(udp.port + poller);
  auto backend = rpc::UdpBackend::open(udp, error);
  if (backend != nullptr) {
    descriptor = backend->descriptor();
  }
  return backend;
}

std::optional<RpcRoute> RpcListener::next(uint16_t client_port, uint8_t type,
                                          uint64_t input_bytes) const {
  for (const auto &tenant : tenants_) {
    if (tenant->client_port == 0 || tenant->client_port == client_port) {
      return tenant->routes.next(type, input_bytes);
    }
  }
  return std::nullopt;
}

} // namespace sledge::transport
