#include "port.hpp"

#include <algorithm>
#include <cstring>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace sledge::dpdk {
namespace {

constexpr uint16_t send_entries = 128;
constexpr uint16_t rss_queues = 16; // the modulus of every peer's search for a source port

/// The key that peers compute the queue of a packet with.
constexpr std::array<uint8_t, 40> rss_key = {
    0x2c, 0xc6, 0x81, 0xd1, 0x5b, 0xdb, 0xf4, 0xf7, 0xfc, 0xa2, 0x83, 0x19, 0xdb, 0x1a,
    0x3e, 0x94, 0x6b, 0x9e, 0x38, 0xd9, 0x2c, 0x9c, 0x03, 0xd1, 0xad, 0x99, 0x44, 0xa7,
    0xd9, 0x56, 0x3d, 0x59, 0x06, 0x3c, 0x25, 0xf3, 0xfc, 0x1f, 0xdc, 0x2a};

std::string failure(const char *what, int result) {
  return std::string(what) + ": " + rte_strerror(result < 0 ? -result : rte_errno);
}

/// The part of a device string that names the device.
std::string name_of(const std::string &device) {
  return device.substr(0, device.find(','));
}

} // namespace

std::unique_ptr<Port> Port::open(const sledge_dpdk_port_options &options,
                                 sledge_dpdk_port_info &info, std::string &error) {
  std::unique_ptr<Port> port(new Port);
  const std::string name = name_of(options.device);
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0 && rte_eth_dev_is_valid_port(id) != 0) {
    error = name + " is in use";
    return nullptr;
  }
  const int probed = rte_dev_probe(options.device);
  // A device that cannot open its interface may still count as probed.
  if (probed != 0 || rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
    rte_eal_hotplug_remove("vdev", name.c_str());
    error = std::string("no device ") + options.device +
            " (no such interface, no driver for it, or no right to it: CAP_NET_RAW)";
    return nullptr;
  }
  port->id_ = id;
  port->queues_.resize(options.queue_count);
  return port->configure(options, info, error) ? std::move(port) : nullptr;
}

bool Port::configure(const sledge_dpdk_port_options &options, sledge_dpdk_port_info &info,
                     std::string &error) {
  rte_eth_dev_info device{};
  if (const int result = rte_eth_dev_info_get(id_, &device); result != 0) {
    error = failure("device information", result);
    return false;
  }
  device_ = device.device;
  const auto queues = static_cast<uint16_t>(queues_.size());
  const bool spreads = queues > 1;
  if (spreads &&
      (device.reta_size == 0 || device.max_rx_queues < queues || device.max_tx_queues < queues)) {
    error = std::string(options.device) + " has one queue only: it cannot spread packets by RSS";
    return false;
  }
  rte_eth_conf conf{};
  std::array<uint8_t, rss_key.size()> key = rss_key;
  if (spreads) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = {key.data(), static_cast<uint8_t>(key.size()),
                                 RTE_ETH_RSS_NONFRAG_IPV4_UDP};
  }
  if (const int result = rte_eth_dev_configure(id_, queues, queues, &conf); result != 0) {
    error = failure("device configuration", result);
    return false;
  }
  if (!set_up_queues(options.ring_entries, error)) {
    return false;
  }
  if (const int result = rte_eth_dev_start(id_); result != 0) {
    error = failure("device start", result);
    return false;
  }
  started_ = true;
  if (spreads && !spread_over_queues(device.reta_size, error)) {
    return false;
  }
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), std::begin(info.mac));
  info.reta_size = spreads ? device.reta_size : 0;
  return true;
}

