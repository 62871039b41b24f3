#include "plain_udp.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <thread>
#include <unistd.h>

#include "base/clock.hpp"

namespace sledge::bench {

PlainSocket::PlainSocket() : file_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
  address_.sin_family = AF_INET;
  address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address_;
  ::bind(file_, reinterpret_cast<sockaddr *>(&address_), sizeof address_);
  ::getsockname(file_, reinterpret_cast<sockaddr *>(&address_), &length);
  const int bytes = 8 << 20;
  const int on = 1;
  ::setsockopt(file_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  ::setsockopt(file_, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  ::setsockopt(file_, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on);
  for (unsigned at = 0; at < burst; ++at) {
    receive_vectors_[at] = {received_[at].data(), received_[at].size()};
    send_vectors_[at] = {sent_[at].data(), 0};
    msghdr &receive = receive_messages_[at].msg_hdr;
    receive.msg_iov = &receive_vectors_[at];
    receive.msg_iovlen = 1;
    receive.msg_name = &from_[at];
    msghdr &send = send_messages_[at].msg_hdr;
    send.msg_iov = &send_vectors_[at];
    send.msg_iovlen = 1;
    send.msg_name = &to_[at];
    send.msg_namelen = sizeof to_[at];
  }
}

PlainSocket::~PlainSocket() {
  ::close(file_);
}

unsigned PlainSocket::receive() {
  for (mmsghdr &message : receive_messages_)
    message.msg_hdr.msg_namelen = sizeof(sockaddr_in);
  const int count = ::recvmmsg(file_, receive_messages_.data(), burst, MSG_DONTWAIT, nullptr);
  return count > 0 ? static_cast<unsigned>(count) : 0;
}

void PlainSocket::send(const sockaddr_in &to, unsigned count, size_t bytes) {
  for (unsigned at = 0; at < count; ++at) {
    to_[at] = to;
    send_vectors_[at].iov_len = bytes;
  }
  for (unsigned done = 0; done < count;) {
    const int sent = ::sendmmsg(file_, &send_messages_[done], count - done, MSG_DONTWAIT);
    done += sent > 0 ? static_cast<unsigned>(sent) : 0;
  }
}

void pin_to_core(size_t core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

namespace {

/// Answers each packet with one to `client`, on core 1, until `stop`.
void answer_packets(PlainSocket &socket, const sockaddr_in &client, size_t bytes,
                    const std::atomic<bool> &stop) {
  pin_to_core(1);
  while (!stop.load(std::memory_order_relaxed)) {
    if (const unsigned count = socket.receive())
      socket.send(client, count, bytes);
  }
}

} // namespace

std::vector<uint64_t> plain_round_trips(uint64_t count, size_t bytes) {
  PlainSocket client;
  PlainSocket server;
  std::atomic<bool> stop{false};
  std::thread other([&] { answer_packets(server, client.address(), bytes, stop); });
  std::vector<uint64_t> times(count);
  for (uint64_t &time : times) {
    const uint64_t start_ns = monotonic_ns();
    client.send(server.address(), 1, bytes);
    while (client.receive() == 0) {
    }
    time = monotonic_ns() - start_ns;
  }
  stop = true;
  other.join();
  return times;
}

double plain_blast_seconds(uint64_t count, size_t bytes, size_t acknowledgement_bytes) {
  PlainSocket sender;
  PlainSocket receiver;
  std::atomic<bool> stop{false};
  std::thread other(
      [&] { answer_packets(receiver, sender.address(), acknowledgement_bytes, stop); });
  const uint64_t start_ns = monotonic_ns();
  uint64_t sent = 0;
  uint64_t acknowledged = 0;
  while (acknowledged < count) {
    const uint64_t room = PlainSocket::burst - (sent - acknowledged);
    const auto now = static_cast<unsigned>(std::min(room, count - sent));
    if (now > 0)
      sender.send(receiver.address(), now, bytes);
    sent += now;
    acknowledged += sender.receive();
  }
  const uint64_t end_ns = monotonic_ns();
  stop = true;
  other.join();
  return static_cast<double>(end_ns - start_ns) * 1e-9;
}

} // namespace sledge::bench
