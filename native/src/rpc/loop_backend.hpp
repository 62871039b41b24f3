// loop_backend.hpp - a network inside the process, with seeded faults and a clock of its own.
//
// For tests and benchmarks: everything on one network is used by one thread.
#pragma once
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include "rpc/backend.hpp"

namespace sledge::rpc {

class LoopBackend;
class LoopChannel;

/// What the network does to packets. All zero: packets arrive at once and in order.
struct LoopFaults {
  double loss = 0; ///< probability, 0 to 1
  double duplicate = 0;
  double reorder = 0; ///< probability of an extra delay of up to `reorder_ns`
  uint64_t latency_ns = 0;
  uint64_t reorder_ns = 0;
  uint64_t seed = 1;
};

class LoopNetwork {
 public:
  LoopNetwork() = default;
  explicit LoopNetwork(const LoopFaults &faults) { set_faults(faults); }
  LoopNetwork(const LoopNetwork &) = delete;
  LoopNetwork &operator=(const LoopNetwork &) = delete;

  void set_faults(const LoopFaults &faults);

  /// Moves the clock and delivers what is due.
  void advance(uint64_t now_ns);
  uint64_t now_ns() const { return now_ns_; }
  /// When the next packet is due; the largest number when none is under way.
  uint64_t next_delivery_ns() const;
  uint64_t lost() const { return lost_; }
  uint64_t overflowed() const { return overflowed_; }

 private:
  friend class LoopBackend;
  friend class LoopChannel;

  struct Flight {
    uint64_t due_ns;
    uint64_t sequence;
    uint64_t to;
    uint32_t source_ipv4;
    bool management;
    std::vector<uint8_t> bytes;
  };
  struct Later {
    bool operator()(const Flight &left, const Flight &right) const {
      return left.due_ns != right.due_ns ? left.due_ns > right.due_ns
                                         : left.sequence > right.sequence;
    }
  };

  double chance();
  void carry(uint64_t to, uint32_t source_ipv4, bool management, const std::vector<uint8_t> &bytes);
  void deliver(const Flight &flight);
  LoopBackend *backend_at(uint64_t address) const;

  LoopFaults faults_;
  bool faulty_ = false;
  uint64_t now_ns_ = 0;
  uint64_t random_state_ = 1;
  uint64_t sequence_ = 0;
  uint64_t lost_ = 0;
  uint64_t overflowed_ = 0;
  std::priority_queue<Flight, std::vector<Flight>, Later> flights_;
  std::unordered_map<uint64_t, LoopBackend *> backends_;
  std::unordered_map<uint64_t, LoopChannel *> channels_;
};

class LoopBackend final : public Backend {
 public:
  LoopBackend(LoopNetwork &network, const RoutingInfo &routing, uint32_t ring_packets = 4096);
  ~LoopBackend() override;

  const RoutingInfo &routing() const override { return routing_; }
  void send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
            std::span<const uint8_t> data) override;
  void flush() override {}
  size_t receive(std::span<RxPacket> out) override;
  bool idle() const { return served_ == serving_.used && incoming_.packets == 0; }

 private:
  friend class LoopNetwork;

  struct Record {
    uint32_t bytes;
    uint32_t source_ipv4;
  };
  struct Store {
    std::unique_ptr<uint8_t[]> memory;
    size_t used = 0;
    uint32_t packets = 0;
  };

  void push(uint32_t source_ipv4, std::span<const uint8_t> head, std::span<const uint8_t> tail);

  LoopNetwork &network_;
  RoutingInfo routing_;
  uint32_t ring_packets_;
  Store incoming_;
  Store serving_;
  size_t served_ = 0;
  uint64_t cached_address_ = 0;
  LoopBackend *cached_ = nullptr;
};

class LoopChannel final : public SmChannel {
 public:
  LoopChannel(LoopNetwork &network, const SmAddress &address);
  ~LoopChannel() override;

  void send(const SmAddress &to, const SmBytes &bytes) override;
  bool receive(SmDatagram &datagram) override;
  std::optional<uint32_t> resolve(const std::string &host) override { return parse_ipv4(host); }
  bool idle() const { return waiting_.empty(); }

 private:
  friend class LoopNetwork;
  struct Waiting {
    uint32_t source_ipv4;
    std::vector<uint8_t> bytes;
  };

  LoopNetwork &network_;
  SmAddress address_;
  std::queue<Waiting> waiting_;
  Waiting current_;
};

} // namespace sledge::rpc
