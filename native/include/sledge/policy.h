/* policy.h - the contract of dispatchers and schedulers with the dispatch core.
 *
 * A policy is a shared object that exports `sledge_policy`. A dispatcher decides placement, a
 * scheduler decides order on one worker. Both see views only; the host owns every request and a
 * policy holds references to it between `arrive` and `completed` or `removed`, never longer.
 *
 * Every callback runs under the lock of its worker group, one at a time, on whichever thread
 * entered (a worker, a transport, the watchdog; in the lab: the simulating thread). It must not
 * block, allocate, call a clock, log, or touch anything that it does not own. Callbacks of one
 * policy never nest: `assign` and `interrupt` are recorded and applied after the callback has
 * returned; `wait_ns` and `would_preempt` ask the scheduler (which must be a pure function of its
 * arguments and its options) from within a dispatcher's callback.
 * Time is integer nanoseconds since the process started; ranks are integers below 2^53.
 */
#ifndef SLEDGE_POLICY_H
#define SLEDGE_POLICY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 2 appended the callbacks of budgets to sledge_scheduler_ops and fields to sledge_policy_config;
 * policies made for 1 are taken as they are. What is appended comes with a new version; what is
 * changed or removed raises the oldest one too. */
#define SLEDGE_POLICY_API_VERSION 2u
#define SLEDGE_POLICY_API_OLDEST 1u
#define SLEDGE_NO_DEADLINE UINT64_MAX
#define SLEDGE_NO_WORKER UINT32_MAX

typedef enum sledge_request_state {
  SLEDGE_REQUEST_HELD = 0,   /* the dispatcher has it */
  SLEDGE_REQUEST_QUEUED = 1, /* in a worker's run queue, never run yet */
  SLEDGE_REQUEST_RUNNING = 2,
  SLEDGE_REQUEST_PREEMPTED = 3, /* has run, waits to go on */
  SLEDGE_REQUEST_BLOCKED = 4    /* waits in a host call */
} sledge_request_state;

typedef enum sledge_removal {
  SLEDGE_REMOVED_CANCELLED = 1,
  SLEDGE_REMOVED_LATE = 2,
  SLEDGE_REMOVED_KILLED = 3
} sledge_removal;

/* What a policy may know of a request. Read-only but for `policy_word`. */
typedef struct sledge_request {
  uint64_t id;     /* arrival sequence, from 1 */
  uint32_t type;   /* dense index of the function (or class), from 0 */
  uint32_t group;  /* DARC group of the type, from 0 */
  uint32_t tenant; /* dense index */
  uint32_t state;  /* sledge_request_state */
  uint64_t arrival_ns;
  uint64_t deadline_ns;  /* SLEDGE_NO_DEADLINE if none */
  uint64_t estimate_ns;  /* service time expected, fixed at arrival; >= 1 */
  uint64_t run_ns;       /* service received so far */
  uint64_t remaining_ns; /* expected: estimate - run; the estimate doubled until it exceeds run */
  uint32_t preemptions;
  uint32_t worker;         /* where it is assigned or bound; SLEDGE_NO_WORKER */
  uint32_t bound;          /* 1: has started and can resume on `worker` only */
  uint32_t order_word;     /* the scheduler's own, what its `arrive` has answered; else 0 */
  uint64_t policy_word[4]; /* the dispatcher's own, zero at arrival: links, stamps */
} sledge_request;

typedef struct sledge_worker_view {
  uint32_t id;
  uint32_t queue_length;         /* waiting in its run queue, the running one not counted */
  const sledge_request *running; /* null: idle */
  uint64_t running_since_ns;     /* when it last got the worker */
  uint64_t queued_work_ns;       /* sum of remaining_ns in the queue, the running one included */
} sledge_worker_view;

/* The host's side, valid during a callback only. Ids and pointers that are no longer true, and
 * workers that do not exist, are refused (0), ignored and counted; nothing ends the process. */
