// Replays captures of two upstream processes, with the capture playing one of them, and compares
// every byte that the protocol defines.
#include <map>

#include "recorder.hpp"
#include "rpc/capture.hpp"

namespace sledge::rpc::test {
namespace {

constexpr std::array<uint8_t, 6> kServerMac = {2, 0, 0x0a, 0x4d, 1, 1};
constexpr std::array<uint8_t, 6> kClientMac = {2, 0, 0x0a, 0x4d, 2, 1};
constexpr uint32_t kServerControl = 0x0A4D0001;
constexpr uint8_t kSlowType = 5;

struct Step {
  bool from_client = false;
  bool management = false;
  bool lost = false;
  std::vector<uint8_t> frame;
  std::vector<uint8_t> payload;
  PacketHeader header;
  SmPacket sm;
};

struct Message {
  uint8_t type = 0;
  std::vector<uint8_t> bytes;
};

struct Script {
  std::vector<Step> steps;
  std::map<uint64_t, Message> requests; ///< by request number
  std::map<uint64_t, Message> responses;
};

Step parse_step(const CapturedFrame &captured) {
  Step step;
  step.frame = captured.bytes;
  const auto parsed = parse_frame(captured.bytes);
  EXPECT_TRUE(parsed.has_value());
  step.payload.assign(parsed->payload.begin(), parsed->payload.end());
  step.management = parsed->destination_port == 31850;
  step.lost = std::all_of(step.frame.begin(), step.frame.begin() + 6,
                          [](uint8_t byte) { return byte == 0; });
  if (step.management) {
    step.from_client = parsed->destination_ipv4 == kServerControl;
    const auto sm = decode_sm(step.payload);
    EXPECT_TRUE(sm.has_value());
    step.sm = *sm;
  } else {
    step.from_client = std::equal(kClientMac.begin(), kClientMac.end(), step.frame.begin() + 6);
    EXPECT_TRUE(decode_header(step.payload.data(), step.header));
  }
  return step;
}

void add_to(Message &message, const Step &step, uint32_t index) {
  message.type = step.header.request_type;
  message.bytes.resize(step.header.message_bytes);
  std::copy_n(step.payload.begin() + kHeaderBytes,
              packet_data_bytes(step.header.message_bytes, index),
              message.bytes.begin() + index * static_cast<uint32_t>(kDataBytesPerPacket));
}

Script load(const std::string &name) {
  std::string error;
  const auto frames = read_pcap(std::string(SLEDGE_RPC_CAPTURES) + "/" + name, error);
  EXPECT_TRUE(frames.has_value()) << error;
  Script script;
  for (const CapturedFrame &frame : *frames) {
    script.steps.push_back(parse_step(frame));
    const Step &step = script.steps.back();
    if (step.management)
      continue;
    const uint64_t number = step.header.request_number;
    if (step.header.type == PacketType::request)
      add_to(script.requests[number], step, step.header.packet_number);
    if (step.header.type == PacketType::response)
      add_to(script.responses[number], step,
             step.header.packet_number + 1u -
                 packets_of(static_cast<uint32_t>(script.requests[number].bytes.size())));
  }
  return script;
}

/// Masked: the token when ours is another, and the padding of both endpoints.
void expect_sm(const SentSm &sent, const Step &step, bool own_token) {
  SmBytes ours = sent.bytes;
  SmBytes theirs{};
  ASSERT_EQ(step.payload.size(), theirs.size());
  std::copy(step.payload.begin(), step.payload.end(), theirs.begin());
  const auto mask = [&](size_t from, size_t bytes) {
    std::fill_n(ours.begin() + from, bytes, uint8_t{0});
    std::fill_n(theirs.begin() + from, bytes, uint8_t{0});
  };
  if (own_token)
    mask(8, 8);
  for (const size_t endpoint : {16u, 204u}) {
    mask(endpoint + 135, 1);
    mask(endpoint + 186, 2);
  }
  EXPECT_EQ(ours, theirs);
}

/// The whole frame, from Ethernet on. Masked: the destination of a frame that was lost on purpose,
/// and the meaningless bytes of control packets.
void expect_frame(const SentPacket &sent, const Step &step) {
  FrameHeader header = sent.route.header;
  complete_frame_header(header, sent.bytes.size());
  std::vector<uint8_t> ours(header.begin(), header.end());
  ours.insert(ours.end(), sent.bytes.begin(), sent.bytes.end());
  std::vector<uint8_t> theirs = step.frame;
  if (step.lost)
    std::copy_n(ours.begin(), 6, theirs.begin());
  const bool control =
      step.header.message_bytes == 0 && (step.header.type == PacketType::credit_return ||
                                         step.header.type == PacketType::request_for_response);
  if (control)
    std::fill(theirs.begin() + kFrameHeaderBytes + kHeaderBytes, theirs.end(), uint8_t{0});
  EXPECT_EQ(ours, theirs);
}

class Player {
 public:
  Player(const std::string &name, bool as_client)
      : script_(load(name)), as_client_(as_client),
        wire_({as_client ? kClientMac : kServerMac,
               ipv4_of_mac(as_client ? kClientMac : kServerMac), 10000, 0, 128}),
        endpoint_(wire_), rpc_(options(as_client), wire_, wire_) {
    endpoint_.attach(rpc_);
    rpc_.set_default_handler({&Player::on_request, this});
    rpc_.set_session_handler({&Player::on_session, this});
  }
  ~Player() { endpoint_.detach(rpc_); }

