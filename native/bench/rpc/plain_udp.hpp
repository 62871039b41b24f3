// plain_udp.hpp - the peer of the RPC benchmarks: kernel sockets and nothing else.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <netinet/in.h>
#include <sys/socket.h>
#include <vector>

namespace sledge::bench {

/// A UDP socket of 127.0.0.1, connected to nobody, with the system calls of UdpBackend: recvmmsg
/// and sendmmsg without waiting, at most 32 packets, an address with each.
class PlainSocket {
 public:
  static constexpr unsigned burst = 32;

  PlainSocket();
  ~PlainSocket();
  PlainSocket(const PlainSocket &) = delete;
  PlainSocket &operator=(const PlainSocket &) = delete;

  /// Packets that were there; 0 when there were none.
  unsigned receive();
  /// Sends `count` packets of this size.
  void send(const sockaddr_in &to, unsigned count, size_t bytes);
  const sockaddr_in &address() const { return address_; }

 private:
  int file_;
  sockaddr_in address_{};
  std::array<std::array<uint8_t, 2048>, burst> received_{};
  std::array<std::array<uint8_t, 2048>, burst> sent_{};
  std::array<sockaddr_in, burst> from_{};
  std::array<sockaddr_in, burst> to_{};
  std::array<iovec, burst> receive_vectors_{};
  std::array<iovec, burst> send_vectors_{};
  std::array<mmsghdr, burst> receive_messages_{};
  std::array<mmsghdr, burst> send_messages_{};
};

/// Runs the calling thread on this core from now on.
void pin_to_core(size_t core);

/// Times of `count` round trips of one packet between two spinning threads on cores 0 and 1, ns.
std::vector<uint64_t> plain_round_trips(uint64_t count, size_t bytes);

/// Seconds for `count` packets from core 0 to core 1, each acknowledged by a packet of its own, at
/// most 32 without.
double plain_blast_seconds(uint64_t count, size_t bytes, size_t acknowledgement_bytes);

} // namespace sledge::bench
