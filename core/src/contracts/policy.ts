/**
 * Dispatchers and schedulers in TypeScript: the same contract as native/include/sledge/policy.h.
 *
 * A policy sees views only; the host owns every request. All callbacks of one policy run one at a
 * time on one thread: live on the policy thread (a worker_thread, outside every lock, while workers
 * go on with what they have), in virtual time on the simulating thread. A callback must be
 * synchronous and may keep RequestViews between `arrive` and `completed` or `removed`, never
 * longer; WorkerViews and `workers` are valid until it returns. Its only clock is `workers.nowNs`,
 * its only chance `workers.random()` or `ctx.random()`, so that decisions can be reproduced.
 * Live, a policy that throws, takes longer than `policies.decisionLimitMs`, names a worker that
 * does not exist, or leaves a request waiting beside an idle worker is ejected: the fallback takes
 * over with nothing lost.
 *
 * Times are integer nanoseconds since the process started (exact in a number for 104 days).
 */

/** Where a request is: 'held' by the dispatcher, or 'queued' on a worker, never run yet ... */
export type RequestState = 'held' | 'queued' | 'running' | 'preempted' | 'blocked';

/** Why a request ended without completing. */
export type RemovalReason = 'cancelled' | 'late' | 'killed';

/** What a policy may know of a request. Reading a field costs some nanoseconds. */
export interface RequestView {
  /** Arrival sequence, from 1. */
  readonly id: number;
  /** Dense index of the function, from 0. */
  readonly type: number;
  /** DARC group of the type. */
  readonly group: number;
  /** Dense index of the tenant. */
  readonly tenant: number;
  readonly state: RequestState;
  readonly arrivalNs: number;
  /** Infinity: none. */
  readonly deadlineNs: number;
  /** Service time expected. At least 1. */
  readonly estimateNs: number;
  /** Service received so far. */
  readonly runNs: number;
  /** Service expected to be left; the estimate is doubled until it exceeds `runNs`. */
  readonly remainingNs: number;
  /** Time to spare: deadline less now less `remainingNs`; Infinity without a deadline. */
  readonly slackNs: number;
  readonly preemptions: number;
  /** The worker it was given to; -1: none. */
  readonly worker: number;
  /** The only worker that it can resume on; -1: any. */
  readonly affinity: number;
  /** The policy's own word for this request; undefined at arrival. */
  note: unknown;
}

/** A worker as of the call that gave it; what was assigned in this callback is included. */
export interface WorkerView {
  readonly id: number;
  /** null: it runs nothing. */
  readonly running: RequestView | null;
  /** When what it runs last got it. */
  readonly runningSinceNs: number;
  /** Waiting in its run queue, the running one not counted. */
  readonly queueLength: number;
  /** Sum of `remainingNs` in its queue, the running one included. */
  readonly queuedWorkNs: number;
}

/**
 * What a dispatcher may do; a worker is named by its view or its id. A worker that does not exist
 * is an error (live: the policy is ejected); a request that has gone or moved meanwhile is
 * ignored, counted, and answered with false.
 */
export interface Workers {
  readonly length: number;
  /** The only clock. */
  readonly nowNs: number;
  /** Sum of `remainingNs` of what the dispatcher holds. */
  readonly heldWorkNs: number;
  at(worker: number): WorkerView;
  /** Gives a held request to the worker's run queue. false: full, or it is bound to another. */
  assign(worker: number | WorkerView, request: RequestView): boolean;
  /**
   * Asks the worker to look at its queue now if it still runs `runningId`; its scheduler decides.
   * From a dispatcher with `preempted` it also ends the turn of what runs, as a quantum's end.
   */
  interrupt(worker: number | WorkerView, runningId: number): void;
  /**
   * Work that would run on the worker before the request if it were assigned now: what ranks before
   * it there, and what runs unless the request would preempt it. O(log n). Under sched-edf this is
   * the wait before its deadline.
   */
  waitNs(worker: number | WorkerView, request: RequestView): number;
  /** Would it take the worker from what runs there, by the scheduler's decision? */
  wouldPreempt(worker: number | WorkerView, request: RequestView): boolean;
  /**
   * First worker at or cyclically after `from` with the least `waitNs`: as asking each by itself,
   * in one call. -1: the request has gone.
   */
  leastWait(from: number | WorkerView, request: RequestView): number;
  /** Of those with `wouldPreempt` the first with the least `queuedWorkNs`, likewise; -1: none. */
  leastWorkYielding(from: number | WorkerView, request: RequestView): number;
  /** Takes a queued request back from its worker; it is held again. */
  take(request: RequestView): boolean;
  /** Asks for the rank of a queued request anew. */
  rerank(request: RequestView): boolean;
  /** In `arrive` only: refuses the request, because everything that may take it is full. */
  reject(request: RequestView): boolean;
  /** First worker at or cyclically after `from` without work and queue; -1: none. */
  nextIdle(from: number): number;
  /** Where a round-robin scan starts; advances by one per call. */
  rotate(): number;
  /** Seeded; an integer, uniform in [0, 2^53). */
  random(): number;
}

/** Decides placement. Only `arrive` is required. */
export interface Dispatcher {
  /**
   * A new request, or one handed over when policies are swapped (in order of arrival). Assign it,
   * hold it (keep the view), or reject it. Runs once per request.
   */
  arrive(request: RequestView, workers: Workers): void;
  /** The worker has nothing to run, or a quantum has ended: assign held work to it, if any. */
  idle?(worker: WorkerView, workers: Workers): void;
  /**
   * The request was preempted on the worker and is held: place it, at once or later. Absent: it
   * stays in that worker's run queue.
   */
  preempted?(request: RequestView, worker: WorkerView, workers: Workers): void;
  /** It has ended on the worker, whatever its outcome; the view is void after this. */
  completed?(request: RequestView, worker: WorkerView, workers: Workers): void;
  /** It ended without completing; `state` says from where. The view is void after this. */
  removed?(request: RequestView, reason: RemovalReason, workers: Workers): void;
  /** Every `tickUs` while any request is alive. */
  tick?(workers: Workers): void;
  readonly tickUs?: number;
  /** The longest turn while others wait; the shorter of this and the scheduler's holds. */
  readonly quantumUs?: number;
}

/** An order of requests: smaller first; ties go by arrival. */
export interface Rank {
  /** Integer from 0, below 2^53. */
  readonly key: number;
  /** Asked for anew when the request is first in its queue after this. Default: valid for ever. */
  readonly validUntilNs?: number;
  /** Behind all that are not overdue, save for `overdueShare` of the worker. */
  readonly isOverdue?: boolean;
}

/**
 * Decides the order on one worker. Both callbacks must be pure functions of their arguments and
 * the policy's options: they are asked as often as the host likes. Only `rank` is required.
 */
export interface Scheduler {
  /** On insertion into a queue, on renewal, and for what runs when it is compared. */
  rank(request: RequestView, nowNs: number): number | Rank;
  /** Should the candidate take the worker? Absent: if its rank is smaller. */
  preempts?(candidate: RequestView, running: RequestView, nowNs: number): boolean;
  /** A turn's length; then an equal may go on. Absent: until preempted by rank. */
  readonly quantumUs?: number;
  /** Share of a worker, below 1, that overdue requests get while others wait. Default: none. */
  readonly overdueShare?: number;
}

export type Policy = Dispatcher | Scheduler;