typedef struct sledge_workers sledge_workers;
struct sledge_workers {
  uint32_t count;
  uint32_t reply_ns;     /* in `admit`: expected from the end of the request until its answer is on
                            its way; 0: unknown */
  uint64_t now_ns;       /* the only clock */
  uint64_t held_work_ns; /* sum of remaining_ns of what the dispatcher holds */
  void *host;
  /* As of this call, what was assigned in this callback included; the view is valid until the
   * callback returns. Null: no such worker. */
  const sledge_worker_view *(*at)(sledge_workers *, uint32_t worker);
  /* Gives held r to the worker's run queue. 0: full, no such worker, bound to another worker, or
   * not held; r stays what it was. */
  int (*assign)(sledge_workers *, uint32_t worker, sledge_request *r);
  /* Asks the worker to look at its queue now if it still runs `running_id`; its scheduler decides.
   * A request assigned without this waits until what runs there ends, blocks or is preempted.
   * From a dispatcher that has `preempted` it also ends the running one's turn, as the end of a
   * quantum does: requests of equal rank go first. */
  void (*interrupt)(sledge_workers *, uint32_t worker, uint64_t running_id);
  /* Work that would run on the worker before r if r were assigned now, O(log n): the sum of
   * remaining_ns of every queued request that ranks before r in that worker's order (ties by
   * arrival; ranks as last asked for), plus that of the running one unless r would preempt it.
   * Under sched-edf this is the wait before r's deadline. SLEDGE_NO_DEADLINE: no such worker. */
  uint64_t (*wait_ns)(sledge_workers *, uint32_t worker, const sledge_request *r);
  /* 1: r would take the worker from what it runs now, by the scheduler's decision. 0: it would
   * not, or the worker runs nothing. */
  int (*would_preempt)(sledge_workers *, uint32_t worker, const sledge_request *r);
  /* Takes a queued request back from its worker; it is held again. 0: not queued. */
  int (*take)(sledge_workers *, sledge_request *r);
  /* Asks for the rank of a queued request anew, O(log n). 0: not queued. */
  int (*rerank)(sledge_workers *, sledge_request *r);
  /* In `arrive` only: refuses r, because everything that may take it is full; r is gone. 0: r is
   * not new (handed over in a swap): place or hold it. */
  int (*reject)(sledge_workers *, sledge_request *r);
  /* First worker at or cyclically after `from` that runs nothing and has an empty queue, or
   * SLEDGE_NO_WORKER; O(count / 64). */
  uint32_t (*next_idle)(sledge_workers *, uint32_t from);
  /* Where a round-robin scan starts; advances by one per call. */
  uint32_t (*rotate)(sledge_workers *);
  /* Seeded; uniform in [0, 2^53). */
  uint64_t (*random)(sledge_workers *);
  /* The first worker at or cyclically after `from` with the least wait_ns(r). SLEDGE_NO_WORKER: no
   * such worker or request. As asking each by itself, in half the time. */
  uint32_t (*least_wait)(sledge_workers *, uint32_t from, const sledge_request *r);
  /* Of the workers with would_preempt(r) the first with the least queued_work_ns, likewise.
   * SLEDGE_NO_WORKER: none of them. */
  uint32_t (*least_work_yielding)(sledge_workers *, uint32_t from, const sledge_request *r);
};

/* Options arrive as name/value pairs, validated by the plugin's TypeScript side. */
typedef struct sledge_option {
  const char *name;
  double number;
  const char *text; /* null for numbers and booleans */
} sledge_option;

typedef struct sledge_policy_config {
  const sledge_option *options;
  uint32_t option_count;
  uint32_t worker_count;      /* of this group */
  uint32_t type_count_max;    /* request types are below this */
  uint32_t request_count_max; /* requests alive at any moment */
  uint64_t seed;
  /* Since API 2. */
  uint32_t tenant_count_max; /* tenants are below this */
  uint32_t reserved;
} sledge_policy_config;

/* What a tenant has been promised of this group's workers; since API 2. */
typedef struct sledge_tenant_terms {
  uint64_t budget_ns; /* time of workers, all together, in each period; 0: nothing is promised */
  uint64_t period_ns; /* periods begin at multiples of it; not 0 where budget_ns is not */
} sledge_tenant_terms;

