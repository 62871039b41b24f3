// engine.hpp - the dispatch core: dispatcher, run queues and schedulers of one worker group as a
// pure function (now, event) -> actions.
//
// The data plane drives it with real workers and clocks, the lab with a virtual clock. It has no
// clock, no lock, no allocation after construction, no input or output, and throws nothing.
//
// The caller holds the group's lock around every call, passes a `now_ns` that never decreases, and
// sends the actions (take_actions) after unlocking. How a worker uses it:
//
//   request = next(w, now)                 null: idle; sleep until woken, then next again
//   run the request's sandbox; when it leaves:
//     completed, trapped, killed ...       finish(w, now); [outcome]; release(request); next(...)
//     preempted (or a spurious flag)       request = reconsider(w, now)   maybe the same
//     has asked to let others run          request = yield(w, now)
//     blocked                              block(w, now); next(...)
//   a blocked request may go on            unblock(request, now), from any thread
//
// A wake action is never lost: a worker whose `next` answered null gets exactly one `wake` before
// there is work for it, and none while it is busy. An interrupt action names what the worker ran;
// the caller drops it if the worker runs something else meanwhile.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/engine_event.hpp"
#include "core/policy_instance.hpp"
#include "core/request.hpp"
#include "core/run_queue.hpp"
#include "core/worker_timers.hpp"

namespace sledge {

struct EngineConfig {
  uint32_t worker_count = 1;         ///< 1..worker_count_max
  uint32_t request_count_max = 1024; ///< alive at any moment; 1..RequestPool::capacity_max
  uint32_t queue_length_max = 1024;  ///< waiting in one worker's run queue
  /// Started and not ended, each with a slot: with so many a worker starts no other while it has a
  /// started one to go on with. 0: any number.
  uint32_t started_max = 0;
  bool preemption = true; ///< false: no interrupt action is ever given
  bool migration = false; ///< true: a preempted request may resume on any worker
  uint64_t seed = 1;
  std::vector<sledge_tenant_terms> terms; ///< by tenant, of this group's workers; may be empty
  bool follows = false; ///< another engine leads: quanta and the overdue share are its business
};

enum class Arrival : uint8_t {
  accepted,
  queue_full,   ///< the dispatcher refused it: everything that may take it is full
  not_admitted, ///< the admission policy refused it; see Request::retry_after_ns
  rejected      ///< not a fresh request
};

enum class ActionKind : uint8_t {
  wake,     ///< the worker is idle and has work: let it call next
  interrupt ///< set the worker's flag if it still runs `request_id`
};

struct Action {
  ActionKind kind;
  uint32_t worker;
  uint64_t request_id; ///< interrupt: what it runs, as sledge_request.id; wake: 0
};

/// Monotonic since construction; `held` to `elsewhere` are gauges.
struct EngineCounters {
  uint64_t accepted = 0;
  uint64_t refused = 0;      ///< arrivals that were not accepted
  uint64_t not_admitted = 0; ///< of the refused: by the admission policy
  uint64_t completed = 0;    ///< by finish
  uint64_t removed = 0;      ///< by remove or discard
  uint64_t held = 0;
  uint64_t queued = 0;
  uint64_t running = 0;
  uint64_t blocked = 0;
  uint64_t elsewhere = 0; ///< new, ended and free ones, modulo 2^64; of no use
  uint64_t preemptions = 0;
  uint64_t quantum_ends = 0; ///< preemptions because a quantum ended
  uint64_t wakes = 0;
  uint64_t interrupts = 0;          ///< interrupt actions given
  uint64_t interrupts_declined = 0; ///< asked for, and the scheduler kept what runs
  uint64_t actions_ignored = 0;     ///< policy calls that named what is no longer true
  uint64_t assigns_refused = 0;     ///< queue full
  uint64_t rank_renewals = 0;
  uint64_t overdue_runs = 0; ///< started on the overdue share before on-time work
  uint64_t swaps = 0;
};

class Engine {
 public:
  static constexpr uint32_t worker_count_max = 4096;
  static constexpr uint64_t estimate_max_ns = (1ull << 43) - 1;

  /// Both policies must be of their kind and made for this worker count; null with `error` filled
  /// otherwise, or when the config is out of bounds.
  static std::unique_ptr<Engine> make(const EngineConfig &config, PolicyInstance dispatcher,
                                      PolicyInstance scheduler, PolicyError &error);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  RequestPool &pool() { return pool_; }
  uint32_t worker_count() const { return config_.worker_count; }
  const EngineConfig &config() const { return config_; }

