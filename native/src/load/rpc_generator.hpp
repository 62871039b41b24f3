// rpc_generator.hpp - sends a schedule over eRPC sessions; one thread.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "load/plan.hpp"
#include "rpc/endpoint.hpp"
#include "rpc/udp_backend.hpp"

namespace sledge::load {

/// As `Generator`, with the slots of sessions in place of connections. A request that times out
/// keeps its slot until the server has answered, as the protocol wants; a session that is lost is
/// opened again. While none can be opened, requests are refused at once.
class RpcGenerator {
 public:
  RpcGenerator(const Plan &plan, std::span<const Scheduled> schedule, std::span<Result> results);
  ~RpcGenerator();
  RpcGenerator(const RpcGenerator &) = delete;
  RpcGenerator &operator=(const RpcGenerator &) = delete;

  /// Opens the sessions. False with `error` filled: no socket, or options that eRPC cannot have.
  /// What the server refuses is left for the run.
  bool prepare(std::string &error);
  /// To the end of the schedule, or of the time; then closes the sessions that are idle.
  void run();
  /// Sessions that it began to open.
  uint64_t connects() const { return connects_; }

 private:
  struct Session {
    enum class State : uint8_t { shut, connecting, open };
    State state = State::shut;
    uint8_t remote_rpc = 0;
    uint16_t number = rpc::kSessionInvalid;
    uint32_t busy = 0; ///< slots in use
  };

  static void on_session(void *context, uint16_t number, rpc::SessionEvent event,
                         rpc::SmError error);
  static void on_done(void *context, uint64_t tag, const rpc::CallResult &result);

  bool open_sockets(std::string &error);
  rpc::RpcOptions options_of(uint32_t local_ipv4) const;
  uint64_t now() const;
  void turn();
  void open_shut(uint64_t now_ns);
  void session_changed(uint16_t number, rpc::SessionEvent event);
  bool reachable() const { return open_ > 0 || (connecting_ > 0 && !refuses_); }
  void send_due(uint64_t now_ns);
  void serve_waiting(uint64_t now_ns);
  void submit(uint64_t request, uint64_t now_ns);
  Session *free_session();
  void send(Session &session, uint64_t request, uint64_t now_ns);
  void finish(uint64_t request, const rpc::CallResult &result);
  void end(uint64_t request, Outcome outcome, uint64_t now_ns);
  void end_late(uint64_t now_ns);
  void end_all(uint64_t now_ns);
  void close_sessions();
  bool over(uint64_t now_ns) const;
  uint64_t next_event_ns(uint64_t now_ns) const;
  void wait(uint64_t until_ns, uint64_t now_ns);

  const Plan &plan_;
  std::span<const Scheduled> schedule_;
  std::span<Result> results_;
  std::unique_ptr<rpc::UdpChannel> channel_;
  std::unique_ptr<rpc::UdpBackend> backend_;
  std::unique_ptr<rpc::Endpoint> endpoint_;
  std::unique_ptr<rpc::Rpc> rpc_;
  std::string host_; ///< of the server, as text
  uint16_t port_ = 0;
  uint64_t start_ns_ = 0;
  uint64_t next_ = 0;
  uint64_t in_flight_ = 0; ///< sent and not ended
  uint64_t connects_ = 0;
  uint64_t open_again_ns_ = 0;
  uint32_t turns_ = 0;
  uint32_t connecting_ = 0;
  uint32_t open_ = 0;
  uint64_t slots_free_ = 0; ///< of open sessions
  bool refuses_ = false;    ///< the last session that was tried could not be opened
  size_t cursor_ = 0;
  std::vector<Session> sessions_;
  std::deque<uint64_t> waiting_;
  std::deque<uint64_t> sent_; ///< oldest first; those that have ended leave when they come to it
  std::string message_;
};

} // namespace sledge::load
