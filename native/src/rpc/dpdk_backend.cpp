#include "rpc/dpdk_backend.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>

namespace sledge::rpc {
namespace {

constexpr size_t kDeviceBytesMax = 256;
constexpr uint16_t kRetaWithoutRss = 128; // advertised by a device of one queue

bool is_pci_address(const std::string &text) {
  static constexpr char kShape[] = "hhhh:hh:hh.d";
  if (text.size() != sizeof kShape - 1)
    return false;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool fits = kShape[at] == 'h'   ? std::isxdigit(byte) != 0
                      : kShape[at] == 'd' ? byte >= '0' && byte <= '7'
                                          : text[at] == kShape[at];
    if (!fits)
      return false;
  }
  return true;
}

/// Null with `error` filled.
const sledge_dpdk_table *load_table(const std::string &library, std::string &error) {
  void *object = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (object == nullptr) {
    error = ::dlerror();
    return nullptr;
  }
  const auto *table = static_cast<const sledge_dpdk_table *>(::dlsym(object, SLEDGE_DPDK_SYMBOL));
  if (table == nullptr || table->abi_version != SLEDGE_DPDK_ABI_VERSION ||
      table->struct_bytes < sizeof(sledge_dpdk_table)) {
    error = library + " is no DPDK backend of this version";
    return nullptr;
  }
  return table;
}

} // namespace

const char *check_dpdk_device(const std::string &device) {
  if (is_pci_address(device))
    return nullptr;
  if (device.empty() || device.size() > kDeviceBytesMax)
    return "a device is a PCI address or a virtual device of at most 256 characters";
  const bool plain = std::all_of(device.begin(), device.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || strchr("_,=.:/-", c) != nullptr;
  });
  if (!plain)
    return "a device holds letters, digits and _ , = . : / - only";
  if (device.rfind("net_", 0) != 0)
    return "a virtual device begins with net_, as in net_af_packet0,iface=veth0";
  return nullptr;
}

/// One queue of the port: an Rpc's frames out and in.
class DpdkPort::Queue final : public Backend {
 public:
  Queue(DpdkPort &port, uint32_t number) : port_(port), number_(number) {
    routing_.mac = port.mac_;
    routing_.ipv4 = port.ipv4_;
    routing_.udp_port = static_cast<uint16_t>(kDataPortFirst + number);
    routing_.rx_queue = static_cast<uint16_t>(number);
    routing_.reta_size = port.reta_size_ != 0 ? port.reta_size_ : kRetaWithoutRss;
  }

  const RoutingInfo &routing() const override { return routing_; }

  void send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
            std::span<const uint8_t> data) override {
    const size_t payload_bytes = header.size() + data.size();
    const auto frame_bytes = static_cast<uint32_t>(kFrameHeaderBytes + payload_bytes);
    uint8_t *out = port_.table_->reserve(port_.port_, number_, frame_bytes);
    if (out == nullptr) {
      ++counters().send_drops;
      return;
    }
    FrameHeader frame = route.header;
    complete_frame_header(frame, payload_bytes);
    std::memcpy(out, frame.data(), frame.size());
    std::memcpy(out + frame.size(), header.data(), header.size());
    if (!data.empty())
      std::memcpy(out + frame.size() + header.size(), data.data(), data.size());
    port_.table_->commit(port_.port_, number_);
  }

  void flush() override { counters().send_drops += port_.table_->flush(port_.port_, number_); }

  size_t receive(std::span<RxPacket> out) override {
    std::array<sledge_dpdk_frame, kBurstPackets> frames;
    const auto limit = static_cast<uint32_t>(std::min(out.size(), frames.size()));
    const uint32_t received = port_.table_->receive(port_.port_, number_, frames.data(), limit);
    size_t count = 0;
    for (uint32_t at = 0; at < received; ++at) {
      const auto frame = parse_frame({frames[at].bytes, frames[at].length});
      if (!frame || frame->destination_ipv4 != routing_.ipv4 ||
          frame->destination_port != routing_.udp_port) {
        ++counters().foreign_frames;
        continue;
      }
      out[count++] = {frame->payload, frame->source_ipv4};
    }
    return count;
  }

 private:
  DpdkCounters &counters() { return port_.counters_[number_]; }

  DpdkPort &port_;
  const uint32_t number_;
  RoutingInfo routing_;
};

std::unique_ptr<DpdkPort> DpdkPort::open(const DpdkOptions &options, std::string &error) {
  if (const char *wrong = check_dpdk_device(options.device)) {
    error = wrong;
    return nullptr;
  }
  if (options.queue_count == 0 || options.queue_count > kRssQueuesDefault) {
    error = "a device has 1 to 16 queues";
    return nullptr;
  }
  std::unique_ptr<DpdkPort> port(new DpdkPort);
  port->table_ = load_table(options.library, error);
  if (port->table_ == nullptr)
    return nullptr;
  std::array<char, 256> message{};
  const char *pci_address = is_pci_address(options.device) ? options.device.c_str() : nullptr;
  const sledge_dpdk_environment environment{options.huge_pages ? 1u : 0u, options.memory_mib,
                                            options.core, 0, pci_address};
  if (port->table_->start(&environment, message.data(), message.size()) != 0) {
    error = message.data();
    return nullptr;
  }
  const sledge_dpdk_port_options wanted{options.device.c_str(), options.queue_count,
                                        options.ring_entries};
  sledge_dpdk_port_info info{};
  port->port_ = port->table_->open(&wanted, &info, message.data(), message.size());
  if (port->port_ == nullptr) {
    error = message.data();
    return nullptr;
  }
  std::copy(std::begin(info.mac), std::end(info.mac), port->mac_.begin());
  port->ipv4_ = options.ipv4 != 0 ? options.ipv4 : ipv4_of_mac(port->mac_);
  port->reta_size_ = info.reta_size;
  port->counters_.resize(options.queue_count);
  return port;
}

DpdkPort::~DpdkPort() {
  if (port_ != nullptr)
    table_->close(port_);
}

std::unique_ptr<Backend> DpdkPort::queue(uint32_t number) {
  return number < queue_count() ? std::make_unique<Queue>(*this, number) : nullptr;
}

} // namespace sledge::rpc
