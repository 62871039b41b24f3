// port.hpp - one Ethernet device of DPDK with its queues.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "rpc/dpdk_table.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_device;

namespace sledge::dpdk {

inline constexpr uint16_t burst_frames = 32;

/// What one thread sends and receives on. Aligned: queues of different threads share no line.
struct alignas(64) Queue {
  std::array<rte_mbuf *, burst_frames> outgoing{};
  uint16_t outgoing_count = 0;
  uint32_t refused = 0; ///< since the last flush
  std::array<rte_mbuf *, burst_frames> lent{};
  uint16_t lent_count = 0;
};

class Port {
 public:
  /// On the control thread, after the environment has started.
  static std::unique_ptr<Port> open(const sledge_dpdk_port_options &options,
                                    sledge_dpdk_port_info &info, std::string &error);
  /// On the control thread.
  ~Port();
  Port(const Port &) = delete;
  Port &operator=(const Port &) = delete;

  uint8_t *reserve(uint32_t queue, uint32_t room);
  void commit(uint32_t queue) { queues_[queue].outgoing_count++; }
  uint32_t flush(uint32_t queue);
  uint32_t receive(uint32_t queue, sledge_dpdk_frame *frames, uint32_t count);

 private:
  Port() = default;
  bool configure(const sledge_dpdk_port_options &options, sledge_dpdk_port_info &info,
                 std::string &error);
  bool set_up_queues(uint32_t ring_entries, std::string &error);
  bool spread_over_queues(uint16_t reta_size, std::string &error);
  void send(Queue &queue, uint32_t number);

  uint16_t id_ = 0;
  bool started_ = false;
  rte_device *device_ = nullptr;
  rte_mempool *pool_ = nullptr;
  std::vector<Queue> queues_;
};

} // namespace sledge::dpdk
