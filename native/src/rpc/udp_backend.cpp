#include "rpc/udp_backend.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sledge::rpc {
namespace {

constexpr size_t kReceiveBytes = 2048; // longer datagrams are truncated, and then dropped by size

sockaddr_in socket_address(uint32_t ipv4, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ipv4);
  address.sin_port = htons(port);
  return address;
}

/// A bound, non-blocking UDP socket, or -1 with `error` filled. `port` becomes the bound one.
int bound_socket(uint32_t ipv4, uint16_t &port, std::string &error) {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    error = std::string("socket: ") + std::strerror(errno);
    return -1;
  }
  sockaddr_in address = socket_address(ipv4, port);
  socklen_t length = sizeof address;
  if (::bind(descriptor, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
      ::getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &length) != 0) {
    error = "UDP " + format_ipv4(ipv4) + ":" + std::to_string(port) + ": " + std::strerror(errno);
    ::close(descriptor);
    return -1;
  }
  port = ntohs(address.sin_port);
  return descriptor;
}

/// MAC of the interface that has this address; zero for loopback and when there is none.
std::array<uint8_t, 6> mac_of(uint32_t ipv4) {
  std::array<uint8_t, 6> mac{};
  ifaddrs *list = nullptr;
  if (::getifaddrs(&list) != 0)
    return mac;
  std::string name;
  for (const ifaddrs *item = list; item != nullptr; item = item->ifa_next) {
    if (item->ifa_addr == nullptr || item->ifa_addr->sa_family != AF_INET)
      continue;
    if (reinterpret_cast<const sockaddr_in *>(item->ifa_addr)->sin_addr.s_addr == htonl(ipv4))
      name = item->ifa_name;
  }
  for (const ifaddrs *item = list; item != nullptr; item = item->ifa_next) {
    if (item->ifa_addr == nullptr || item->ifa_addr->sa_family != AF_PACKET ||
        name != item->ifa_name)
      continue;
    const auto *link = reinterpret_cast<const sockaddr_ll *>(item->ifa_addr);
    if (link->sll_halen == mac.size())
      std::memcpy(mac.data(), link->sll_addr, mac.size());
  }
  ::freeifaddrs(list);
  return mac;
}

} // namespace

struct UdpBackend::Batches {
  std::array<std::array<uint8_t, kPacketBytesMax>, kBurstPackets> tx_bytes;
  std::array<sockaddr_in, kBurstPackets> tx_addresses;
  std::array<iovec, kBurstPackets> tx_vectors;
  std::array<mmsghdr, kBurstPackets> tx_messages{};
  size_t tx_count = 0;
  std::array<std::array<uint8_t, kReceiveBytes>, kBurstPackets> rx_bytes;
  std::array<sockaddr_in, kBurstPackets> rx_addresses;
  std::array<iovec, kBurstPackets> rx_vectors;
  std::array<mmsghdr, kBurstPackets> rx_messages{};
};

