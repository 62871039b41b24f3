// dpdk_backend.hpp - eRPC over DPDK: frames made and checked here, a device behind a C table.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "rpc/backend.hpp"
#include "rpc/dpdk_table.h"

namespace sledge::rpc {

struct DpdkOptions {
  std::string library; ///< path of the backend's shared object
  std::string device;  ///< "net_af_packet0,iface=veth0", or a PCI address "0000:03:00.0"
  uint32_t ipv4 = 0;   ///< host order; 0: made from the MAC, as bare-metal eRPC does
  uint32_t queue_count = 1;
  uint32_t ring_entries = 1024;
  bool huge_pages = true;
  uint32_t memory_mib = 64; ///< without huge pages
  uint32_t core = 0;        ///< of DPDK's main thread, which sleeps
};

struct DpdkCounters {
  uint64_t send_drops = 0;     ///< frames that the device did not take
  uint64_t foreign_frames = 0; ///< received, not UDP over IPv4 for this address and port
};

/// A device with its queues. Queue n is the backend of one Rpc, at data port 10000 + n.
/// Backends must end before their port.
class DpdkPort {
 public:
  /// Null with `error` filled: no library, no such device, no rights, a malformed device string.
  /// Blocks; any thread. DPDK starts with the first port of a process, and its options then hold.
  static std::unique_ptr<DpdkPort> open(const DpdkOptions &options, std::string &error);
  ~DpdkPort();
  DpdkPort(const DpdkPort &) = delete;
  DpdkPort &operator=(const DpdkPort &) = delete;

  /// The backend of a queue below `queue_count`.
  std::unique_ptr<Backend> queue(uint32_t number);
  const DpdkCounters &counters(uint32_t queue) const { return counters_[queue]; }
  uint32_t queue_count() const { return static_cast<uint32_t>(counters_.size()); }
  const std::array<uint8_t, 6> &mac() const { return mac_; }
  uint32_t ipv4() const { return ipv4_; }

 private:
  class Queue;
  DpdkPort() = default;

  const sledge_dpdk_table *table_ = nullptr;
  sledge_dpdk_port *port_ = nullptr;
  std::array<uint8_t, 6> mac_{};
  uint32_t ipv4_ = 0;
  uint16_t reta_size_ = 0;
  std::vector<DpdkCounters> counters_;
};

/// What is wrong with a device string, or null. Only these shapes reach DPDK.
const char *check_dpdk_device(const std::string &device);

} // namespace sledge::rpc