bool Port::set_up_queues(uint32_t ring_entries, std::string &error) {
  auto receive_entries = static_cast<uint16_t>(std::clamp(ring_entries, 64u, 32'768u));
  uint16_t tx_entries = send_entries;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive_entries, &tx_entries);
  const auto queues = static_cast<uint32_t>(queues_.size());
  const uint32_t per_queue = receive_entries + tx_entries + 4u * burst_frames;
  const std::string pool_name = "sledge_port_" + std::to_string(id_);
  pool_ = rte_pktmbuf_pool_create(pool_name.c_str(), queues * per_queue, 0, 0,
                                  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) {
    error = failure("memory for packets", 0) + " (raise memoryMib, or have huge pages)";
    return false;
  }
  for (uint16_t queue = 0; queue < queues; queue++) {
    const int rx =
        rte_eth_rx_queue_setup(id_, queue, receive_entries, SOCKET_ID_ANY, nullptr, pool_);
    const int tx = rte_eth_tx_queue_setup(id_, queue, tx_entries, SOCKET_ID_ANY, nullptr);
    if (rx != 0 || tx != 0) {
      error = failure("queue set-up", rx != 0 ? rx : tx);
      return false;
    }
  }
  return true;
}

/// Entry i leads to queue i mod 16, as peers assume; to queue 0 where there is none such.
bool Port::spread_over_queues(uint16_t reta_size, std::string &error) {
  std::vector<rte_eth_rss_reta_entry64> table((reta_size + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                              RTE_ETH_RETA_GROUP_SIZE);
  for (uint16_t at = 0; at < reta_size; at++) {
    rte_eth_rss_reta_entry64 &group = table[at / RTE_ETH_RETA_GROUP_SIZE];
    const auto queue = static_cast<uint16_t>(at % rss_queues);
    group.mask |= 1ull << (at % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[at % RTE_ETH_RETA_GROUP_SIZE] = queue < queues_.size() ? queue : uint16_t{0};
  }
  if (const int result = rte_eth_dev_rss_reta_update(id_, table.data(), reta_size); result != 0) {
    error = failure("spreading over queues", result);
    return false;
  }
  return true;
}

Port::~Port() {
  for (Queue &queue : queues_) {
    rte_pktmbuf_free_bulk(queue.outgoing.data(), queue.outgoing_count);
    rte_pktmbuf_free_bulk(queue.lent.data(), queue.lent_count);
  }
  if (started_) {
    rte_eth_dev_stop(id_);
  }
  rte_eth_dev_close(id_);
  if (device_ != nullptr) {
    rte_dev_remove(device_);
  }
  rte_mempool_free(pool_);
}

uint8_t *Port::reserve(uint32_t number, uint32_t room) {
  Queue &queue = queues_[number];
  if (queue.outgoing_count == burst_frames) {
    send(queue, number);
  }
  rte_mbuf *frame = rte_pktmbuf_alloc(pool_);
  char *bytes = frame != nullptr ? rte_pktmbuf_append(frame, static_cast<uint16_t>(room)) : nullptr;
  if (bytes == nullptr) {
    rte_pktmbuf_free(frame);
    return nullptr;
  }
  queue.outgoing[queue.outgoing_count] = frame;
  return reinterpret_cast<uint8_t *>(bytes);
}

void Port::send(Queue &queue, uint32_t number) {
  const uint16_t count = queue.outgoing_count;
  const uint16_t sent =
      rte_eth_tx_burst(id_, static_cast<uint16_t>(number), queue.outgoing.data(), count);
  rte_pktmbuf_free_bulk(queue.outgoing.data() + sent, count - sent);
  queue.refused += static_cast<uint32_t>(count - sent);
  queue.outgoing_count = 0;
}

uint32_t Port::flush(uint32_t number) {
  Queue &queue = queues_[number];
  if (queue.outgoing_count != 0) {
    send(queue, number);
  }
  const uint32_t refused = queue.refused;
  queue.refused = 0;
  return refused;
}

uint32_t Port::receive(uint32_t number, sledge_dpdk_frame *frames, uint32_t count) {
  Queue &queue = queues_[number];
  rte_pktmbuf_free_bulk(queue.lent.data(), queue.lent_count);
  const auto limit = static_cast<uint16_t>(std::min<uint32_t>(count, burst_frames));
  queue.lent_count = rte_eth_rx_burst(id_, static_cast<uint16_t>(number), queue.lent.data(), limit);
  for (uint16_t at = 0; at < queue.lent_count; at++) {
    const rte_mbuf *frame = queue.lent[at];
    frames[at] = {rte_pktmbuf_mtod(frame, const uint8_t *), frame->data_len, 0};
  }
  return queue.lent_count;
}

} // namespace sledge::dpdk
