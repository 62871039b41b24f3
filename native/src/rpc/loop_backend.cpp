#include "rpc/loop_backend.hpp"

#include <algorithm>

namespace sledge::rpc {
namespace {

constexpr size_t kRecordBytesMax = 8 + (kPacketBytesMax + 7) / 8 * 8;
constexpr size_t kChannelMax = 4096;

uint64_t address_of(uint32_t ipv4, uint16_t port) {
  return uint64_t{ipv4} << 16 | port;
}

} // namespace

void LoopNetwork::set_faults(const LoopFaults &faults) {
  faults_ = faults;
  random_state_ = faults.seed;
  faulty_ = faults.loss > 0 || faults.duplicate > 0 || faults.reorder > 0 || faults.latency_ns > 0;
}

double LoopNetwork::chance() {
  random_state_ = random_state_ * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(random_state_ >> 11) * 0x1p-53;
}

uint64_t LoopNetwork::next_delivery_ns() const {
  return flights_.empty() ? ~uint64_t{0} : flights_.top().due_ns;
}

void LoopNetwork::carry(uint64_t to, uint32_t source_ipv4, bool management,
                        const std::vector<uint8_t> &bytes) {
  if (chance() < faults_.loss) {
    ++lost_;
    return;
  }
  const int copies = chance() < faults_.duplicate ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    uint64_t due_ns = now_ns_ + faults_.latency_ns;
    if (chance() < faults_.reorder)
      due_ns += static_cast<uint64_t>(chance() * static_cast<double>(faults_.reorder_ns));
    flights_.push({due_ns, ++sequence_, to, source_ipv4, management, bytes});
  }
}

void LoopNetwork::advance(uint64_t now_ns) {
  now_ns_ = now_ns;
  while (!flights_.empty() && flights_.top().due_ns <= now_ns) {
    deliver(flights_.top());
    flights_.pop();
  }
}

LoopBackend *LoopNetwork::backend_at(uint64_t address) const {
  const auto found = backends_.find(address);
  return found == backends_.end() ? nullptr : found->second;
}

void LoopNetwork::deliver(const Flight &flight) {
  if (!flight.management) {
    if (LoopBackend *backend = backend_at(flight.to))
      backend->push(flight.source_ipv4, flight.bytes, {});
    return;
  }
  const auto found = channels_.find(flight.to);
  if (found == channels_.end())
    return;
  if (found->second->waiting_.size() >= kChannelMax) {
    ++overflowed_;
    return;
  }
  found->second->waiting_.push({flight.source_ipv4, flight.bytes});
}

LoopBackend::LoopBackend(LoopNetwork &network, const RoutingInfo &routing, uint32_t ring_packets)
    : network_(network), routing_(routing), ring_packets_(ring_packets) {
  incoming_.memory.reset(new uint8_t[kRecordBytesMax * ring_packets]);
  serving_.memory.reset(new uint8_t[kRecordBytesMax * ring_packets]);
  network_.backends_[address_of(routing.ipv4, routing.udp_port)] = this;
}

LoopBackend::~LoopBackend() {
  network_.backends_.erase(address_of(routing_.ipv4, routing_.udp_port));
  for (auto &[address, backend] : network_.backends_)
    backend->cached_ = nullptr;
}

void LoopBackend::send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
                       std::span<const uint8_t> data) {
  const uint64_t to = address_of(route.ipv4, route.udp_port);
  if (network_.faulty_) {
    std::vector<uint8_t> bytes(header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    network_.carry(to, routing_.ipv4, false, bytes);
    return;
  }
  if (cached_ == nullptr || cached_address_ != to) {
    cached_ = network_.backend_at(to);
    cached_address_ = to;
  }
  if (cached_ != nullptr)
    cached_->push(routing_.ipv4, header, data);
}

void LoopBackend::push(uint32_t source_ipv4, std::span<const uint8_t> head,
                       std::span<const uint8_t> tail) {
  if (incoming_.packets == ring_packets_) {
    ++network_.overflowed_;
    return;
  }
  const Record record{static_cast<uint32_t>(head.size() + tail.size()), source_ipv4};
  uint8_t *at = incoming_.memory.get() + incoming_.used;
  std::memcpy(at, &record, sizeof record);
  std::memcpy(at + sizeof record, head.data(), head.size());
  if (!tail.empty())
    std::memcpy(at + sizeof record + head.size(), tail.data(), tail.size());
  incoming_.used += sizeof record + (record.bytes + 7) / 8 * 8;
  ++incoming_.packets;
}

size_t LoopBackend::receive(std::span<RxPacket> out) {
  if (served_ == serving_.used) {
    std::swap(incoming_, serving_);
    incoming_.used = 0;
    incoming_.packets = 0;
    served_ = 0;
  }
  size_t count = 0;
  while (count < out.size() && served_ < serving_.used) {
    Record record;
    const uint8_t *at = serving_.memory.get() + served_;
    std::memcpy(&record, at, sizeof record);
    out[count++] = {{at + sizeof record, record.bytes}, record.source_ipv4};
    served_ += sizeof record + (record.bytes + 7) / 8 * 8;
  }
  return count;
}

LoopChannel::LoopChannel(LoopNetwork &network, const SmAddress &address)
    : network_(network), address_(address) {
  network_.channels_[address_of(address.ipv4, address.port)] = this;
}

LoopChannel::~LoopChannel() {
  network_.channels_.erase(address_of(address_.ipv4, address_.port));
}

void LoopChannel::send(const SmAddress &to, const SmBytes &bytes) {
  const uint64_t address = address_of(to.ipv4, to.port);
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  if (network_.faulty_)
    network_.carry(address, address_.ipv4, true, copy);
  else
    network_.deliver({0, 0, address, address_.ipv4, true, std::move(copy)});
}

bool LoopChannel::receive(SmDatagram &datagram) {
  if (waiting_.empty())
    return false;
  current_ = std::move(waiting_.front());
  waiting_.pop();
  datagram = {current_.bytes, current_.source_ipv4};
  return true;
}

} // namespace sledge::rpc