/* Only `arrive` is required of a dispatcher. */
typedef struct sledge_dispatcher_ops {
  /* A new request, or one handed over in a swap (policy_word zeroed, in order of arrival). Assign
   * it, hold it (link it by policy_word), or reject it. Cost: on the way of every request. */
  void (*arrive)(void *self, sledge_request *r, sledge_workers *workers);
  /* Worker w has nothing to run, or the quantum of what it runs has ended: assign held work to it,
   * if any. */
  void (*idle)(void *self, uint32_t w, sledge_workers *workers);
  /* r was preempted on w. Absent: it stays in w's run queue. Present: r is held; place it (if
   * r->bound, only w takes it), at once or later. */
  void (*preempted)(void *self, sledge_request *r, uint32_t w, sledge_workers *workers);
  /* r has ended on w, whatever its outcome; w runs nothing. r is gone after this. A request that
   * was running or bound during a swap gets here without an `arrive` (its policy_word is zero). */
  void (*completed)(void *self, const sledge_request *r, uint32_t w, sledge_workers *workers);
  /* r ended without completing; r->state says from where: forget it. r is gone after this. */
  void (*removed)(void *self, const sledge_request *r, sledge_removal why, sledge_workers *workers);
  /* Every tick_ns while any request is alive, if tick_ns is not 0. */
  void (*tick)(void *self, sledge_workers *workers);
} sledge_dispatcher_ops;

/* Or'ed into sledge_rank.key: the request is overdue and stands behind all that are not, save for
 * the share of the worker that overdue_share_ppm guarantees. */
#define SLEDGE_RANK_OVERDUE (1ull << 63)
#define SLEDGE_RANK_KEY_MAX ((1ull << 53) - 1)

typedef struct sledge_rank {
  uint64_t key;            /* smaller runs first; below 2^53 (greater is cut), or overdue */
  uint64_t valid_until_ns; /* 0: for ever; else renewed when it is at the head after this time */
} sledge_rank;

/* Only `rank` is required of a scheduler. */
typedef struct sledge_scheduler_ops {
  /* Order of r on its worker; asked on insertion and renewal, and for what runs when it is
   * compared. Ties go by arrival; a preempted request keeps its place among equals unless its
   * quantum ended: then it goes behind them. */
  sledge_rank (*rank)(void *self, const sledge_request *r, uint64_t now_ns);
  /* Should candidate take the worker from running? Absent: if its rank's key is smaller.
   * remaining_ns and run_ns of `running` are up to date. */
  int (*preempts)(void *self, const sledge_request *candidate, const sledge_request *running,
                  uint64_t now_ns);
  /* Since API 2, all optional: for orders that depend on what has run, as budgets do. Like the
   * callbacks of a dispatcher they run under the group's lock, one at a time; `rank` and `preempts`
   * are then functions of their arguments and of what these have said. */
  /* The terms of a tenant below tenant_count_max: those that are promised something before any
   * other callback, and each when its terms change. */
  void (*tenant)(void *self, uint32_t tenant, const sledge_tenant_terms *terms, uint64_t now_ns);
  /* A new request, its estimate filled, before the dispatcher sees it; when policies are exchanged
   * each that is here, in order of arrival. The answer is its order_word from now on. */
  uint32_t (*arrive)(void *self, const sledge_request *r, uint64_t now_ns);
  /* r has run for ran_ns up to now_ns. Said before its worker's decisions, when it leaves, and of
   * all that run before `settle`, and before a rank that has expired is asked for anew. */
  void (*ran)(void *self, const sledge_request *r, uint64_t ran_ns, uint64_t now_ns);
  /* r has ended, whatever its outcome, also if the dispatcher refused it. */
  void (*gone)(void *self, const sledge_request *r, uint64_t now_ns);
  /* Time has come to look: when the answer before has said, at first with the first arrival. Sets
   * *reordered (0 before) when ranks of waiting requests have changed: all are asked for anew, O(n
   * log n). @returns when to look again; 0: never. Only while any request is alive. */
  uint64_t (*settle)(void *self, uint64_t now_ns, int *reordered);
} sledge_scheduler_ops;

