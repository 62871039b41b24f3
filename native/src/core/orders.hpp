// orders.hpp - a policy that runs elsewhere: what it decided comes as orders, carried out by the
// engine that serves; and there a second engine follows the first, event by event, so that the
// policy's callbacks see the same views and are called in the same way as in any engine.
#pragma once
#include <span>
#include <vector>

#include "core/engine.hpp"

namespace sledge {

enum class OrderKind : uint8_t {
  assign,
  interrupt, ///< the dispatcher's: look again
  take,
  reject,
  rank, ///< `number` is the key; the proxy scheduler knows it already
  beat  ///< the scheduler's: this request takes the worker from `running_id`
};

struct Order {
  OrderKind kind;
  uint32_t worker;
  uint32_t index; ///< of the request, in the serving engine's pool
  uint64_t id;    ///< of the request; one that is gone makes the order void
  uint64_t number;
  uint64_t running_id;
};

/// What the follower needs of an event, with the request as it is then.
struct FollowedEvent {
  EventKind kind;
  bool started;
  uint16_t place; ///< adopted: where it is
  uint32_t worker;
  uint32_t extra;
  uint32_t index;
  uint64_t now_ns;
  uint64_t tie;
  sledge_request request;
};

/// True for events that a follower must hear of.
bool is_followed(EventKind kind);
FollowedEvent followed(const EngineEvent &event);

/// Carries out orders in the serving engine.
class Orders {
 public:
  /// Void ones are ignored and counted. Requests that are to be refused are appended to `rejected`;
  /// they are still held. Group's lock.
  static void carry_out(Engine &engine, std::span<const Order> orders, uint64_t now_ns,
                        std::vector<Request *> &rejected);

 private:
  static Request *find(Engine &engine, const Order &order);
  static void carry_out(Engine &engine, const Order &order, std::vector<Request *> &rejected);
};

/// Follows the serving engine with an engine of the policy's own thread.
class Follower final : public EngineObserver {
 public:
  struct Leads {
    bool dispatcher = false; ///< its dispatcher decides; else it only mirrors
    bool scheduler = false;
  };
  /// The engine must be as large as the serving one and made with `follows`.
  Follower(Engine &engine, Leads leads);
  ~Follower();
  Follower(const Follower &) = delete;
  Follower &operator=(const Follower &) = delete;

  void follow(const FollowedEvent &event);
  void tick(uint64_t now_ns);
  std::vector<Order> &orders() { return orders_; }
  void on_event(const EngineEvent &event) override;

 private:
  struct Known {
    Request *request = nullptr;
    uint64_t key = 0; ///< last one ordered
    bool ranked = false;
  };
  Request *known(const FollowedEvent &event);
  Request *adopt(const FollowedEvent &event);
  void detach(Request *request);
  void ask_arrive(Request *request, const FollowedEvent &event);
  void queue(Request *request, uint32_t worker);
  void place(Request *request, const FollowedEvent &event);
  void start(Request *request, uint32_t worker);
  void switch_to(Request *request, const FollowedEvent &event);
  void end(Request *request, const FollowedEvent &event);
  void settle();
  void order(OrderKind kind, uint32_t worker, const Request *request, uint64_t number = 0,
             uint64_t running_id = 0);

  Engine &engine_;
  const Leads leads_;
  uint64_t asked_id_ = 0;         ///< whether this one would preempt has been asked
  std::vector<Known> known_;      ///< by the serving engine's index
  std::vector<uint32_t> serving_; ///< by our index: theirs
  std::vector<Order> orders_;
  std::vector<Action> actions_;
};

} // namespace sledge
