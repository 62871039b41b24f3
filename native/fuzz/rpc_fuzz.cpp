// Structure-aware fuzzer of the eRPC core: the input is a program of steps that a hostile peer and
// the application take against one Rpc in both roles. Sanitizers find what goes wrong; the checks
// here hold the rules that no sanitizer knows.
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "rpc/capture.hpp"
#include "rpc/endpoint.hpp"

namespace {

using namespace sledge::rpc;

constexpr uint32_t kLocalIpv4 = 0x0A4D0001;
constexpr uint32_t kPeerIpv4 = 0x0A4D0002;
constexpr uint64_t kMemoryMax = 64 << 10;
constexpr uint8_t kRawPacket = 250; ///< kinds of steps from here on: bytes as they are
constexpr uint8_t kRawDatagram = 253;
/// Mistakes at a boundary show a few bytes beside it.
constexpr std::array<int32_t, 8> kBeside = {0, 0, 0, 0, 1, -1, -2, -14};

void require(bool holds, const char *what) {
  if (holds)
    return;
  std::fprintf(stderr, "rule broken: %s\n", what);
  std::abort();
}

/// The steps, read from the input's bytes; zeros when it is used up.
class Input {
 public:
  Input(const uint8_t *data, size_t size) : at_(data), end_(data + size) {}
  bool left() const { return at_ < end_; }
  uint8_t byte() { return left() ? *at_++ : 0; }
  uint16_t word() { return static_cast<uint16_t>(byte() | byte() << 8); }
  /// Mostly small numbers, now and then any.
  uint32_t number() {
    const uint8_t first = byte();
    if (first < 0xF0)
      return first;
    return static_cast<uint32_t>(word()) | static_cast<uint32_t>(word()) << 16;
  }

 private:
  const uint8_t *at_;
  const uint8_t *end_;
};

class Network final : public Backend, public SmChannel {
 public:
  const RoutingInfo &routing() const override { return routing_; }
  void send(const Route &, std::span<const uint8_t, kHeaderBytes> header,
            std::span<const uint8_t> data) override {
    PacketHeader decoded;
    require(decode_header(header.data(), decoded), "sent packets carry the magic");
    require(data.size() <= kDataBytesPerPacket, "sent packets fit a frame");
    last = decoded;
  }
  void flush() override {}
  size_t receive(std::span<RxPacket>) override { return 0; }
  void send(const SmAddress &, const SmBytes &bytes) override {
    require(decode_sm(bytes).has_value(), "sent management packets are well formed");
    last_sm = bytes;
  }
  bool receive(SmDatagram &) override { return false; }
  std::optional<uint32_t> resolve(const std::string &) override { return kPeerIpv4; }

  PacketHeader last;
  SmBytes last_sm{};

 private:
  RoutingInfo routing_{{2, 0, 0, 0, 0, 1}, kLocalIpv4, 10000, 0, 128};
};

class Target {
 public:
  Target() : endpoint_(network_), rpc_(options(), network_, network_) {
    endpoint_.attach(rpc_);
    rpc_.set_default_handler({&Target::on_request, this});
  }
  ~Target() {
    endpoint_.detach(rpc_);
    require(ended_ <= started_, "no call ends twice");
  }

  void step(Input &input) {
    const uint8_t kind = input.byte();
    if (kind >= kRawPacket)
      return raw(input, kind);
    switch (kind % 10) {
    case 0:
    case 1:
    case 2:
      return packet(input);
    case 3:
      return answer_packet(input);
    case 4:
      return management(input);
    case 5:
      return management_reply(input);
    case 6:
      return call(input);
    case 7:
      return respond(input);
    case 8:
      return pass(input);
    default:
      return session(input);
    }
  }
  void check() const {
    require(rpc_.memory_bytes() <= kMemoryMax, "memory stays within its limit");
    require(rpc_.session_count() <= rpc_.session_count_max(), "sessions stay within their limit");
    require(rpc_.calls_pending() == started_ - ended_, "every pending call is known");
  }

 private:
  static RpcOptions options() {
    RpcOptions options;
    options.host = "10.77.0.1";
    options.first_session = 0;
    options.rx_ring_entries = 128; // four sessions
    options.backlog_calls = 4;
    options.response_bytes_max = 8000;
    options.retry_limit = 20;
    options.sm_retry_limit = 3;
    options.memory_bytes_max = kMemoryMax;
    return options;
  }

  static void on_request(void *context, Rpc &rpc, const Request &request) {
    auto &target = *static_cast<Target *>(context);
    uint32_t sum = 0;
    for (const uint8_t byte : request.data)
      sum += byte;
    if (sum % 3 == 0)
      rpc.respond(request.handle, request.data);
    else if (target.held_.size() < 64)
      target.held_.push_back(request.handle);
  }
  static void on_done(void *context, uint64_t, const CallResult &result) {
    auto &target = *static_cast<Target *>(context);
    ++target.ended_;
    for (const uint8_t byte : result.data)
      target.sum_ += byte;
  }