  void play() {
    for (const Step &step : script_.steps) {
      if (::testing::Test::HasFailure())
        return;
      if (step.from_client == as_client_)
        expect(step);
      else if (!step.lost)
        feed(step);
    }
    EXPECT_TRUE(wire_.packets.empty());
    EXPECT_TRUE(wire_.management.empty());
  }

  std::vector<SessionEvent> events;
  size_t responses_right = 0;
  const Script &script() const { return script_; }
  const Rpc &rpc() const { return rpc_; }

 private:
  static RpcOptions options(bool as_client) {
    RpcOptions options;
    options.host = as_client ? "10.77.0.2" : "10.77.0.1";
    options.first_session = 0;
    return options;
  }

  void feed(const Step &step) {
    if (step.management) {
      std::vector<uint8_t> bytes = step.payload;
      if (as_client_) // the capture's process drew another token
        std::memcpy(bytes.data() + 8, &token_, sizeof token_);
      endpoint_.on_datagram({bytes, step.from_client ? kServerControl + 1 : kServerControl});
      rpc_.poll(now_ns_);
      return;
    }
    const uint32_t source = ipv4_of_mac(step.from_client ? kClientMac : kServerMac);
    rpc_.on_packet({step.payload, source}, now_ns_);
    rpc_.advance(now_ns_);
  }

  void expect(const Step &step) {
    if (as_client_)
      act_as_client(step);
    else if (!step.management && wire_.packets.empty() && waiting_)
      answer();
    if (step.management) {
      ASSERT_FALSE(wire_.management.empty());
      if (as_client_)
        token_ = wire_.management.front().packet().token;
      expect_sm(wire_.management.front(), step, as_client_);
      wire_.management.pop_front();
      return;
    }
    // Only the order of events is replayed: time jumps to the timer that the capture shows.
    for (int turn = 0; wire_.packets.empty() && turn < 100; ++turn) {
      ASSERT_NE(rpc_.next_timer_ns(), kNever);
      now_ns_ = rpc_.next_timer_ns();
      rpc_.poll(now_ns_);
    }
    ASSERT_FALSE(wire_.packets.empty());
    expect_frame(wire_.packets.front(), step);
    wire_.packets.pop_front();
  }

