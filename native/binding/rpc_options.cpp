#include "rpc_options.hpp"

#include "values.hpp"

namespace sledge::binding {

namespace {

/// 0 for an empty text; UINT32_MAX with `problem` filled for what is no address.
uint32_t ipv4_of(const Napi::Object &from, const char *name, std::string &problem) {
  const std::string text = text_of(from, name);
  if (text.empty()) {
    return 0;
  }
  const auto address = rpc::parse_ipv4(text);
  if (!address) {
    problem = std::string(name) + " is no IPv4 address: " + text;
  }
  return address.value_or(UINT32_MAX);
}

} // namespace

std::string read_rpc_end(const Napi::Object &from, RpcEndOptions &options) {
  std::string problem;
  options.dpdk = text_of(from, "backend") == "dpdk";
  const uint32_t data_ipv4 = ipv4_of(from, "dataHost", problem);
  options.sm_ipv4 = ipv4_of(from, "host", problem);
  options.udp.bind_ipv4 = data_ipv4 != 0 ? data_ipv4 : options.sm_ipv4;
  options.udp.port = static_cast<uint16_t>(uint_of(from, "dataPort"));
  options.udp.advertise_ipv4 = ipv4_of(from, "advertiseHost", problem);
  options.udp.busy_poll_us = uint_of(from, "busyPollUs");
  rpc::DpdkOptions &dpdk = options.dpdk_options;
  dpdk.library = text_of(from, "library");
  dpdk.device = text_of(from, "device");
  dpdk.ipv4 = data_ipv4;
  dpdk.queue_count = std::max(1u, uint_of(from, "queues"));
  dpdk.huge_pages = from.Get("hugePages").ToBoolean().Value();
  dpdk.memory_mib = uint_of(from, "memoryMib");
  rpc::RpcOptions &rpc = options.rpc;
  const std::string advertised = text_of(from, "advertiseHost");
  rpc.host = advertised.empty() ? text_of(from, "host") : advertised;
  rpc.sm_port = static_cast<uint16_t>(uint_of(from, "port"));
  rpc.request_window = uint_of(from, "requestWindow");
  rpc.credits = uint_of(from, "credits");
  rpc.rx_ring_entries = uint_of(from, "ringEntries");
  rpc.rss_queues = static_cast<uint16_t>(uint_of(from, "rssQueues"));
  rpc.seed = static_cast<uint64_t>(number_of(from, "seed"));
  return problem;
}

} // namespace sledge::binding