  // --- the life of a request ---

  /// A request to fill (type, group, tenant, arrival_ns, deadline_ns, estimate_ns) and to pass to
  /// arrive; null: all request_count_max are in use.
  Request *acquire() { return pool_.acquire(); }
  /// A fresh request enters; gets its id here. When not accepted it is ended: release it.
  Arrival arrive(Request *request, uint64_t now_ns);
  /// Held, queued, preempted or blocked: leaves now, and is ended (the caller ends its sandbox and
  /// releases it). False: it is running or no longer here, nothing changed.
  bool remove(Request *request, sledge_removal why, uint64_t now_ns);
  /// Gives an ended (or never arrived) request back to the pool.
  void release(Request *request) { pool_.release(request); }

  // --- what workers call; `worker` < worker_count ---

  /// The worker runs nothing: what it runs from now on, or null. Asks the dispatcher if its queue
  /// is empty.
  Request *next(uint32_t worker, uint64_t now_ns);
  /// True if the scheduler (or an ended quantum) wants something else on this worker now.
  bool should_leave(uint32_t worker, uint64_t now_ns);
  /// The running request has left, asked to or not: what the worker runs from now on, never null
  /// while it runs something; the same request if nothing better waits.
  Request *reconsider(uint32_t worker, uint64_t now_ns);
  /// The running request has left to let others run: as `reconsider` at the end of its quantum, and
  /// a dispatcher that holds work is asked for some.
  Request *yield(uint32_t worker, uint64_t now_ns);
  /// The running request waits in a host call; it is returned, and the worker runs nothing.
  Request *block(uint32_t worker, uint64_t now_ns);
  /// A blocked request may go on: it is queued on its worker, who is woken or interrupted if due.
  /// False: it was not blocked (any more).
  bool unblock(Request *request, uint64_t now_ns);
  /// The running request has ended; it is returned, to be released. `succeeded` false: its run
  /// time says nothing of requests that complete.
  Request *finish(uint32_t worker, uint64_t now_ns, bool succeeded = true);
  /// The running request, just taken by next and not started, is dropped instead (late, cancelled).
  Request *discard(uint32_t worker, sledge_removal why, uint64_t now_ns);

  /// What the worker runs, or null.
  Request *running(uint32_t worker) const { return workers_[worker].running; }
  /// When the quantum of what the worker runs ends, if somebody waits for it; 0: nobody does.
  uint64_t turn_end_ns(uint32_t worker) const;
  /// When what the worker runs should leave without being asked, also for those who may come until
  /// then: its quantum's end, or its timer. UINT64_MAX: never.
  uint64_t leave_by_ns(uint32_t worker) const;
  uint32_t queue_length(uint32_t worker) const { return workers_[worker].queue.length(); }

  // --- time ---

  /// When tick is due: the dispatcher's interval, the end of a quantum that somebody waits for;
  /// UINT64_MAX: never (as things are; ask again after each event).
  uint64_t next_tick_ns() const;
  void tick(uint64_t now_ns);

  // --- actions ---

  /// Moves recorded actions to `out`, oldest first; those that do not fit stay for the next call.
  /// At most 2 * worker_count are ever waiting.
  size_t take_actions(std::span<Action> out);
  size_t actions_waiting() const { return action_count_; }

  // --- policies ---

  /// Hands every held and queued request to `dispatcher` by `arrive`, in order of arrival, with
  /// its affinity; bound ones stay in their worker's queue unless it has `preempted`; running and
  /// blocked ones stay. Returns the old policy, to be destroyed outside the lock; returns
  /// `dispatcher` itself, with nothing changed, when it is not one. O(n log n).
  PolicyInstance swap_dispatcher(PolicyInstance dispatcher, uint64_t now_ns);
  /// Ranks every queued and running request anew. As above.
  PolicyInstance swap_scheduler(PolicyInstance scheduler, uint64_t now_ns);
  /// Replaces the estimator; an empty instance: estimates are as the caller filled them. Returns
  /// the old one, or `estimator` itself when it is not one.
  PolicyInstance swap_estimator(PolicyInstance estimator);
  /// Replaces the admission policy; an empty instance admits all. As above.
  PolicyInstance swap_admission(PolicyInstance admission);
  /// What the tenant has been promised from now on, of these workers. False: there is no such
  /// tenant, its number is not below `tenant_count_max`.
  bool set_terms(uint32_t tenant, const sledge_tenant_terms &terms, uint64_t now_ns);
  /// The type now names another function: the estimator forgets it.
  void forget_type(uint32_t type);
  const char *dispatcher_name() const { return dispatcher_.table()->name; }
  const char *scheduler_name() const { return scheduler_.table()->name; }