std::unique_ptr<UdpBackend> UdpBackend::open(const UdpOptions &options, std::string &error) {
  RoutingInfo routing;
  routing.udp_port = options.port;
  const int descriptor = bound_socket(options.bind_ipv4, routing.udp_port, error);
  if (descriptor < 0)
    return nullptr;
  routing.ipv4 = options.advertise_ipv4 != 0 ? options.advertise_ipv4 : options.bind_ipv4;
  if (routing.ipv4 == 0) {
    error = "bound to every address: advertise_ipv4 must say which one peers use";
    ::close(descriptor);
    return nullptr;
  }
  routing.mac = mac_of(routing.ipv4);
  routing.rx_queue = 0;
  routing.reta_size = 128;
  const int bytes = static_cast<int>(options.receive_buffer_bytes);
  if (::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  const int no_checksum = 1; // eRPC frames carry none
  ::setsockopt(descriptor, SOL_SOCKET, SO_NO_CHECK, &no_checksum, sizeof no_checksum);
  if (options.busy_poll_us > 0) {
    const int busy_us = static_cast<int>(options.busy_poll_us);
    if (::setsockopt(descriptor, SOL_SOCKET, SO_BUSY_POLL, &busy_us, sizeof busy_us) != 0) {
      error = std::string("SO_BUSY_POLL: ") + std::strerror(errno);
      ::close(descriptor);
      return nullptr;
    }
  }
  return std::unique_ptr<UdpBackend>(new UdpBackend(descriptor, routing));
}

UdpBackend::UdpBackend(int socket, const RoutingInfo &routing)
    : socket_(socket), routing_(routing), batches_(std::make_unique<Batches>()) {
  Batches &batches = *batches_;
  for (size_t at = 0; at < kBurstPackets; ++at) {
    batches.tx_vectors[at].iov_base = batches.tx_bytes[at].data();
    msghdr &tx = batches.tx_messages[at].msg_hdr;
    tx.msg_iov = &batches.tx_vectors[at];
    tx.msg_iovlen = 1;
    tx.msg_name = &batches.tx_addresses[at];
    tx.msg_namelen = sizeof(sockaddr_in);
    batches.rx_vectors[at] = {batches.rx_bytes[at].data(), kReceiveBytes};
    msghdr &rx = batches.rx_messages[at].msg_hdr;
    rx.msg_iov = &batches.rx_vectors[at];
    rx.msg_iovlen = 1;
    rx.msg_name = &batches.rx_addresses[at];
  }
}

UdpBackend::~UdpBackend() {
  ::close(socket_);
}

void UdpBackend::send(const Route &route, std::span<const uint8_t, kHeaderBytes> header,
                      std::span<const uint8_t> data) {
  Batches &batches = *batches_;
  if (batches.tx_count == kBurstPackets)
    flush();
  const size_t at = batches.tx_count++;
  std::memcpy(batches.tx_bytes[at].data(), header.data(), header.size());
  if (!data.empty())
    std::memcpy(batches.tx_bytes[at].data() + header.size(), data.data(), data.size());
  batches.tx_vectors[at].iov_len = header.size() + data.size();
  batches.tx_addresses[at] = socket_address(route.ipv4, route.udp_port);
}

/// A packet that the kernel refuses is dropped, the rest goes on: one unreachable peer must not
/// hold back the others.
void UdpBackend::flush() {
  Batches &batches = *batches_;
  const size_t count = std::exchange(batches.tx_count, 0);
  size_t done = 0;
  while (done < count) {
    ++counters_.send_calls;
    const int sent = ::sendmmsg(socket_, &batches.tx_messages[done],
                                static_cast<unsigned>(count - done), MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      counters_.send_drops += count - done;
      return;
    } else if (errno != EINTR) {
      ++counters_.send_drops;
      ++done;
    }
  }
}

size_t UdpBackend::receive(std::span<RxPacket> out) {
  Batches &batches = *batches_;
  const size_t limit = std::min(out.size(), kBurstPackets);
  for (size_t at = 0; at < limit; ++at)
    batches.rx_messages[at].msg_hdr.msg_namelen = sizeof(sockaddr_in);
  ++counters_.receive_calls;
  const int count = ::recvmmsg(socket_, batches.rx_messages.data(), static_cast<unsigned>(limit),
                               MSG_DONTWAIT, nullptr);
  for (int at = 0; at < count; ++at) {
    out[at].bytes = {batches.rx_bytes[at].data(), batches.rx_messages[at].msg_len};
    out[at].source_ipv4 = ntohl(batches.rx_addresses[at].sin_addr.s_addr);
  }
  return count > 0 ? static_cast<size_t>(count) : 0;
}

void UdpBackend::wait(uint64_t timeout_ns) const {
  pollfd entry{socket_, POLLIN, 0};
  const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
                         static_cast<long>(timeout_ns % 1'000'000'000)};
  ::ppoll(&entry, 1, &timeout, nullptr);
}

std::unique_ptr<UdpChannel> UdpChannel::open(uint32_t bind_ipv4, uint16_t port,
                                             std::string &error) {
  const int descriptor = bound_socket(bind_ipv4, port, error);
  if (descriptor < 0)
    return nullptr;
  return std::unique_ptr<UdpChannel>(new UdpChannel(descriptor, port));
}

UdpChannel::~UdpChannel() {
  ::close(socket_);
}

void UdpChannel::send(const SmAddress &to, const SmBytes &bytes) {
  const sockaddr_in address = socket_address(to.ipv4, to.port);
  // A datagram that cannot be sent counts as lost: the client asks again.
  (void)!::sendto(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr *>(&address), sizeof address);
}

bool UdpChannel::receive(SmDatagram &datagram) {
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const ssize_t bytes = ::recvfrom(socket_, received_.data(), received_.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr *>(&from), &length);
  if (bytes < 0)
    return false;
  datagram = {{received_.data(), static_cast<size_t>(bytes)}, ntohl(from.sin_addr.s_addr)};
  return true;
}

std::optional<uint32_t> UdpChannel::resolve(const std::string &host) {
  if (const auto ipv4 = parse_ipv4(host))
    return ipv4;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo *found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr)
    return std::nullopt;
  const auto *address = reinterpret_cast<const sockaddr_in *>(found->ai_addr);
  const uint32_t ipv4 = ntohl(address->sin_addr.s_addr);
  ::freeaddrinfo(found);
  return ipv4;
}

} // namespace sledge::rpc