/* An estimator says how long a request will take, from those of its type that have ended. Its
 * callbacks run under the group's lock like a dispatcher's. */
typedef struct sledge_estimator_ops {
  /* Service time to expect of a new request of this type, ns; asked at arrival (worker is
   * SLEDGE_NO_WORKER), and again when a request that has not started is assigned. `fallback_ns` is
   * what the configuration expects (0: nothing); `oracle_ns` the true service time where it is
   * known beforehand (experiments; else 0). 0: keep what it has. Cost: on the way of every
   * request. */
  uint64_t (*estimate)(void *self, uint32_t type, uint32_t worker, uint64_t fallback_ns,
                       uint64_t oracle_ns);
  /* A request of this type has ended on the worker after run_ns of service. `succeeded` 0: it
   * trapped, was killed, or exited with an error: its time says nothing of those that complete. */
  void (*observe)(void *self, uint32_t type, uint32_t worker, uint64_t run_ns, int succeeded);
  /* The type now names another function: what was learned of it is void. Optional. */
  void (*forget)(void *self, uint32_t type);
} sledge_estimator_ops;

typedef struct sledge_verdict {
  uint32_t admitted; /* 0: the request is refused */
  uint32_t reserved;
  uint64_t retry_after_ns; /* refused: when it may be worth another try; 0: unknown */
} sledge_verdict;

/* An admission policy refuses at arrival what would do no good. Under the group's lock. */
typedef struct sledge_admission_ops {
  /* A new request, its estimate filled, before the dispatcher sees it. `word` is the policy's own
   * for this request, zero now. Only `at`, `wait_ns`, `least_wait` and `next_idle` of
   * workers may be used. */
  sledge_verdict (*admit)(void *self, const sledge_request *r, uint64_t *word,
                          sledge_workers *workers);
  /* An admitted request has ended, whatever its outcome, also if the dispatcher refused it. */
  void (*ended)(void *self, const sledge_request *r, uint64_t word, sledge_workers *workers);
} sledge_admission_ops;

typedef enum sledge_policy_kind {
  SLEDGE_DISPATCHER = 1,
  SLEDGE_SCHEDULER = 2,
  SLEDGE_ESTIMATOR = 3,
  SLEDGE_ADMISSION = 4
} sledge_policy_kind;

enum {                                          /* sledge_policy.flags */
       SLEDGE_POLICY_WORK_CONSERVING = 1u << 0, /* no worker idles beside runnable held work */
       SLEDGE_POLICY_PREEMPTS = 1u << 1 /* sends interrupts, or preempts by rank or quantum */
};

typedef struct sledge_policy {
  uint32_t api_version;
  uint32_t struct_bytes;
  const char *name; /* the plugin's name */
  sledge_policy_kind kind;
  uint32_t flags;
  /* The policy's state, or null with a message in `error` (at most error_bytes). May allocate. */
  void *(*create)(const sledge_policy_config *config, char *error, size_t error_bytes);
  void (*destroy)(void *self);
  uint64_t (*tick_ns)(void *self); /* null or 0: no tick; read once, after create */
  /* Scheduler or dispatcher (the shorter counts): longest turn while others wait. At its end the
   * dispatcher's `idle` is asked for held work; null or 0: run until preempted by rank. */
  uint64_t (*quantum_ns)(void *self);
  /* Scheduler: the share of a worker's time, in millionths, that its overdue requests get while
   * on-time ones wait; null or 0: none. Read once, after create. */
  uint64_t (*overdue_share_ppm)(void *self);
  const sledge_dispatcher_ops *dispatcher;
  const sledge_scheduler_ops *scheduler;
  const sledge_estimator_ops *estimator;
  const sledge_admission_ops *admission;
} sledge_policy_table;

/* The one symbol that a policy's shared object exports. */
#define SLEDGE_POLICY_SYMBOL "sledge_policy"

#ifdef __cplusplus
}
#endif
#endif
