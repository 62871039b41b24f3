// rpc_poller.hpp - a thread that receives RPCs, gives them to the data plane and answers them.
#pragma once
#include <atomic>
#include <memory>
#include <poll.h>
#include <pthread.h>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/data_plane.hpp"
#include "transport/rpc_format.hpp"
#include "transport/rpc_listener.hpp"

namespace sledge::transport {

/// Hears what a poller has to say. Called on the pollers' threads; must not block.
class RpcLog {
 public:
  /// What the RPC library reports of a session.
  virtual void line(std::string_view text) = 0;
  /// What a function wrote to stderr.
  virtual void function_log(uint32_t function, std::string_view text) = 0;
  /// A call of the function has failed because its module cannot be loaded any more.
  virtual void module_lost(uint32_t function) = 0;

 protected:
  ~RpcLog() = default;
};

struct RpcPollerOptions {
  uint32_t number = 0;       ///< also the id of its Rpcs
  int32_t core = -1;         ///< -1: unpinned
  bool spin = false;         ///< never sleeps
  uint64_t spin_ns = 20'000; ///< without `spin`: polls so long without news before it sleeps
  RpcFormat format = RpcFormat::sledge;
  uint64_t stop_limit_ns = 2'000'000'000;
  /// The worker of the same number polls while it has nothing to run, and between two runs; the
  /// thread stands in for it while it runs something for long.
  bool is_inline = false;
};

/// One Rpc for each listener, all on one thread at a time. What it submits is answered by itself:
/// no other thread is on the way but the worker; inline not even that.
class RpcPoller final : public dataplane::IdleWork {
 public:
  RpcPoller(const RpcPollerOptions &options, dataplane::DataPlane &plane, RpcLog &log)
      : options_(options), plane_(plane), log_(log) {}
  ~RpcPoller() { stop(); }
  RpcPoller(const RpcPoller &) = delete;
  RpcPoller &operator=(const RpcPoller &) = delete;

  /// On the data plane's owner thread, as `add` and `start`. False with `error` filled.
  bool open(std::string &error);
  bool add(RpcListener &listener, std::string &error);
  bool start(std::string &error);

  /// From now on requests are answered with SLEDGE_ERR_INVOKE_DRAINING.
  void drain();
  uint32_t in_flight() const { return intake_->alive(); }
  /// What its Rpcs have counted of this event so far. Owner thread.
  uint64_t sum_of(rpc::Counter rpc::Counters::*counter) const;
  /// While it drains: answers that clients are still fetching.
  uint32_t unfetched() const { return unfetched_.load(std::memory_order_acquire); }
  /// Cancels what is in flight, answers it, and joins the thread.
  void stop();

  // Inline, on the worker's thread: rpc_poller_inline.cpp

  size_t turn() override;
  uint64_t spin_ns() const override;
  void sleep(dataplane::Doorbell &bell, uint32_t seen) override;

 private:
  class Turn;
  struct Port {
    RpcPoller *poller = nullptr;
    RpcListener *listener = nullptr;
    std::unique_ptr<rpc::Backend> backend;
    std::unique_ptr<rpc::Rpc> rpc;
    int descriptor = -1;
  };
  /// By invocation, while it is in flight.
  struct Pending {
    Port *port = nullptr; ///< null: not ours
    rpc::RequestHandle handle;
    uint32_t generation = 0;
    uint32_t function = 0;
  };
  class Bell;

  static void *thread_main(void *self);
  static void on_request(void *context, rpc::Rpc &rpc, const rpc::Request &request);
  static void on_abandoned(void *context, const rpc::RequestHandle &handle);
  static void on_log(void *context, rpc::LogLevel level, const char *line);
  void loop();
  void stand_in();
  size_t take_turn();
  bool always_polls() const { return options_.spin || !may_sleep_; }
  uint64_t until_timer_ns() const;
  void sleep();
  bool may_end(uint64_t &limit_ns);
  int64_t submit(Port &port, const rpc::Request &request, uint32_t &function);
  size_t answer_outcomes();
  void answer(dataplane::Invocation &invocation);
  void respond(Port &port, const rpc::RequestHandle &handle, const RpcEnd &end);

  const RpcPollerOptions options_;
  dataplane::DataPlane &plane_;
  RpcLog &log_;
  std::shared_ptr<Bell> bell_;
  dataplane::Intake *intake_ = nullptr;
  std::vector<std::unique_ptr<Port>> ports_;
  pthread_t thread_{};
  bool joinable_ = false;
  std::atomic<bool> draining_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> unfetched_{0};
  std::atomic<uint64_t> worker_turn_ns_{0}; ///< inline: the worker's last turn
  std::atomic<bool> worker_sleeps_{false};
  std::atomic<bool> in_turn_{false}; ///< inline: somebody has what follows

  // Of the thread whose turn it is.
  std::vector<Pending> pending_;         ///< by index of the invocation
  std::vector<pollfd> awaited_;          ///< what ends its sleep
  std::vector<pollfd> stand_in_awaited_; ///< the same, of the thread that stands in
  rpc::Buffer scratch_;
  uint64_t now_ns_ = 0;
  uint32_t turns_ = 0;
  bool may_sleep_ = true;
};

} // namespace sledge::transport