  // --- watching ---

  /// Tells the observer of everything from now on; null: nobody. It must outlive the engine or be
  /// taken away before.
  void observe_with(EngineObserver *observer) { observer_ = observer; }
  /// Tells the observer of every request that is here, as adopted; in order of arrival.
  void tell_all(uint64_t now_ns);
  const EngineCounters &counters() const { return counters_; }
  /// Oldest request that the dispatcher holds, or null: with an idle worker beside it for long, it
  /// is starved or lost by the policy.
  const Request *oldest_held() const { return held_.front(); }
  /// First idle worker at or cyclically after `from`, or SLEDGE_NO_WORKER.
  uint32_t next_idle(uint32_t from) const;
  /// Checks every link, sum and count, O(n): true if every accepted request is in exactly one
  /// place. For tests and the watchdog.
  bool consistent() const;

  static constexpr uint32_t tenant_count_max = 1024;
  /// Time that overdue work gets at a stretch while on-time work waits.
  static constexpr uint64_t overdue_slice_ns = 10'000;

 private:
  struct Worker {
    RunQueue queue;
    Request *running = nullptr;
    uint64_t since_ns = 0;       ///< when `running` got the worker
    uint64_t charged_ns = 0;     ///< up to when its run time is counted
    uint64_t quantum_end_ns = 0; ///< UINT64_MAX: none
    uint64_t interrupt_id = 0;   ///< running id that a waiting or sent interrupt names
    uint64_t asked_id = 0;       ///< running id that the dispatcher wants interrupted
    uint64_t taker_event = 0;    ///< of the engine, when `taken` was answered
    uint64_t taker_id = 0;
    bool taken = false;         ///< whether taker_id would take it from what runs
    int64_t overdue_credit = 0; ///< ns times 10^6
    uint64_t pending_ns = 0;    ///< work assigned in the callback that runs now
    uint32_t pending = 0;
    uint32_t blocked = 0;
    bool awake = false;         ///< will call next by itself
    bool wake_sent = false;     ///< a wake is waiting or sent, and next has not followed
    bool wake_recorded = false; ///< in actions_
    bool interrupt_recorded = false;
    bool quantum_asked = false; ///< the dispatcher was asked for work at this quantum's end
    bool overdue_turn = false;  ///< what runs was chosen on the overdue share
  };
  enum class Why : uint8_t { none, rank, quantum, overdue_share };
  struct Decision {
    Request *candidate = nullptr; ///< takes the worker; null: what runs stays
    Why why = Why::none;
  };
  struct Rank {
    uint64_t key;
    uint64_t valid_until_ns;
  };
  /// What a dispatcher asks of one request after the other worker: it is the same each time.
  struct Asked {
    const Request *request = nullptr;
    uint64_t event = 0;
    Rank rank{};
  };
  struct Host; // the functions that a dispatcher calls
  friend struct Host;
  friend class Orders;
  friend class Follower;

  Engine(const EngineConfig &config, PolicyInstance dispatcher, PolicyInstance scheduler);
  const sledge_dispatcher_ops &dispatcher_ops() const { return *dispatcher_.table()->dispatcher; }

  // Before the dispatcher: engine_admission.cpp
  void estimate(Request &request, uint32_t worker);
  void observe(const Request &request, bool succeeded);
  bool admit(Request &request);
  void end_admission(Request &request);
  static uint64_t remaining(const Request &request);

  // Schedulers with budgets: engine_budgets.cpp
  void tell_terms();
  void tell_arrivals();
  void order_arrival(Request &request);
  void order_gone(const Request &request) {
    if (scheduler_ops_.gone != nullptr)
      scheduler_ops_.gone(scheduler_.self(), &request, now());
  }
  void charge_all();
  void rerank(Worker &worker);
  void settle_order();
  void rerank_all();