  void feed(const PacketHeader &header, uint32_t data_bytes) {
    std::vector<uint8_t> bytes(kHeaderBytes + data_bytes, uint8_t{1});
    encode_header(header, bytes.data());
    rpc_.on_packet({bytes, kPeerIpv4}, now_ns_);
  }
  void packet(Input &input) {
    PacketHeader header;
    const uint8_t shape = input.byte();
    header.type = static_cast<PacketType>(shape & 3);
    header.request_type = input.byte();
    header.message_bytes = input.number() * ((shape & 4) != 0 ? 100 : 1);
    header.session = static_cast<uint16_t>(input.number());
    header.packet_number = static_cast<uint16_t>(input.number());
    header.request_number = input.number();
    const uint32_t held = packet_data_bytes(header.message_bytes, header.packet_number);
    if ((shape & 8) != 0)
      return feed(header, input.number() % 1000);
    const auto bytes = static_cast<int32_t>(held) + kBeside[shape >> 5];
    feed(header, static_cast<uint32_t>(std::max(bytes, 0)));
  }
  /// What no peer would encode: any bytes, as many as there are left.
  void raw(Input &input, uint8_t kind) {
    std::vector<uint8_t> bytes(input.word() % 600);
    for (uint8_t &byte : bytes)
      byte = input.byte();
    if (kind >= kRawDatagram)
      return deliver(bytes);
    rpc_.on_packet({bytes, kPeerIpv4}, now_ns_);
  }
  /// What the peer would say to the packet sent last, slightly wrong at times.
  void answer_packet(Input &input) {
    PacketHeader header = network_.last;
    const uint8_t shape = input.byte();
    header.session = shape & 3;
    header.type = (shape & 4) != 0 ? PacketType::response : PacketType::credit_return;
    header.message_bytes = (shape & 4) != 0 ? input.number() * 50 : 0;
    if ((shape & 8) != 0)
      header.packet_number = static_cast<uint16_t>(input.number());
    feed(header, std::min<uint32_t>(header.message_bytes, kDataBytesPerPacket));
  }
  void deliver(std::span<const uint8_t> bytes) {
    // A copy of its own size: a read past its end is then a finding.
    const std::vector<uint8_t> datagram(bytes.begin(), bytes.end());
    endpoint_.on_datagram({datagram, kPeerIpv4});
    rpc_.poll(now_ns_);
  }
  void management(Input &input) {
    SmPacket packet;
    packet.type = static_cast<SmType>(input.byte() % 8);
    packet.error = static_cast<SmError>(input.byte() % 8);
    packet.token = input.byte();
    RoutingInfo routing{{2, 0, 0, 0, 0, 2}, kPeerIpv4, 10000, 0, 128};
    if ((input.byte() & 7) == 7) {
      routing.rx_queue = static_cast<uint16_t>(input.number());
      routing.reta_size = static_cast<uint16_t>(input.number());
    }
    packet.client = {
        kTransportDpdk,         "10.77.0.2", 31850, 0, static_cast<uint16_t>(input.number()),
        encode_routing(routing)};
    packet.server = {(input.byte() & 7) == 7 ? 1 : kTransportDpdk,
                     "10.77.0.1",
                     31850,
                     0,
                     static_cast<uint16_t>(input.number()),
                     encode_routing(routing)};
    SmBytes bytes = encode_sm(packet);
    for (uint8_t flips = input.byte() % 4; flips > 0; --flips)
      bytes[input.word() % bytes.size()] = input.byte();
    deliver(std::span(bytes).first(input.byte() == 1 ? input.word() % bytes.size() : bytes.size()));
  }
  /// Accepts what this side asked for last.
  void management_reply(Input &input) {
    auto packet = decode_sm(network_.last_sm);
    if (!packet)
      return;
    packet->type = packet->type == SmType::connect_request ? SmType::connect_response
                                                           : SmType::disconnect_response;
    packet->server.session = static_cast<uint16_t>(input.number());
    packet->server.routing = encode_routing({{2, 0, 0, 0, 0, 2}, kPeerIpv4, 10000, 0, 128});
    deliver(encode_sm(*packet));
  }
  void call(Input &input) {
    const std::vector<uint8_t> body(input.number() % 20'000, uint8_t{2});
    const uint64_t deadline_ns =
        (input.byte() & 1) != 0 ? now_ns_ + input.number() * kMillisecondNs : kNever;
    if (rpc_.call(input.byte() % 8, input.byte(), body, {&Target::on_done, this, 0}, deadline_ns) ==
        Status::ok)
      ++started_;
  }
  void respond(Input &input) {
    if (held_.empty())
      return;
    const std::vector<uint8_t> body(input.number() % 20'000, uint8_t{3});
    rpc_.respond(held_.front(), body);
    held_.pop_front();
  }
  void pass(Input &input) {
    now_ns_ += input.number() * kMillisecondNs;
    rpc_.poll(now_ns_);
    const uint64_t next_ns = rpc_.next_timer_ns();
    require(next_ns > now_ns_, "no timer stays due after a turn");
  }
  void session(Input &input) {
    uint16_t number = 0;
    if ((input.byte() & 1) != 0)
      rpc_.create_session("10.77.0.2", 31850, input.byte(), number);
    else
      rpc_.destroy_session(input.byte() % 8);
  }

  Network network_;
  Endpoint endpoint_;
  Rpc rpc_;
  uint64_t now_ns_ = kSecondNs;
  std::deque<RequestHandle> held_;
  uint64_t started_ = 0;
  uint64_t ended_ = 0;
  uint64_t sum_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  if (const auto frames = parse_pcap({data, size}, error)) {
    for (const auto &frame : *frames)
      describe_frame(frame.bytes);
  }
  describe_frame({data, size});
  Target target;
  Input input(data, size);
  for (int steps = 0; input.left() && steps < 2000; ++steps) {
    target.step(input);
    target.check();
  }
  return 0;
}
