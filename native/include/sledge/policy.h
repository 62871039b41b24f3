/* policy.h - the contract of dispatchers and schedulers with the dispatch core.
 *
 * A policy is a shared object that exports `sledge_policy`. A dispatcher decides placement, a
 * scheduler decides order on one worker. Both see views only; the host owns every request and a
 * policy holds references to it between `arrive` and `completed` or `removed`, never longer.
 *
 * Every callback runs under the lock of its worker group, one at a time, on whichever thread
 * entered (a worker, a transport, the watchdog; in the lab: the simulating thread). It must not
 * block, allocate, call a clock, log, or touch anything that it does not own. Callbacks never
 * nest: `assign` and `interrupt` are recorded and applied after the callback has returned.
 * Time is integer nanoseconds since the process started; ranks are integers below 2^53.
 */
#ifndef SLEDGE_POLICY_H
#define SLEDGE_POLICY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEDGE_POLICY_API_VERSION 1u
#define SLEDGE_NO_DEADLINE UINT64_MAX
#define SLEDGE_NO_WORKER UINT32_MAX

typedef enum sledge_request_state {
  SLEDGE_REQUEST_HELD = 0,     /* the dispatcher has it */
  SLEDGE_REQUEST_QUEUED = 1,   /* in a worker's run queue, never run yet */
  SLEDGE_REQUEST_RUNNING = 2,
  SLEDGE_REQUEST_PREEMPTED = 3, /* has run, waits to go on */
  SLEDGE_REQUEST_BLOCKED = 4   /* waits in a host call */
} sledge_request_state;

typedef enum sledge_removal {
  SLEDGE_REMOVED_CANCELLED = 1,
  SLEDGE_REMOVED_LATE = 2,
  SLEDGE_REMOVED_KILLED = 3,
  SLEDGE_REMOVED_SWAPPED = 4 /* handed to another policy */
} sledge_removal;

/* What a policy may know of a request. Read-only but for `policy_word`. */
typedef struct sledge_request {
  uint64_t id;       /* arrival sequence, from 1 */
  uint32_t type;     /* dense index of the function (or class), from 0 */
  uint32_t group;    /* DARC group of the type, from 0 */
  uint32_t tenant;   /* dense index */
  uint32_t state;    /* sledge_request_state */
  uint64_t arrival_ns;
  uint64_t deadline_ns;  /* SLEDGE_NO_DEADLINE if none */
  uint64_t estimate_ns;  /* service time expected, fixed at arrival; >= 1 */
  uint64_t run_ns;       /* service received so far */
  uint64_t remaining_ns; /* estimate - run, at least 1 */
  uint32_t preemptions;
  uint32_t worker;       /* where it is assigned or bound; SLEDGE_NO_WORKER */
  uint32_t bound;        /* 1: has started and can resume on `worker` only */
  uint32_t reserved;
  uint64_t policy_word[4]; /* the dispatcher's own, zero at arrival: links, stamps */
} sledge_request;

typedef struct sledge_worker_view {
  uint32_t id;
  uint32_t queue_length;          /* waiting in its run queue, the running one not counted */
  const sledge_request *running;  /* null: idle */
  uint64_t running_since_ns;      /* when it last got the worker */
  uint64_t queued_work_ns;        /* sum of remaining_ns in the queue, the running one included */
} sledge_worker_view;

/* The host's side, valid during a callback only. */
typedef struct sledge_workers sledge_workers;
struct sledge_workers {
  uint32_t count;
  uint64_t now_ns; /* the only clock */
  void *host;
  const sledge_worker_view *(*at)(sledge_workers *, uint32_t worker);
  /* Gives r to w's run queue. 0: full or no such worker; r stays held. */
  int (*assign)(sledge_workers *, uint32_t worker, sledge_request *r);
  /* Asks w to look at its queue now if it still runs `running_id`; its scheduler decides. */
  void (*interrupt)(sledge_workers *, uint32_t worker, uint64_t running_id);
  /* Work that would run on w before something with this deadline, O(log n). */
  uint64_t (*wait_ns)(sledge_workers *, uint32_t worker, uint64_t deadline_ns);
  /* Takes a queued request back from its worker; it is held again. 0: not queued. */
  int (*take)(sledge_workers *, sledge_request *r);
  /* Where a round-robin scan starts; advances by one per call. */
  uint32_t (*rotate)(sledge_workers *);
  /* Seeded; uniform in [0, 2^53). */
  uint64_t (*random)(sledge_workers *);
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
  uint32_t worker_count;   /* of this group */
  uint32_t type_count_max; /* request types are below this */
  uint32_t request_count_max; /* requests alive at any moment */
  uint64_t seed;
} sledge_policy_config;

/* Only `arrive` is required of a dispatcher. */
typedef struct sledge_dispatcher_ops {
  /* A new request, or one handed over in a swap. Assign it, or hold it (link it by policy_word).
   * Cost: on the way of every request. */
  void (*arrive)(void *self, sledge_request *r, sledge_workers *workers);
  /* Worker w has nothing to run: assign held work to it, if any. */
  void (*idle)(void *self, uint32_t w, sledge_workers *workers);
  /* r was preempted on w. Absent: it stays in w's run queue. Present: r is held; place it. */
  void (*preempted)(void *self, sledge_request *r, uint32_t w, sledge_workers *workers);
  /* r has ended on w, whatever its outcome. r is gone after this. */
  void (*completed)(void *self, const sledge_request *r, uint32_t w, sledge_workers *workers);
  /* r ended without completing while held or queued: forget it. r is gone after this. */
  void (*removed)(void *self, const sledge_request *r, sledge_removal why, sledge_workers *workers);
  /* Every tick_ns, if tick_ns is not 0. */
  void (*tick)(void *self, sledge_workers *workers);
  /* Gives up one held request for a swap, oldest first; null: none left. Required if it holds. */
  sledge_request *(*surrender)(void *self);
} sledge_dispatcher_ops;

typedef struct sledge_rank {
  uint64_t key;            /* smaller runs first; below 2^53 */
  uint64_t valid_until_ns; /* 0: for ever; else renewed when it reaches the head later than this */
} sledge_rank;

/* Only `rank` is required of a scheduler. */
typedef struct sledge_scheduler_ops {
  /* Order of r on its worker; asked on insertion and renewal. Ties go by arrival. */
  sledge_rank (*rank)(void *self, const sledge_request *r, uint64_t now_ns);
  /* Should candidate take the worker from running? Absent: if its rank is smaller. */
  int (*preempts)(void *self, const sledge_request *candidate, const sledge_request *running,
                  uint64_t now_ns);
} sledge_scheduler_ops;

typedef enum sledge_policy_kind { SLEDGE_DISPATCHER = 1, SLEDGE_SCHEDULER = 2 } sledge_policy_kind;

enum { /* sledge_policy.flags */
  SLEDGE_POLICY_WORK_CONSERVING = 1u << 0, /* no worker idles beside runnable held work */
  SLEDGE_POLICY_PREEMPTS = 1u << 1         /* sends interrupts, or preempts by rank or quantum */
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
  uint64_t (*tick_ns)(void *self);    /* null or 0: no tick */
  uint64_t (*quantum_ns)(void *self); /* scheduler; null or 0: run until preempted by rank */
  const sledge_dispatcher_ops *dispatcher;
  const sledge_scheduler_ops *scheduler;
} sledge_policy_table;

/* The one symbol that a policy's shared object exports. */
#define SLEDGE_POLICY_SYMBOL "sledge_policy"

#ifdef __cplusplus
}
#endif
#endif