  // Order: engine_order.cpp
  uint64_t overdue_timer_ns(const Worker &worker) const;
  Rank rank_of(const Request &request) const;
  const Request *asked_of(const sledge_request *r) {
    if (asked_of_.event == event_ && asked_of_.request == r && r != nullptr) [[likely]]
      return asked_of_.request;
    return asked_anew(r);
  }
  const Request *asked_anew(const sledge_request *r);
  bool takes(Worker &worker, const Request &request) {
    if (worker.taker_event == event_ && worker.taker_id == request.id) [[likely]]
      return worker.taken;
    return takes_anew(worker, request);
  }
  bool takes_anew(Worker &worker, const Request &request);
  void rank(Request &request);
  void insert(uint32_t worker, Request *request);
  void charge(Worker &worker);
  bool starts_no_more() const {
    return config_.started_max != 0 && started_count_ >= config_.started_max;
  }
  Request *first_from(const Worker &worker, uint64_t key) const;
  Request *settled_head(Worker &worker);
  bool preempts(const Request &candidate, uint64_t candidate_key, const Request &running) const;
  Request *overdue_due(const Worker &worker) const;
  Decision decide(Worker &worker);
  Request *take_next(Worker &worker);

  void note(EventKind kind, uint32_t worker, const Request *request, uint32_t extra = 0) {
    if (observer_ != nullptr) [[unlikely]]
      observer_->on_event({kind, worker, extra, request, host_.now_ns});
  }

  // Events: engine.cpp
  void read_policies();
  void gather(bool bound_too);
  void list_all();
  void begin(uint64_t now_ns);
  uint64_t now() const { return host_.now_ns; }
  void start(uint32_t worker, Request *request);
  void restart_quantum(Worker &worker);
  Request *leave(uint32_t worker);
  void give_place(uint32_t worker, Request *request, Why why);
  void change_over(uint32_t worker, const Decision &decision);
  void move(Request *request, Place place);
  void end_removed(Request *request, sledge_removal why);

  // Callbacks and their consequences: engine_host.cpp
  sledge_workers host_table();
  void hold(Request *request);
  void flush_pending();
  void apply();
  void ask_idle(uint32_t worker);
  uint64_t next_random();

  // Actions and timers: engine_actions.cpp
  void record(ActionKind kind, uint32_t worker);
  void wake_if_idle(uint32_t worker);
  void interrupt_running(uint32_t worker);
  void refresh_idle(uint32_t worker);
  uint64_t timer_due_ns(const Worker &worker) const;
  void refresh_timer(uint32_t worker);
  void set_parked(uint32_t worker, bool parked);
  void unpark();

  EngineConfig config_;
  RequestPool pool_;
  RunChunkPool chunks_;
  PolicyInstance dispatcher_;
  PolicyInstance scheduler_;
  PolicyInstance estimator_;
  PolicyInstance admission_;
  uint32_t admission_epoch_ = 1;
  EngineObserver *observer_ = nullptr;
  sledge_scheduler_ops scheduler_ops_{};
  uint64_t settle_at_ns_ = WorkerTimers::never_ns;
  uint64_t quantum_ns_ = 0;
  uint64_t overdue_share_ppm_ = 0;
  uint64_t tick_ns_ = 0;
  uint64_t tick_at_ns_ = 0;
  std::vector<sledge_tenant_terms> terms_; ///< by tenant
  std::vector<Worker> workers_;
  RequestList held_;
  RequestList pending_;
  std::vector<uint32_t> asked_;       ///< workers with asked_id
  std::vector<uint64_t> idle_bits_;   ///< run nothing and have nothing queued
  std::vector<uint64_t> parked_bits_; ///< quantum over, and nobody waited
  uint32_t parked_count_ = 0;
  WorkerTimers timers_;
  std::vector<Action> actions_; ///< ring
  size_t action_first_ = 0;
  size_t action_count_ = 0;
  sledge_workers host_{};
  uint64_t event_ = 0; ///< another one when an answer to a dispatcher may be another one
  Asked asked_of_;
  std::vector<sledge_worker_view> views_;
  std::vector<Request *> scratch_; ///< for swaps
  Request *arriving_ = nullptr;
  bool swapping_ = false;
  uint32_t rotation_ = 0;
  uint32_t started_count_ = 0;
  uint64_t random_state_ = 0;
  uint64_t id_last_ = 0;
  uint64_t tie_last_ = 0;
  EngineCounters counters_;
};

} // namespace sledge
