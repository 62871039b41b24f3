// rpc_relay.cpp - a bad wire: passes Ethernet frames between two interfaces and loses, repeats and
// delays some of the UDP ones, as a seed decides. Arguments are name=value:
//   left= right= interfaces  seed=  loss= duplicate= reorder= chances in millionths
// Prints "ready", relays until its standard input ends, and prints one line of JSON. What happens
// to the nth UDP frame of a direction depends on seed and n alone.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kFrameBytesMax = 2048;
constexpr int kSocketBytes = 8 << 20;
constexpr int kBurstFrames = 64;
constexpr size_t kHeldFramesMax = 256;
constexpr auto kHeldTimeMax = std::chrono::milliseconds(2);
constexpr size_t kIpOffset = 14;
constexpr size_t kUdpChecksumOffset = 6; ///< in the UDP header
constexpr size_t kUdpHeaderBytes = 8;

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

struct Chances {
  uint32_t loss = 0;
  uint32_t duplicate = 0;
  uint32_t reorder = 0;
};

struct Counts {
  unsigned long passed = 0;
  unsigned long lost = 0;
  unsigned long duplicated = 0;
  unsigned long reordered = 0;
};

int open_interface(const std::string &name) {
  const int descriptor = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
  const int on = 1;
  if (descriptor < 0 || address.sll_ifindex == 0 ||
      ::setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      ::bind(descriptor, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    fail(name);
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBytes, sizeof kSocketBytes);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBytes, sizeof kSocketBytes);
  return descriptor;
}

/// The UDP header of a frame, or null when it carries something else.
uint8_t *udp_header(std::span<uint8_t> frame) {
  if (frame.size() < kIpOffset + 20 || frame[12] != 8 || frame[13] != 0)
    return nullptr;
  const size_t offset = kIpOffset + (frame[kIpOffset] & 15u) * 4u;
  const bool udp = frame[kIpOffset + 9] == IPPROTO_UDP && frame.size() >= offset + kUdpHeaderBytes;
  return udp ? frame.data() + offset : nullptr;
}

/// One direction of the wire.
class Direction {
 public:
  Direction(int from, int to, const Chances &chances, uint64_t seed)
      : from_(from), to_(to), chances_(chances), random_(seed) {}

  /// Takes what has come, and lets go what was held for long enough.
  void turn() {
    std::array<uint8_t, kFrameBytesMax> bytes;
    for (int frame = 0; frame < kBurstFrames; ++frame) {
      const ssize_t length = ::recv(from_, bytes.data(), bytes.size(), 0);
      if (length <= 0)
        break;
      take(std::span(bytes).first(static_cast<size_t>(length)));
    }
    release();
  }
  bool holds() const { return !held_.empty(); }
  const Counts &counts() const { return counts_; }

 private:
  struct Held {
    std::vector<uint8_t> bytes;
    uint32_t frames_left; ///< that overtake it, unless its time comes first
    Clock::time_point due;
  };

  bool happens(uint32_t chance) { return random_() % 1'000'000 < chance; }

  void take(std::span<uint8_t> frame) {
    uint8_t *udp = udp_header(frame);
    if (udp == nullptr)
      return send(frame);
    // Checksums are left to a card that this wire does not have; zero means none.
    std::memset(udp + kUdpChecksumOffset, 0, 2);
    // Each frame takes as many numbers, so that its fate does not depend on those before.
    const bool lost = happens(chances_.loss);
    const bool twice = happens(chances_.duplicate);
    const bool late = happens(chances_.reorder);
    const auto overtaking = static_cast<uint32_t>(1 + random_() % 8);
    for (Held &held : held_)
      held.frames_left -= held.frames_left > 0 ? 1 : 0;
    if (lost) {
      ++counts_.lost;
      return;
    }
    if (twice) {
      ++counts_.duplicated;
      send(frame);
    }
    if (late && held_.size() < kHeldFramesMax) {
      ++counts_.reordered;
      held_.push_back({{frame.begin(), frame.end()}, overtaking, Clock::now() + kHeldTimeMax});
      return;
    }
    send(frame);
    release();
  }
  void release() {
    if (held_.empty())
      return;
    const auto now = Clock::now();
    std::erase_if(held_, [&](const Held &held) {
      const bool due = held.frames_left == 0 || held.due <= now;
      if (due)
        send(held.bytes);
      return due;
    });
  }
  void send(std::span<const uint8_t> frame) {
    ++counts_.passed;
    // A full queue loses the frame, as a wire would.
    if (::send(to_, frame.data(), frame.size(), 0) < 0 && errno != ENOBUFS && errno != EAGAIN &&
        errno != ENETDOWN)
      fail("send");
  }

  int from_;
  int to_;
  Chances chances_;
  std::mt19937_64 random_;
  std::deque<Held> held_;
  Counts counts_;
};

void print(const char *name, const Counts &counts, const char *end) {
  std::printf("\"%s\":{\"passed\":%lu,\"lost\":%lu,\"duplicated\":%lu,\"reordered\":%lu}%s", name,
              counts.passed, counts.lost, counts.duplicated, counts.reordered, end);
}

void relay(int left, int right, Direction &rightwards, Direction &leftwards) {
  std::array<pollfd, 3> wanted{{{left, POLLIN, 0}, {right, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  for (;;) {
    const bool holds = rightwards.holds() || leftwards.holds();
    if (::poll(wanted.data(), wanted.size(), holds ? 1 : -1) < 0 && errno != EINTR)
      fail("poll");
    char byte = 0;
    if (wanted[2].revents != 0 && ::read(STDIN_FILENO, &byte, 1) <= 0)
      return;
    rightwards.turn();
    leftwards.turn();
  }
}

} // namespace

int main(int count, char **values) {
  std::map<std::string, std::string> arguments;
  for (int at = 1; at < count; ++at) {
    const std::string text = values[at];
    const size_t equals = std::min(text.find('='), text.size() - 1);
    arguments[text.substr(0, equals)] = text.substr(equals + 1);
  }
  const auto number = [&](const char *name) {
    return static_cast<uint32_t>(std::stoul(arguments.at(name)));
  };
  const Chances chances{number("loss"), number("duplicate"), number("reorder")};
  const int left = open_interface(arguments.at("left"));
  const int right = open_interface(arguments.at("right"));
  Direction rightwards(left, right, chances, 2ull * number("seed"));
  Direction leftwards(right, left, chances, 2ull * number("seed") + 1);
  std::puts("ready");
  std::fflush(stdout);
  relay(left, right, rightwards, leftwards);
  std::putchar('{');
  print("right", rightwards.counts(), ",");
  print("left", leftwards.counts(), "}\n");
  return 0;
}
