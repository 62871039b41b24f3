// rpc_client_thread.hpp - an eRPC client on a thread of its own: commands in, events out.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

#include "dataplane/outcome_inbox.hpp"
#include "rpc/dpdk_backend.hpp"
#include "rpc/endpoint.hpp"
#include "rpc/udp_backend.hpp"

namespace sledge::transport {

struct RpcClientOptions {
  bool dpdk = false;
  rpc::UdpOptions udp;
  rpc::DpdkOptions dpdk_options;
  uint32_t sm_ipv4 = 0x7F000001; ///< where session management is bound, host order
  rpc::RpcOptions rpc;           ///< its sm_port 0: any free one
  uint32_t commands_max = 65'536;
  uint64_t spin_ns = 50'000; ///< polls that long without a packet before it sleeps
};

struct RpcEvent {
  enum class Kind : uint8_t { opened, open_failed, closed, lost, answered };
  Kind kind = Kind::answered;
  rpc::Status status = rpc::Status::ok;
  rpc::SmError reason = rpc::SmError::none;
  uint16_t session = 0;
  uint64_t tag = 0; ///< of the command
  std::vector<uint8_t> data;
};

/// Commands and `take_events` from any thread. Each accepted command has exactly one event with its
/// tag; `lost` and `closed` come once per opened session. None after `stop` has returned.
class RpcClientThread {
 public:
  /// Null with `error` filled. `waker` is told, from the client's thread, that events wait: once
  /// until they are taken.
  static std::unique_ptr<RpcClientThread> start(const RpcClientOptions &options,
                                                dataplane::OutcomeWaker &waker, std::string &error);
  ~RpcClientThread() { stop(); }

  /// False, as of all commands: too many wait, or it has stopped.
  bool open(const std::string &host, uint16_t sm_port, uint8_t rpc_id, uint64_t tag);
  bool close(uint16_t session, uint64_t tag);
  /// `relative_deadline_ns` 0: none.
  bool call(uint16_t session, uint8_t type, rpc::Buffer &&message, uint64_t relative_deadline_ns,
            uint64_t tag);
  std::vector<RpcEvent> take_events();
  void stop();
  uint16_t sm_port() const { return channel_->port(); }

 private:
  struct Command {
    enum class Kind : uint8_t { open, close, call };
    Kind kind = Kind::call;
    uint16_t session = 0;
    uint16_t sm_port = 0;
    uint8_t rpc_id = 0;
    uint8_t type = 0;
    uint64_t deadline_ns = rpc::kNever;
    uint64_t tag = 0;
    std::string host;
    rpc::Buffer message;
  };
  struct Opened {
    uint64_t open_tag = 0;
    uint64_t close_tag = 0;
    bool live = false;
  };

  RpcClientThread(const RpcClientOptions &options, dataplane::OutcomeWaker &waker)
      : options_(options), waker_(waker) {}
  bool set_up(std::string &error);
  static void *thread_main(void *self);
  void loop();
  bool push(Command &&command);
  void take_commands();
  void execute(Command &command);
  void emit(RpcEvent &&event);
  void publish();
  void sleep(uint64_t now_ns);
  static void on_session(void *context, uint16_t session, rpc::SessionEvent event,
                         rpc::SmError error);
  static void on_answer(void *context, uint64_t tag, const rpc::CallResult &result);

  const RpcClientOptions options_;
  dataplane::OutcomeWaker &waker_;
  std::unique_ptr<rpc::DpdkPort> port_;
  std::unique_ptr<rpc::Backend> backend_;
  int descriptor_ = -1; ///< of the data socket; -1: polled only
  std::unique_ptr<rpc::UdpChannel> channel_;
  std::unique_ptr<rpc::Endpoint> endpoint_;
  std::unique_ptr<rpc::Rpc> rpc_;
  int bell_ = -1; ///< eventfd: commands wait
  pthread_t thread_{};
  bool joinable_ = false;
  std::atomic<bool> stopping_{false};

  std::mutex lock_;
  std::vector<Command> commands_;
  std::vector<RpcEvent> events_;
  bool woken_ = false;
  std::atomic<bool> commanded_{false};
  std::atomic<bool> asleep_{false};

  // The thread's own.
  std::vector<Command> executing_;
  std::vector<RpcEvent> fresh_;
  std::vector<Opened> opened_; ///< by session number
};

} // namespace sledge::transport