  void act_as_client(const Step &step) {
    if (step.management && step.sm.type == SmType::connect_request) {
      ASSERT_EQ(rpc_.create_session(step.sm.server.host, step.sm.server.sm_port,
                                    step.sm.server.rpc_id, session_),
                Status::ok);
    } else if (step.management) {
      ASSERT_EQ(rpc_.destroy_session(session_), Status::ok);
    } else if (step.header.type == PacketType::request && started_ < step.header.request_number) {
      started_ = step.header.request_number;
      const Message &request = script_.requests[started_];
      ASSERT_EQ(
          rpc_.call(session_, request.type, request.bytes, {&Player::on_response, this, started_}),
          Status::ok);
    }
  }

  static void on_response(void *context, uint64_t tag, const CallResult &result) {
    auto &player = *static_cast<Player *>(context);
    const std::vector<uint8_t> bytes(result.data.begin(), result.data.end());
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_EQ(bytes, player.script_.responses[tag].bytes);
    ++player.responses_right;
  }

  static void on_session(void *context, uint16_t, SessionEvent event, SmError) {
    static_cast<Player *>(context)->events.push_back(event);
  }

  static void on_request(void *context, Rpc &, const Request &request) {
    auto &player = *static_cast<Player *>(context);
    const Message &expected = player.script_.requests[request.handle.request_number];
    const std::vector<uint8_t> bytes(request.data.begin(), request.data.end());
    EXPECT_EQ(bytes, expected.bytes);
    EXPECT_EQ(request.type, expected.type);
    EXPECT_EQ(request.client_sm_port, 31850);
    player.waiting_ = request.handle;
    if (request.type != kSlowType)
      player.answer();
  }

  void answer() {
    const auto &bytes = script_.responses[waiting_->request_number].bytes;
    EXPECT_EQ(rpc_.respond(*waiting_, bytes), Status::ok);
    waiting_.reset();
  }

  Script script_;
  bool as_client_;
  uint64_t now_ns_ = kSecondNs;
  uint64_t token_ = 0;
  uint64_t started_ = 0;
  uint16_t session_ = kSessionInvalid;
  std::optional<RequestHandle> waiting_;
  Recorder wire_;
  Endpoint endpoint_;
  Rpc rpc_;
};

class Replay : public ::testing::TestWithParam<const char *> {};

TEST_P(Replay, OurServerAnswersTheCapturedClientByteForByte) {
  Player player(GetParam(), false);
  player.play();
  EXPECT_EQ(player.rpc().counters().requests_received, player.script().requests.size());
  EXPECT_EQ(player.rpc().session_count(), 0u);
}

TEST_P(Replay, OurClientSpeaksToTheCapturedServerByteForByte) {
  Player player(GetParam(), true);
  player.play();
  EXPECT_EQ(player.responses_right, player.script().responses.size());
  EXPECT_EQ(player.rpc().session_count(), 0u);
  ASSERT_FALSE(player.events.empty());
  const bool refused = player.script().requests.empty();
  EXPECT_EQ(player.events.back(),
            refused ? SessionEvent::connect_failed : SessionEvent::disconnected);
}

std::string name_of(const ::testing::TestParamInfo<const char *> &info) {
  constexpr const char *kNames[] = {"Exchange", "SlowHandler", "Loss"};
  return kNames[info.index];
}

INSTANTIATE_TEST_SUITE_P(Captures, Replay,
                         ::testing::Values("erpc-exchange.pcap", "erpc-slow-handler.pcap",
                                           "erpc-loss.pcap"),
                         name_of);

TEST(ReplayBadRpcId, BothRolesMatchTheCapture) {
  Player server("erpc-bad-rpcid.pcap", false);
  server.play();
  Player client("erpc-bad-rpcid.pcap", true);
  client.play();
  ASSERT_EQ(client.events.size(), 1u);
  EXPECT_EQ(client.events[0], SessionEvent::connect_failed);
}

} // namespace
} // namespace sledge::rpc::test
